// Parts of a tensor by positions, slices, masks and lists of positions, as Python's x[...].
//
//     lux::index(x, {0});                                   // x[0]
//     lux::index(x, {lux::Slice(), lux::Slice(1, 3)});      // x[:, 1:3]
//     lux::index(x, {x > 0});                               // the elements where the mask is true, in a vector
//     lux::index(x, {lux::tensor({2, 0})});                 // rows 2 and 0
//     lux::index(x, {lux::Slice(), std::nullopt});          // x[:, None]
//
// Level 0. Positions and slices give views, masks and lists of positions new tensors. x.index({...}) is the same with torch's own
// <ATen/TensorIndexing.h>.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <utility>
#include <variant>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"

namespace luxtorch {

/// Python's start:stop:step. Negative numbers count from the end; nothing is the whole dimension. The step is above 0.
struct Slice {
  Slice(std::optional<int64_t> start = {}, std::optional<int64_t> stop = {},
        std::optional<int64_t> step = {})
      : start(start), stop(stop), step(step) {}
  std::optional<int64_t> start, stop, step;
};

/// A position, a Slice, a bool mask or an int64 list of positions, or std::nullopt for a new dimension.
class Index {
 public:
  template <std::integral I>
    requires(!std::same_as<I, bool>)
  Index(I position) : value_(static_cast<int64_t>(position)) {}
  Index(Slice slice) : value_(slice) {}
  Index(Tensor mask_or_positions) : value_(std::move(mask_or_positions)) {}
  Index(std::nullopt_t) : value_(std::nullopt) {}

  const auto& value() const { return value_; }

 private:
  std::variant<int64_t, Slice, Tensor, std::nullopt_t> value_;
};

/// x[indices...]; dimensions beyond the indices stay whole. Errors are torch's.
LUXTORCH_API Tensor index(const Tensor& x, std::initializer_list<Index> indices);

}  // namespace luxtorch
