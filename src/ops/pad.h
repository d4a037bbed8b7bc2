// What the functions of luxtorch/ops/pad.h and the layer share.
//
// Level 1.5.
#pragma once

#include <string>

#include "luxtorch/core/types.h"
#include "luxtorch/ops/window.h"

namespace luxtorch::ops {

/// ArgumentError of `who`: SamePad, a number below 0.
void check_pad(const std::string& who, const luxtorch::Padding& pad);
/// Why x cannot be padded so; "" if it can.
std::string pad_mismatch(const Tensor& x, const luxtorch::Padding& pad, PadMode mode);
/// value: of PadMode::Zeros.
Tensor padded_around(const Tensor& x, const luxtorch::Padding& pad, PadMode mode, double value);

}  // namespace luxtorch::ops
