// WeightNorm: a layer whose weights are directions with lengths of their own.
//
//     WeightNorm(Dense(64, 64), {"weight"})                          // a length for each output
//     WeightNorm(Conv({3, 3}, 1, 8), {"weight", "bias"})
//     WeightNorm(Dense(64, 64), {"weight"}, {.dims = {}})            // one length for all
//
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// The options of WeightNorm.
struct WeightNormOptions {
  /// The dimensions that are kept: there is a length for each index of them, and the norm is over all
  /// others. Negative ones count from the end. Default: the first, as in PyTorch; that of Lux's Dense
  /// is {-1}. Empty: one length for the whole array.
  std::vector<int64_t> dims = {0};
};

/// A layer that computes with w = v (g / |v|) in place of each named parameter (Salimans and Kingma
/// 2016): Lux's WeightNorm, torch.nn.utils.parametrizations.weight_norm. x, y and states are those of
/// the layer. Parameters: normalized, with NAME_g (the lengths; 1 in the dimensions of the norm) and
/// NAME_v for each name, and unnormalized, with the layer's others. In a new model v is what the layer
/// draws, and g its norm. A v whose norm is 0 gives NaN.
class LUXTORCH_API WeightNorm {
 public:
  /// names: parameters of the layer's own, not of layers inside it. ArgumentError: no name, one twice, one
  /// that the layer has not, or .dims that such a parameter has not.
  WeightNorm(Layer layer, std::vector<std::string> names, WeightNormOptions options = {});

  /// Calls f("layer", layer): LayerAccess.
  template <class F>
  void luxtorch_wrapped(const F& f) const {
    f(std::string_view("layer"), layer_);
  }
  /// normalized and unnormalized. ArgumentError: the layer's initializer gives a weight with a norm of 0.
  Tree initial_parameters(Rng rng) const;
  /// The layer's y and new states.
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "WeightNorm(weight)".
  std::string label() const;

  /// The parameters that are normalized.
  const std::vector<std::string>& names() const { return names_; }
  /// Is there one length for all of an array?
  bool of_whole_arrays() const { return options_.dims.empty(); }

 private:
  Layer layer_;
  std::vector<std::string> names_;
  WeightNormOptions options_;
};

}  // namespace luxtorch
