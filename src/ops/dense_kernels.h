// The kernels of a run of dense layers on tensors: memory and threads.
//
// Level 1.5.
#pragma once

#include <span>
#include <vector>

#include "ops/dense_run.h"

namespace luxtorch::ops {

/// A run as the kernels take it: x of shape (rows, in) and all weights dense, of one dtype.
struct DenseInput {
  Tensor x;
  std::vector<DenseCall> layers;

  int64_t rows() const { return x.size(0); }
  int64_t out() const { return layers.back().weight.size(0); }
};

/// Is this what a kernel computes in one with the product?
bool is_fused(const Activation& activation);

/// Into y, dense, of rows * out numbers. Returns the outputs of the layers before the last, which backward needs; undefined
/// for one layer, and without `keep`: then there is memory for a few rows of them on each thread.
Tensor dense_forward(const DenseInput& in, const Tensor& y, bool keep);

/// The gradients: by x, then by each layer's weight and bias. Undefined where `wanted` is false, in this order.
/// hidden: from forward. y: undefined if the last activation is identity. by_y: dense.
std::vector<Tensor> dense_backward(const DenseInput& in, const Tensor& hidden, const Tensor& y,
                                   const Tensor& by_y, const std::vector<bool>& wanted);

}  // namespace luxtorch::ops
