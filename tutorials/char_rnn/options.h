// What the command line says: tools/run char_rnn --help.
#pragma once

#include <luxtorch/data/sample.h>
#include <luxtorch/tree.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "corpus.h"

struct Options {
  // The network and its training.
  std::string cell = "lstm";  // lstm, gru or rnn
  int64_t hidden = 128, epochs = 3, batch_size = 8, sequence = 32;
  double learning_rate = 1e-2, clip = 1;
  int64_t warmup = 100;
  bool reference = false;
  uint64_t seed = 0;

  CorpusOptions corpus = {};

  // Files.
  std::filesystem::path out = "char_rnn";
  int64_t checkpoint_every = 500, keep = 3;
  bool resume = false;

  // Writing.
  std::filesystem::path sample;  // a trained model's folder
  std::string prompt;
  int64_t length = 1000;
  luxtorch::data::SampleOptions sampling;
  bool interactive = false;

  int threads = 1;  // of torch; 0 is its own choice

  /// What must be the same for a training to go on.
  luxtorch::Tree recipe() const;
  /// The options of a trained model that its network depends on.
  void take_network_(const luxtorch::Tree& recipe);

  /// Ends the program for --help (status 0) and for what it cannot take (status 2, with a line that says why).
  static Options from_command_line(int argc, char** argv);
};
