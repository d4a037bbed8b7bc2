// Dropout, AlphaDropout and DropPath, with their random key in the states: the same st gives the same
// mask, and the returned st gives the next one.
//
//     Dropout(0.5)             // each element
//     AlphaDropout(0.1)        // behind selu
//     DropPath(0.2)            // whole samples, in the branch of a residual connection
//
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
/// (Srivastava et al. 2014), or zeros with p = 1; in test mode y = x. x: floating, any shape. States: rng, a
/// new one after each mask, and training, a bool.
class LUXTORCH_API Dropout {
 public:
  /// ArgumentError unless 0 <= p <= 1.
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

/// Dropout that keeps a mean of 0 and a variance of 1, as selu gives them (Klambauer et al. 2017): Lux's
/// AlphaDropout, torch.nn.AlphaDropout. In training elements are set to the limit of selu, -1.758, with
/// probability p, and all are scaled and shifted; with p = 1 y is zeros. In test mode y = x (with
/// p = 1 too, unlike Lux). x: floating, any shape. States: rng, a new one after each mask, and training, a
/// bool.
class LUXTORCH_API AlphaDropout {
 public:
  /// ArgumentError unless 0 <= p <= 1.
  explicit AlphaDropout(double p);

  /// rng, and training = true.
  std::vector<StateSpec> states() const;
  /// In training with p above 0 a ShapeError if x has no floating dtype.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "AlphaDropout(0.5)".
  std::string label() const;

 private:
  double p_;
};

/// Stochastic depth (Huang et al. 2016): in training y = x / (1 - p) for the samples that are kept, with
/// probability 1 - p, and zeros for the others, with p = 1 for all; in test mode y = x. For the branch
/// that is added in a residual connection. x: (batch, ...), floating. States: rng, a new one after each
/// mask, and training, a bool.
class LUXTORCH_API DropPath {
 public:
  /// ArgumentError unless 0 <= p <= 1.
  explicit DropPath(double p);

  /// rng, and training = true.
  std::vector<StateSpec> states() const;
  /// In training with p above 0 a ShapeError if x has no floating dtype or no dimensions.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "DropPath(0.2)".
  std::string label() const;

 private:
  double p_;
};

}  // namespace luxtorch
