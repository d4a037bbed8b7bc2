// Pad: elements around spatial dimensions.
//
//     Pad(1)                                               // zeros, 1 on each side of each dimension
//     Pad({1, 2}, {.mode = PadMode::Reflect})              // of images: 1 above and below, 2 at the sides
//     Pad({0, 3}, {.value = -1.0})                         // of sequences: 3 times -1 behind the end
#pragma once

#include <string>

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"
#include "luxtorch/ops/window.h"

namespace luxtorch {

/// The options of Pad.
struct PadOptions {
  PadMode mode = PadMode::Zeros;  ///< What the padding holds.
  double value = 0;               ///< In place of the zeros of PadMode::Zeros.
};

/// x with padding around its spatial dimensions: the functions of ops/pad.h, torch.nn.ZeroPad2d,
/// ConstantPad2d, ReflectionPad2d, ReplicationPad2d and CircularPad2d. x: (batch, channels, 1 to 3
/// sizes). No parameters and states.
class LUXTORCH_API Pad {
 public:
  /// ArgumentError: a negative pad, SamePad; a .value with a mode other than Zeros.
  explicit Pad(Padding pad, PadOptions options = {});

  /// y, and st unchanged. ShapeError: another rank; neither one number nor one or two for each dimension;
  /// more padding than the mode allows.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "Pad((1, 2), mode=reflect)".
  std::string label() const;

 private:
  Padding pad_;
  PadOptions options_;
};

}  // namespace luxtorch
