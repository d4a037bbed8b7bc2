// What the command line says: tools/run encoder_decoder --help.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

struct Options {
  int64_t epochs = 30, series = 10'000, batch_size = 128, hidden = 64;
  double teacher_forcing = 0, noise = 0.1, learning_rate = 0.01;
  uint64_t seed = 0;
  std::string device = "cpu";
  int threads = 1;  // 0: torch's choice; the decoder's steps are too small to share well
  std::filesystem::path plots;

  /// Ends the program for --help (status 0) and for what it cannot take (status 2, with a line that says why).
  static Options from_command_line(int argc, char** argv);
};
