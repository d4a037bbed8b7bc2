// checkpointed: a layer that keeps only its inputs for the pass backward, and computes the rest again there.
//
//     Layer model = Chain(checkpointed(Chain(Dense(512, 4096, relu), Dense(4096, 512))), Dense(512, 10));
//
// Level 3. Memory for time: one forward pass more, as torch.utils.checkpoint and Chen et al. 2016, "Training deep nets with
// sublinear memory cost".
#pragma once

#include <utility>

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// x, y, parameters and states: the layer's. Values, new states and gradients of every order are those of the layer, but
/// for rounding: a layer is a pure function, so that its second run draws from the same keys. Guards around the call, as
/// ops::DisableFusedKernels, must stand around the pass backward, too. Under a function
/// transform (vmap, jvp, ...) and where no graph is recorded it is the layer itself. New states carry no gradients: a carry
/// that a layer keeps in st is a constant for what comes before.
///
/// Errors: the layer's; torch's, if an input is changed in place before the pass backward.
class LUXTORCH_API Checkpointed {
 public:
  explicit Checkpointed(Layer layer) : layer_(std::move(layer)) {}

  template <class F>
  void luxtorch_wrapped(const F& f) const {
    f(std::string_view("layer"), layer_);
  }
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  std::string label() const { return "checkpointed"; }

 private:
  Layer layer_;
};

inline Checkpointed checkpointed(Layer layer) { return Checkpointed(std::move(layer)); }

}  // namespace luxtorch
