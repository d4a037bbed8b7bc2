// The numbers behind Sizes and Padding, and padding itself.
#pragma once

#include <string>

#include "luxtorch/ops/window.h"

namespace luxtorch::ops {

/// How 1 to 3 spatial dimensions are written: "time", "height, width", "depth, height, width".
const char* spatial_names(size_t dims);

/// How many elements a window of `length` elements spans, `dilation` apart.
inline int64_t reach(int64_t length, int64_t dilation) { return dilation * (length - 1) + 1; }

/// Before and behind each spatial dimension.
struct Pads {
  Shape low, high;
};

/// One number for each of `dims` dimensions. ArgumentError of `who` that names the option: another
/// count, a number below `least`.
Shape numbers_of(const std::string& who, const char* option, const Sizes& sizes, size_t dims,
                 int64_t least);

/// totals: what SamePad gives in all, for each dimension; at least 0. ArgumentError of `who`: neither one
/// number nor `dims` nor 2 dims of them, a number below 0.
Pads pads_of(const std::string& who, const luxtorch::Padding& pad, const Shape& totals);

bool is_zero(const Shape& numbers);
/// low and high of each dimension in turn, as Padding takes them.
std::vector<int64_t> in_pairs(const Pads& pads);
/// What in_pairs gave, back.
Pads from_pairs(ShapeView pairs);
/// The same from the last dimension to the first, as torch takes them.
std::vector<int64_t> in_torch_order(const Pads& pads);

/// Why x, whose last sizes are those of the spatial dimensions, cannot be padded so; "" if it can.
std::string padding_mismatch(ShapeView x, const Pads& pads, PadMode mode);

/// x, padded around its last dimensions.
Tensor padded(const Tensor& x, const Pads& pads, PadMode mode);

/// "circular"
const char* name_of(PadMode mode);

}  // namespace luxtorch::ops
