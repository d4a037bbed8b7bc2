// checkpointed: a layer that keeps only its inputs for the backward pass, and computes the rest
// again there.
//
//     Layer model =
//         Chain(checkpointed(Chain(Dense(512, 4096, relu), Dense(4096, 512))), Dense(512, 10));
//
// It saves memory and costs one more forward pass, as torch.utils.checkpoint does (Chen et al.
// 2016, "Training deep nets with sublinear memory cost").
#pragma once

#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// x, y, parameters and states are those of the layer, and so are values, new states and gradients
/// of every order, except for rounding: a layer is a pure function, and its second run draws from
/// the same keys. Guards around the call, such as ops::DisableFusedKernels, must also be around the
/// backward pass. Under a function transform (vmap, jvp, ...), and where no graph is recorded, it
/// is the layer itself. New states carry no gradients: a carry that a layer keeps in st is a
/// constant for the steps after it.
///
/// Errors: those of the layer; torch's, if an input is changed in place before the backward pass;
/// an ArgumentError there, if the layer's second run gives another number of tensors.
class LUXTORCH_API Checkpointed {
 public:
  /// Any layer, also a container.
  explicit Checkpointed(Layer layer) : layer_(std::move(layer)) {}

  /// Calls f("layer", layer): LayerAccess.
  template <class F>
  void luxtorch_wrapped(const F& f) const {
    f(std::string_view("layer"), layer_);
  }
  /// Another layer, checkpointed: layer_map.
  Checkpointed with_layers(std::vector<Layer> layers) const {
    return Checkpointed(std::move(layers[0]));
  }
  /// The layer's y and new states.
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model.
  std::string label() const { return "checkpointed"; }

 private:
  Layer layer_;
};

/// The layer, checkpointed.
inline Checkpointed checkpointed(Layer layer) { return Checkpointed(std::move(layer)); }

}  // namespace luxtorch
