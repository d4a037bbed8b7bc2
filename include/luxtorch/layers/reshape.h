// Layers that move elements about: ReshapeLayer, FlattenLayer, SelectDim, ReverseSequence.
//
//     Chain(Dense(12, 12), ReshapeLayer({3, 4}), FlattenLayer())
//     Chain(LSTM(2, 8, {.return_sequence = true}), SelectDim(1, -1), Dense(8, 1))   // the last step
//
// Level 3. Without parameters and states; dimension 0 is the batch. x is of any dtype. What torch
// can give as a view of x is one.
#pragma once

#include <optional>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// x: (batch, ...); y: (batch, dims...). One of dims may be -1: what is left. dims that do not fit
/// x are a ShapeError, dims of 0 or below -1 an ArgumentError.
class LUXTORCH_API ReshapeLayer {
 public:
  explicit ReshapeLayer(std::vector<int64_t> dims);

  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  std::string label() const;

 private:
  std::vector<int64_t> dims_;
};

struct FlattenOptions {
  std::optional<int64_t> N = {};  // how many last dimensions become one; default: all but the batch
};

/// x: (batch, ...); y: (batch, features), or with .N the last N dimensions as one: of (batch, 2, 3,
/// 4) two make (batch, 2, 12). x must have a batch besides those N.
class LUXTORCH_API FlattenLayer {
 public:
  explicit FlattenLayer(FlattenOptions options = {});

  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  std::string label() const;

 private:
  FlattenOptions options_;
};

/// y: x at one index of one dimension, which is gone. Both may be negative, counted from the end.
class LUXTORCH_API SelectDim {
 public:
  SelectDim(int64_t dim, int64_t index) : dim_(dim), index_(index) {}

  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  std::string label() const;

 private:
  int64_t dim_, index_;
};

struct ReverseSequenceOptions {
  std::optional<int64_t> dim = {};  // default: 1, the time of (batch, time, ...); 0 of a vector
};

/// y: x from the end to the start of one dimension. It knows no lengths: of rows of several lengths
/// the padding comes first. BidirectionalRNN turns each row within its own.
class LUXTORCH_API ReverseSequence {
 public:
  explicit ReverseSequence(ReverseSequenceOptions options = {}) : options_(options) {}

  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  std::string label() const;

 private:
  ReverseSequenceOptions options_;
};

}  // namespace luxtorch
