// Dropout, AlphaDropout, DropPath and VariationalHiddenDropout, with their random key in the states: the
// same st gives the same mask, and the returned st gives the next one.
//
//     Dropout(0.5)             // each element
//     AlphaDropout(0.1)        // behind selu
//     DropPath(0.2)            // whole samples, in the branch of a residual connection
//     VariationalHiddenDropout(0.5)  // the same mask for all steps of a sequence
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

/// The options of VariationalHiddenDropout.
struct VariationalHiddenDropoutOptions {
  /// As those of DropoutOptions. Without the batch's dimension one mask serves batches of all sizes.
  std::vector<int64_t> dims = {};
};

/// Dropout with one mask for many calls, as those of a recurrent layer's steps (Gal and Ghahramani
/// 2016): Lux's VariationalHiddenDropout. In training y = x * mask; the mask, with its factor 1 / (1 -
/// p), is drawn in the first call and kept until update_state(st, "update_mask", true) asks for
/// another. In test mode y = x and no state changes. x: floating, any shape. States: rng, a new one
/// after each mask; training, a bool; update_mask, a bool, true in a new model; mask, nothing before
/// the first.
class LUXTORCH_API VariationalHiddenDropout {
 public:
  /// ArgumentError unless 0 <= p <= 1.
  explicit VariationalHiddenDropout(double p, VariationalHiddenDropoutOptions options = {});

  /// rng, training = true, update_mask = true, and mask.
  std::vector<StateSpec> states() const;
  /// Errors, in training with p above 0: a ShapeError if x has no floating dtype, or another shape than
  /// the kept mask; an ArgumentError if x lacks a dimension of .dims.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "VariationalHiddenDropout(0.5)".
  std::string label() const;

 private:
  double p_;
  VariationalHiddenDropoutOptions options_;
};

}  // namespace luxtorch
