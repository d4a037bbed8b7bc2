// Dropout, with its random key in the states: the same st gives the same mask, and the returned st
// gives the next one.
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// The options of Dropout.
struct DropoutOptions {
  /// The mask varies along these dimensions of x and is shared along all others. Negative ones
  /// count from the end. Empty: it varies along all.
  std::vector<int64_t> dims = {};
};

/// In training y = x * mask / (1 - p), the mask being 1 with probability 1 - p and else 0
/// (Srivastava et al. 2014); in test mode y = x. x: floating, any shape. States: rng, a new one
/// after each mask, and training, a bool.
class LUXTORCH_API Dropout {
 public:
  /// ArgumentError unless 0 <= p < 1.
  explicit Dropout(double p, DropoutOptions options = {});

  /// rng, and training = true.
  std::vector<StateSpec> states() const;
  /// Errors, in training with p above 0: a ShapeError if x has no floating dtype, an ArgumentError
  /// if x lacks a dimension of .dims.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "Dropout(0.5)".
  std::string label() const;

 private:
  double p_;
  DropoutOptions options_;
};

}  // namespace luxtorch
