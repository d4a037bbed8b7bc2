// A trained model writes.
#pragma once

#include <luxtorch/data/sample.h>
#include <luxtorch/data/text.h>
#include <luxtorch/layers/stateful.h>

#include <string>
#include <string_view>

#include "options.h"

/// Writes symbol by symbol. The states carry what was read and written so far.
class Writer {
 public:
  Writer(const luxtorch::Layer& model, const luxtorch::Tree& ps, const luxtorch::Tree& st,
         const luxtorch::data::Alphabet& alphabet, const luxtorch::data::SampleOptions& options,
         luxtorch::Rng rng);

  /// An empty prompt is a new line, or the alphabet's first symbol. ArgumentError: a symbol that the alphabet lacks.
  void read(const std::string& prompt);
  std::string_view write();
  std::string write(int64_t n);

 private:
  void see(const luxtorch::Tensor& tokens);  // (1, n)

  luxtorch::StatefulLayer model_;
  const luxtorch::data::Alphabet& alphabet_;
  luxtorch::data::Sampler sampler_;
  luxtorch::Rng rng_;
  uint64_t drawn_ = 0;
  luxtorch::Tensor logits_;  // of the symbol that comes next
};

/// What --sample asks for: one text, or an answer to every line that is typed.
void write_on(const Options& o);
