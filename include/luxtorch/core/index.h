// Parts of a tensor by positions, slices, masks and lists of positions, as Python's x[...].
//
//     lux::index(x, {0});                                   // x[0]
//     lux::index(x, {lux::Slice(), lux::Slice(1, 3)});      // x[:, 1:3]
//     lux::index(x, {x > 0});                               // a vector of the elements above 0
//     lux::index(x, {lux::tensor({2, 0})});                 // rows 2 and 0
//     lux::index(x, {lux::Slice(), std::nullopt});          // x[:, None]
//
// Positions and slices give views; masks and lists of positions give new tensors. x.index({...}) is
// the same with torch's own <ATen/TensorIndexing.h>.
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

/// Python's start:stop:step. Slice() is the whole dimension.
struct Slice {
  /// The step is at least 1: torch refuses others in index.
  Slice(std::optional<int64_t> start = {}, std::optional<int64_t> stop = {},
        std::optional<int64_t> step = {})
      : start(start), stop(stop), step(step) {}
  std::optional<int64_t> start,  ///< The first position, negative ones from the end; default: 0.
      stop,                      ///< The position after the last, likewise; default: the size.
      step;                      ///< The distance of positions; default: 1.
};

/// The index of one dimension (a mask: of as many as it has).
class Index {
 public:
  /// One position; negative ones count from the end. The dimension is gone in the result.
  template <std::integral I>
    requires(!std::same_as<I, bool>)
  Index(I position) : value_(static_cast<int64_t>(position)) {}
  /// A range of positions.
  Index(Slice slice) : value_(slice) {}
  /// A bool mask or an int64 tensor of positions.
  Index(Tensor mask_or_positions) : value_(std::move(mask_or_positions)) {}
  /// A new dimension of size 1.
  Index(std::nullopt_t) : value_(std::nullopt) {}

  /// A std::variant of the four.
  const auto& value() const { return value_; }

 private:
  std::variant<int64_t, Slice, Tensor, std::nullopt_t> value_;
};

/// x[indices...]. Dimensions beyond the indices stay whole. Errors are torch's.
LUXTORCH_API Tensor index(const Tensor& x, std::initializer_list<Index> indices);

}  // namespace luxtorch
