// The operators' names and types: luxtorch::recurrent for Python, and what it is made of when a graph is
// recorded.
#pragma once

#include <optional>
#include <string_view>
#include <tuple>

#include "python/stack.h"

namespace luxtorch::python {

/// The arguments that all have, as torch hands them over.
struct Arguments {
  const Tensor& input;
  at::TensorList hx, weights, masks;
  const std::optional<Tensor>& batch_sizes;
  std::string_view mode;
  bool biases;
  int64_t layers;
  bool bidirectional, batch_first;

  StackCall call() const {
    return {stack_kind(mode, biases, layers, bidirectional, batch_first),
            input,
            hx.vec(),
            weights.vec(),
            masks.vec(),
            batch_sizes.value_or(Tensor())};
  }
};

#define LUXTORCH_RECURRENT_ARGUMENTS                                                  \
  [[maybe_unused]] const Tensor &input, [[maybe_unused]] at::TensorList hx,           \
      [[maybe_unused]] at::TensorList weights, [[maybe_unused]] at::TensorList masks, \
      [[maybe_unused]] const std::optional<Tensor>&batch_sizes,                       \
      [[maybe_unused]] std::string_view mode, [[maybe_unused]] bool biases,           \
      [[maybe_unused]] int64_t layers, [[maybe_unused]] bool bidirectional,           \
      [[maybe_unused]] bool batch_first
#define LUXTORCH_RECURRENT_VALUES \
  input, hx, weights, masks, batch_sizes, mode, biases, layers, bidirectional, batch_first

/// y, h and c, which is empty for cells without a memory.
using Recurrent = std::tuple<Tensor, Tensor, Tensor>(LUXTORCH_RECURRENT_ARGUMENTS);
/// And what backward needs.
using RecurrentForward = std::tuple<Tensor, Tensor, Tensor, Tensor>(LUXTORCH_RECURRENT_ARGUMENTS);
/// needed: 0 or 1 for input, each of hx and of weights; the gradients of those with 1, in this order.
using RecurrentBackward = std::vector<Tensor>(const std::optional<Tensor>& by_y,
                                              const std::optional<Tensor>& by_h,
                                              const std::optional<Tensor>& by_c, const Tensor& kept,
                                              LUXTORCH_RECURRENT_ARGUMENTS, at::IntArrayRef needed);

}  // namespace luxtorch::python
