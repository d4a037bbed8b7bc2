// SpectralNorm: a layer whose weights have the largest singular value 1.
//
//     SpectralNorm(Dense(64, 64), {"weight"})
//     SpectralNorm(Conv({3, 3}, 1, 8), {"weight"}, {.iterations = 3})
//
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// The options of SpectralNorm.
struct SpectralNormOptions {
  int64_t iterations = 1;  ///< Steps of the power method in each call in training, at least 1.
  double epsilon = 1e-12;  ///< The least norm that a vector is divided by, above 0.
  /// The dimension that becomes the rows of the matrix; a negative one counts from the end. Default: 0,
  /// of ConvTranspose 1, as in PyTorch.
  std::optional<int64_t> dim = {};
};

/// A layer that computes with w / sigma in place of each named parameter w, sigma being the largest
/// singular value of w as a matrix (rows, all other dimensions), for discriminators (Miyato et al.
/// 2018): torch.nn.utils.parametrizations.spectral_norm; Lux has no such layer. sigma = u' w v; in
/// training u and v take .iterations steps of the power method first, outside of derivatives: u = w v /
/// |w v|, v = w' u / |w' u|. In test mode they stay.
///
/// x, y and parameters are those of the layer. States: vectors, with u (rows) and v (columns) for each
/// name; training, a bool; layer, the states of the layer. setup draws the vectors and then takes 15 steps
/// of the power method with the first parameters, as PyTorch does. Lora lets
/// it do so. Inside a layer that keeps the parts of the one in it elsewhere and does not, as
/// StatefulRecurrentCell and WeightNorm, new vectors are as drawn, and sigma is too small until some calls
/// in training have turned them.
class LUXTORCH_API SpectralNorm {
 public:
  /// names: parameters of the layer's own, not of layers inside it. ArgumentError: no name, one twice, one
  /// that the layer has not or that has fewer than two dimensions; an option outside its range.
  SpectralNorm(Layer layer, std::vector<std::string> names, SpectralNormOptions options = {});

  /// Calls f("layer", layer): LayerAccess.
  template <class F>
  void luxtorch_wrapped(const F& f) const {
    f(std::string_view("layer"), layer_);
  }
  /// vectors, training = true, layer.
  Tree initial_states(Rng rng) const;
  /// The vectors after 15 steps of the power method with the parameters ps: setup.
  Tree settled_states(const Tree& ps, const Tree& st) const;
  /// The layer's y; new states with the layer's, and in training new vectors. A weight of half precision
  /// goes with float32 vectors. ShapeError: the vectors have another dtype or device than the weight.
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model: "SpectralNorm(weight)".
  std::string label() const;

  /// The parameters that are normalized.
  const std::vector<std::string>& names() const { return names_; }

 private:
  Layer layer_;
  std::vector<std::string> names_;
  SpectralNormOptions options_;
};

}  // namespace luxtorch
