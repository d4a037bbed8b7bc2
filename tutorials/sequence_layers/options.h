// What the command line says: tools/run sequence_layers --help.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

struct Options {
  std::string cell = "lstm";  // lstm, gru, rnn or mgu: the tutorial's own
  int64_t epochs = 6, sequences = 2000, longest = 60, batch_size = 32;
  double learning_rate = 0.005;
  uint64_t seed = 0;
  int threads = 0;              // 0: torch's choice
  std::filesystem::path plots;  // empty: no picture

  /// Ends the program for --help (status 0) and for what it cannot take (status 2, with a line that says why).
  static Options from_command_line(int argc, char** argv);
};
