// AlternatePrecision: a layer that runs in another dtype than the layers around it; mixed: a model in
// half precision with float32 parameters.
//
//     TrainState ts(mixed(model, kBFloat16), ps, st, Adam(1e-3));    // ps and moments stay float32
//     Chain(AlternatePrecision(Dense(3, 512), kBFloat16), Dense(512, 1));
//     Tree small = to_half(model, ps, kBFloat16);                    // for inference in half precision
//
// Parameters keep their dtype and are converted in each call, so an optimizer adds small updates to
// float32 numbers (Micikevicius et al. 2018, "Mixed precision training").
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// Converts the floating tensors of x and of the parameters to a dtype, calls the layer, and converts
/// those of y to the dtype that x had (that of the parameters, where x has no floating tensor, as
/// tokens): Lux's AlternatePrecision, which leaves the parameters to Julia's promotion. Parameters,
/// states and their names are those of the layer; gradients have the dtypes of the parameters.
///
/// In half precision (float16, bfloat16), parameters that their layer describes by
/// ParameterSpec::keeps_float32 are float32 in the call: those of BatchNorm, GroupNorm, InstanceNorm,
/// LayerNorm and RMSNorm, which then compute in float32. Torch's softmax does so in any case. States
/// stay as they are, running statistics in float32 therefore. In float32 and float64, states are
/// converted for the call, and new ones to the dtypes of the old.
///
/// Convert what runs a cell, not the cell. Floating positions and times in x are converted, too: give
/// integers, which stay as they are. Errors are those of the layer.
class LUXTORCH_API AlternatePrecision {
 public:
  /// dtype: kFloat16, kBFloat16, kFloat32 or kFloat64; an ArgumentError for others.
  AlternatePrecision(Layer layer, Dtype dtype);

  /// Calls f("layer", layer): LayerAccess.
  template <class F>
  void luxtorch_wrapped(const F& f) const {
    f(std::string_view("layer"), layer_);
  }
  /// Another layer in this dtype: layer_map.
  AlternatePrecision with_layers(std::vector<Layer> layers) const {
    return {std::move(layers[0]), dtype_};
  }
  /// y, with the dtypes said above, and the layer's new states.
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model, with Julia's name of the dtype: "AlternatePrecision{BFloat16}".
  std::string label() const;

 private:
  Layer layer_;
  Dtype dtype_;
  std::vector<std::string> keep_float32_;  // paths of parameters, in half precision
};

/// The whole model in half precision: AlternatePrecision(model, dtype). y, and so a loss of it, is
/// float32, and so are the gradients. float16 needs a LossScale (optim/loss_scale.h), bfloat16 does not.
/// ArgumentError: dtype is not kFloat16 or kBFloat16.
[[nodiscard]] LUXTORCH_API AlternatePrecision mixed(Layer model, Dtype dtype);

namespace detail {
LUXTORCH_API Tree to_half(const Description& d, const Tree& ps, Dtype dtype);
}  // namespace detail

/// The parameters of a model in half precision, except for those with ParameterSpec::keeps_float32, of
/// normalizations, which are float32. Call the model with x of this dtype, and with its float32 states.
/// ArgumentError: dtype is not kFloat16 or kBFloat16. TreeError: a ps that does not fit the model.
template <class L>
[[nodiscard]] Tree to_half(const L& model, const Tree& ps, Dtype dtype) {
  return detail::to_half(describe(model), ps, dtype);
}

}  // namespace luxtorch
