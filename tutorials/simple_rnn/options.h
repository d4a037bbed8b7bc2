// What the command line says: tools/run simple_rnn --help.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

struct Options {
  std::string model = "both";  // struct, compact or both
  std::string loop = "step";   // step, fit, or manual: the older reference's way
  std::string cell = "lstm";   // lstm, gru or rnn
  int64_t epochs = 25, batch_size = 128, hidden = 8;
  double learning_rate = 0.01;
  uint64_t seed = 0;
  bool mirrored = false, compress = false;
  std::string device = "cpu";
  int threads = 0;  // 0: torch's choice
  std::filesystem::path out = "trained_model.jld2", plots;

  /// Ends the program for --help (status 0) and for what it cannot take (status 2, with a line that says why).
  static Options from_command_line(int argc, char** argv);
};
