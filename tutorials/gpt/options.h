// What the command line says: tools/run gpt --help.
#pragma once

#include <luxtorch/data/sample.h>
#include <luxtorch/tree.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "corpus.h"

struct Options {
  // The network and its training.
  int64_t layers = 4, dims = 128, heads = 4, context = 256;
  int64_t epochs = 3, batch_size = 8;
  double learning_rate = 2e-3, decay = 0.1, clip = 1;
  int64_t warmup = 100;
  uint64_t seed = 0;

  CorpusOptions corpus{
      .url =
          "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/"
          "input.txt",
      .sha256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"};

  // Files.
  std::filesystem::path out = "gpt";
  int64_t checkpoint_every = 500, keep = 3;
  bool resume = false;

  // Writing.
  std::filesystem::path sample;  // a trained model's folder
  std::string prompt;
  int64_t length = 500;
  luxtorch::data::SampleOptions sampling{.temperature = 0.8};
  bool no_cache = false;

  int threads = 0;  // of torch; 0 is its own choice

  /// What must be the same for a training to go on.
  luxtorch::Tree recipe() const;
  /// The options of a trained model that its network depends on.
  void take_network_(const luxtorch::Tree& recipe);

  /// Ends the program for --help (status 0) and for what it cannot take (status 2, with a line that says why).
  static Options from_command_line(int argc, char** argv);
};
