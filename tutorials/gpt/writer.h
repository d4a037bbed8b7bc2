// A trained model writes, with a cache or without.
#pragma once

#include <luxtorch/data/sample.h>
#include <luxtorch/data/text.h>

#include <string>
#include <string_view>
#include <vector>

#include "model.h"

/// Writes symbol by symbol. With the cache the model reads each symbol once: the keys and values of those before are in the
/// carry. Without, it reads the whole text anew for each symbol. Where the text has grown beyond the context, both go on
/// from its last half.
class Writer {
 public:
  enum class Cache { No, Yes };
  Writer(const GPT& model, const luxtorch::Tree& ps, const luxtorch::Tree& st,
         const luxtorch::data::Alphabet& alphabet, const luxtorch::data::SampleOptions& options,
         luxtorch::Rng rng, Cache cache = Cache::Yes);

  /// An empty prompt is a new line, or the alphabet's first symbol. ArgumentError: a symbol that the alphabet lacks.
  void read(const std::string& prompt);
  std::string_view write();
  std::string write(int64_t n);

 private:
  void see(const std::vector<int64_t>& tokens);

  size_t context_;
  luxtorch::KVCacheCell<GPT> cell_;
  luxtorch::Tree ps_, st_, carry_;
  const luxtorch::data::Alphabet& alphabet_;
  luxtorch::data::Sampler sampler_;
  luxtorch::Rng rng_;
  Cache cache_;
  uint64_t drawn_ = 0;
  std::vector<int64_t> window_;  // what the model sees
  luxtorch::Tensor logits_;      // of the symbol that comes next
};
