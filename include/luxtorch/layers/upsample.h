// Upsample, PixelShuffle and PixelUnshuffle: images of other sizes.
//
//     Upsample(UpsampleMode::Nearest, {.scale = 2})
//     Upsample(UpsampleMode::Bilinear, {.size = {12, 20}, .align_corners = true})
//     Chain(PixelUnshuffle(2), PixelShuffle(2))          // to 4 times the channels, and back
//
// They have no parameters and states, and call the functions of ops/upsample.h, which has formulas and
// shapes. Dimension 0 is the batch, 1 the channels.
#pragma once

#include <string>

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"
#include "luxtorch/ops/upsample.h"

namespace luxtorch {

/// x at other sizes: ops::upsample, torch.nn.Upsample, Lux's Upsample (whose linear modes align corners).
class LUXTORCH_API Upsample {
 public:
  /// ArgumentError: not one of .scale and .size; a scale that is not above 0 and finite, a size below 1;
  /// more numbers than the mode has dimensions; .align_corners of a nearest mode.
  Upsample(UpsampleMode mode, UpsampleOptions options);

  /// y, and st unchanged. ShapeError: another rank, integers, a y without elements or with
  /// 2^62 of them or more.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "Upsample(nearest, scale = 2)".
  std::string label() const;

 private:
  UpsampleMode mode_;
  UpsampleOptions options_;
};

/// (batch, channels r^N, S, ...) to (batch, channels, S r, ...): ops::pixel_shuffle,
/// torch.nn.PixelShuffle, Lux's PixelShuffle.
class LUXTORCH_API PixelShuffle {
 public:
  /// ArgumentError: r is below 1.
  explicit PixelShuffle(int64_t r);

  /// y, and st unchanged. ShapeError: a rank below 3, channels not divisible by r^N.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "PixelShuffle(2)".
  std::string label() const;

 private:
  int64_t r_;
};

/// The reverse of PixelShuffle: ops::pixel_unshuffle, torch.nn.PixelUnshuffle.
class LUXTORCH_API PixelUnshuffle {
 public:
  /// ArgumentError: r is below 1.
  explicit PixelUnshuffle(int64_t r);

  /// y, and st unchanged. ShapeError: a rank below 3, spatial sizes not divisible by r.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "PixelUnshuffle(2)".
  std::string label() const;

 private:
  int64_t r_;
};

}  // namespace luxtorch
