// Layers that rearrange elements: ReshapeLayer, FlattenLayer, SelectDim, ReverseSequence.
//
//     Chain(Dense(12, 12), ReshapeLayer({3, 4}), FlattenLayer())
//     Chain(LSTM(2, 8, {.return_sequence = true}), SelectDim(1, -1), Dense(8, 1))  // the last step
//     SelectDim(1, {0, -1})                                              // the first and the last one
//
// They have no parameters and states. Dimension 0 is the batch; x has any dtype. y is a view of x
// where torch can give one.
#pragma once

#include <initializer_list>
#include <optional>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// x: (batch, ...); y: (batch, dims...). One of dims may be -1: what is left.
class LUXTORCH_API ReshapeLayer {
 public:
  /// ArgumentError: one of dims is 0 or below -1, or several are -1.
  explicit ReshapeLayer(std::vector<int64_t> dims);

  /// ShapeError: the elements of a row do not fit dims, or x has no dimensions.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "ReshapeLayer(output_dims = (:, 3, 4))".
  std::string label() const;

 private:
  std::vector<int64_t> dims_;
};

/// The options of FlattenLayer.
struct FlattenOptions {
  /// The number of last dimensions that become one, at least 1. Default: all but the batch.
  std::optional<int64_t> dims = {};
};

/// x: (batch, ...); y: (batch, features), or with .dims the last dimensions as one: with 2,
/// (batch, 2, 3, 4) becomes (batch, 2, 12).
class LUXTORCH_API FlattenLayer {
 public:
  /// ArgumentError: .dims is below 1.
  explicit FlattenLayer(FlattenOptions options = {});

  /// ShapeError: x has no dimension before those that become one.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "FlattenLayer()".
  std::string label() const;

 private:
  FlattenOptions options_;
};

/// y: x at one index of one dimension, which y does not have; or at several indices, which y has in
/// their order in place of all of the dimension. An index may come more than once.
class LUXTORCH_API SelectDim {
 public:
  /// Both count from 0; negative ones count from the end.
  SelectDim(int64_t dim, int64_t index) : dim_(dim), indices_{index}, keeps_dim_(false) {}
  /// At several indices; the dimension stays, also with one of them. ArgumentError: there is none.
  SelectDim(int64_t dim, std::vector<int64_t> indices);
  /// The same: SelectDim(1, {0, -1}).
  SelectDim(int64_t dim, std::initializer_list<int64_t> indices)
      : SelectDim(dim, std::vector<int64_t>(indices)) {}

  /// ShapeError: x lacks the dimension or an index.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "SelectDim(dim = 1, index = -1)".
  std::string label() const;

 private:
  int64_t dim_;
  std::vector<int64_t> indices_;
  bool keeps_dim_;
};

/// The options of ReverseSequence.
struct ReverseSequenceOptions {
  /// The dimension, negative ones from the end. Default: 1, the time of (batch, time, ...); 0 for a
  /// vector.
  std::optional<int64_t> dim = {};
};

/// y: x from the end to the start of one dimension, a copy. It knows no lengths: the padding of
/// shorter rows comes first. BidirectionalRNN reverses each row within its own length.
class LUXTORCH_API ReverseSequence {
 public:
  /// The dimension is checked when x is there.
  explicit ReverseSequence(ReverseSequenceOptions options = {}) : options_(options) {}

  /// ShapeError: x lacks the dimension.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "ReverseSequence(dim = 0)".
  std::string label() const;

 private:
  ReverseSequenceOptions options_;
};

}  // namespace luxtorch
