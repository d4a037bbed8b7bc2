// How windows lie on spatial dimensions: the options that convolutions and pools share.
//
//     Sizes twice = 2, each = {2, 1};                // for every dimension, or one number for each
//     Padding around = 1, sides = {1, 2, 0, 0};      // 1 everywhere; (low, high) of each dimension
//     Padding same = SamePad{};                      // as much as keeps the size
//
// Dimensions have the order of the tensor: (depth, height, width), (height, width) or (time). The
// functions and layers that take a list refuse one whose length does not fit the number of dimensions.
#pragma once

#include <initializer_list>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"

namespace luxtorch {

/// Numbers for spatial dimensions: one for every dimension, or one for each.
class LUXTORCH_API Sizes {
 public:
  /// The same number for every dimension.
  Sizes(int64_t every) : numbers_{every}, for_every_(true) {}
  /// One number for each dimension.
  Sizes(std::initializer_list<int64_t> each) : numbers_(each) {}
  /// One number for each dimension.
  Sizes(const std::vector<int64_t>& each) : numbers_(each) {}
  /// One number for each dimension.
  Sizes(Shape each) : numbers_(std::move(each)) {}

  /// What was given: one number, or one for each dimension.
  const Shape& numbers() const { return numbers_; }
  /// Is it one number that holds for every dimension?
  bool for_every() const { return for_every_; }

 private:
  Shape numbers_;
  bool for_every_ = false;
};

/// Padding that keeps the size at stride 1: dilation (kernel - 1) in all for each dimension. With a
/// stride the output has ceil(size / stride) positions. Of an odd number the larger half lies behind, as
/// with padding = "same" in PyTorch.
struct SamePad {
  bool extra_in_front = false;  ///< The larger half lies in front, as in Lux.
};

/// Elements added around spatial dimensions.
class LUXTORCH_API Padding {
 public:
  /// None.
  Padding() : Padding(0) {}
  /// The same number on both sides of every dimension.
  Padding(int64_t every) : sides_(every) {}
  /// One number for both sides of each dimension, or (low, high) of the first dimension, of the second
  /// and so on.
  Padding(std::initializer_list<int64_t> sides) : sides_(sides) {}
  /// The same as a vector.
  Padding(const std::vector<int64_t>& sides) : sides_(sides) {}
  /// As much as keeps the size.
  Padding(SamePad same) : sides_(0), is_same_(true), same_(same) {}

  /// What was given as numbers; 0 of SamePad.
  const Sizes& sides() const { return sides_; }
  /// Was SamePad given?
  bool is_same() const { return is_same_; }
  /// What was given as SamePad.
  const SamePad& same() const { return same_; }

 private:
  Sizes sides_;
  bool is_same_ = false;
  SamePad same_;
};

/// What padding holds. Of 1 2 3 with two more on each side:
enum class PadMode {
  Zeros,      ///< 0 0 1 2 3 0 0
  Reflect,    ///< 3 2 1 2 3 2 1: mirrored at the edge element; less than the size
  Replicate,  ///< 1 1 1 2 3 3 3: the edge element
  Circular,   ///< 2 3 1 2 3 1 2: from the other end; at most the size
  Symmetric,  ///< 2 1 1 2 3 3 2: mirrored with the edge element
};

}  // namespace luxtorch
