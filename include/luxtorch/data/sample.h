// Drawing from weights and from a model's logits.
//
//     Tensor next = data::sample_logits(rng, logits, {.temperature = 0.8, .top_p = 0.95});
//
//     data::Sampler sampler({.temperature = 0.8});           // one row after the other, fast
//     for (uint64_t t = 0; t < 1000; ++t) token = sampler(rng, row, t);
//
// Level 3. Randomness is the key's alone: draw i takes the number that random::uniform(rng, {...},
// 0, 1, kFloat64) has at i, so that the rows of a batch and the steps of a loop each have their own
// and a longer batch starts with a shorter one's draws. The choice is made in double precision.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"
#include "luxtorch/rng.h"

namespace luxtorch::data {

/// What may be drawn from logits, in this order: logits / temperature, then the top_k most probable
/// alone, then of them the most probable ones whose probabilities first add up to top_p (Holtzman
/// et al. 2020). Of equal logits the first is the more probable one.
struct SampleOptions {
  double temperature = 1;             // 0: the largest logit, always
  std::optional<int64_t> top_k = {};  // at least 1
  double top_p = 1;                   // in (0, 1]
};

/// Draws with memory of its own: after the first row of a size it allocates nothing. Not for
/// several threads at once.
class LUXTORCH_API Sampler {
 public:
  /// ArgumentError: temperature negative or not finite, top_k below 1, top_p outside (0, 1].
  explicit Sampler(SampleOptions options = {});

  /// A position of logits, which are log-probabilities up to a constant; minus infinity is never
  /// drawn. The key's number `draw` decides. ArgumentError: no logits, one that is NaN or infinity,
  /// all of them minus infinity.
  int64_t operator()(Rng rng, std::span<const float> logits, uint64_t draw = 0) {
    return drawn(rng, logits, draw);
  }
  int64_t operator()(Rng rng, std::span<const double> logits, uint64_t draw = 0) {
    return drawn(rng, logits, draw);
  }
  const SampleOptions& options() const { return options_; }

 private:
  template <class T>
  int64_t drawn(Rng rng, std::span<const T> logits, uint64_t draw);

  SampleOptions options_;
  std::vector<double> weights_;
  std::vector<int64_t> order_;  // only with top_k or top_p
};

/// A draw of each row of logits (..., n), of any floating dtype and device: int64 (...) there. Row i
/// takes the key's number i; errors name the row.
LUXTORCH_API Tensor sample_logits(Rng rng, const Tensor& logits, SampleOptions options = {});

/// A position of weights >= 0, with a probability proportional to its weight: of each row (..., n),
/// int64 (...). ArgumentError: a weight that is negative, NaN or infinite, a row whose weights are
/// all 0.
LUXTORCH_API Tensor wsample(Rng rng, const Tensor& weights);
LUXTORCH_API int64_t wsample(Rng rng, std::span<const double> weights, uint64_t draw = 0);

}  // namespace luxtorch::data
