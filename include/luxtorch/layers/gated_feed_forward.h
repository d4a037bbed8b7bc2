// GatedFeedForward: a feed-forward block whose hidden features are products of two projections, as in
// SwiGLU and GEGLU.
//
//     GatedFeedForward(96)                              // SwiGLU, with 256 hidden features
//     GatedFeedForward(96, lux::gelu, {.hidden = 128})  // GEGLU
#pragma once

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/ops/activation.h"

namespace luxtorch {

/// The options of GatedFeedForward.
struct GatedFeedForwardOptions {
  /// Features between the projections. 0: 8/3 dims, rounded up to a multiple of 64, which keeps about
  /// the count of parameters of a block of two Dense with 4 dims hidden features.
  int64_t hidden = 0;
  bool use_bias = false;  ///< Of the three projections.
};

/// y = down_proj(activation(gate_proj(x)) * up_proj(x)) (Shazeer 2020, "GLU variants improve
/// transformer"): SwiGLU with swish, GEGLU with gelu. x: (..., dims) of the parameters' dtype and device;
/// y: the same. Parameters, in this order: gate_proj, up_proj, down_proj, three Dense; these are also
/// their names in PyTorch models of Hugging Face.
class LUXTORCH_API GatedFeedForward {
 public:
  /// ArgumentError: dims is below 1, or .hidden below 0.
  explicit GatedFeedForward(int64_t dims, Activation activation = swish,
                            GatedFeedForwardOptions options = {});
  /// With swish.
  GatedFeedForward(int64_t dims, GatedFeedForwardOptions options)
      : GatedFeedForward(dims, swish, options) {}

  LUXTORCH_LAYERS(gate_proj_, up_proj_, down_proj_)
  /// ShapeError: x has another last size, dtype or device.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "GatedFeedForward(96 => 256, swish)".
  std::string label() const;

 private:
  Dense gate_proj_, up_proj_, down_proj_;
};

}  // namespace luxtorch
