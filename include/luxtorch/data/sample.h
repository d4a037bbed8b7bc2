// Drawing from weights and from a model's logits.
//
//     Tensor next = data::sample_logits(rng, logits, {.temperature = 0.8, .top_p = 0.95});
//
//     data::Sampler sampler({.temperature = 0.8});           // one row after the other, fast
//     for (uint64_t t = 0; t < 1000; ++t) token = sampler(rng, row, t);
//
// The key alone decides the draws: draw i takes the number that random::uniform(rng, {...}, 0, 1,
// kFloat64) has at i. So each row of a batch and each step of a loop has its own number, and a
// longer batch starts with the draws of a shorter one. The choice is made in double precision.
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

/// Which positions may be drawn from logits. Applied in this order: logits / temperature; then the
/// top_k most probable positions; then, of these, the most probable ones whose probabilities first
/// add up to top_p (Holtzman et al. 2020). Of equal logits the first counts as more probable.
struct SampleOptions {
  double temperature = 1;             ///< Finite and at least 0. 0: always the largest logit.
  std::optional<int64_t> top_k = {};  ///< At least 1. Not set: all positions.
  double top_p = 1;                   ///< In (0, 1].
};

/// Draws from one row of logits after the other, with reused memory: after the first row of a size
/// it allocates nothing. One thread at a time.
class LUXTORCH_API Sampler {
 public:
  /// ArgumentError: temperature negative or not finite, top_k below 1, top_p outside (0, 1].
  explicit Sampler(SampleOptions options = {});

  /// A random position in logits, which are log-probabilities up to a constant; minus infinity is
  /// never drawn. The key's number `draw` decides. ArgumentError: no logits, one that is NaN or
  /// infinity, all of them minus infinity.
  int64_t operator()(Rng rng, std::span<const float> logits, uint64_t draw = 0) {
    return drawn(rng, logits, draw);
  }
  /// The same for double.
  int64_t operator()(Rng rng, std::span<const double> logits, uint64_t draw = 0) {
    return drawn(rng, logits, draw);
  }
  /// As given to the constructor.
  const SampleOptions& options() const { return options_; }

 private:
  template <class T>
  int64_t drawn(Rng rng, std::span<const T> logits, uint64_t draw);

  SampleOptions options_;
  std::vector<double> weights_;
  std::vector<int64_t> order_;  // only with top_k or top_p
};

/// A draw from each row of logits (..., n), of any floating dtype and device: int64 (...) on that
/// device. Row i takes the key's number i. ShapeError: not a floating tensor, or one of no
/// dimensions; ArgumentError: as Sampler has it, with the row.
LUXTORCH_API Tensor sample_logits(Rng rng, const Tensor& logits, SampleOptions options = {});

/// A random position in each row of weights (..., n), with a probability proportional to its
/// weight: int64 (...), on the weights' device. Row i takes the key's number i. ShapeError: not a
/// floating tensor, or one of no dimensions; ArgumentError, with the row: a weight that is
/// negative, NaN or infinite, a row whose weights are all 0.
LUXTORCH_API Tensor wsample(Rng rng, const Tensor& weights);
/// The same for one row; the key's number `draw` decides.
LUXTORCH_API int64_t wsample(Rng rng, std::span<const double> weights, uint64_t draw = 0);

}  // namespace luxtorch::data
