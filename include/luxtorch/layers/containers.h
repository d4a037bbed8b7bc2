// Containers: Chain, SkipConnection, RepeatedLayer. parallel.h has those of parallel layers.
//
//     Chain(Dense(2, 8, lux::tanh), Dense(8, 1), [](const Tensor& y) { return y.squeeze(-1); })
//     Chain(field("encoder", Dense(2, 8)), field("decoder", Dense(8, 2)))
//     SkipConnection(Dense(8, 8), [](const Tensor& y, const Tensor& x) { return y + x; })
//     RepeatedLayer(Dense(8, 8, lux::tanh), {.repeats = 3})
//
// They hold layers as Layer; a function of tensors is a layer without parameters.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "luxtorch/compact.h"
#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"

namespace luxtorch {

namespace detail {

// A plain function has no name among the parameters, as in Lux.
template <class F>
constexpr bool is_function =
    !CallsAs<F, TensorProbe> && !CallsAs<F, Tree> && !CallsAs<F, TensorProbe, TensorProbe> &&
    !CallsAs<F, TensorProbe, TensorProbe, TensorProbe> &&
    !CallsAs<F, TensorProbe, TensorProbe, TensorProbe, TensorProbe> && !std::same_as<F, Layer>;

using NamedLayers = std::vector<std::pair<std::string, Layer>>;

// A name that is taken, empty or has a dot is an ArgumentError.
LUXTORCH_API void append(NamedLayers& all, std::string name, Layer layer);
inline void append(NamedLayers& all, Layer layer) {
  append(all, "layer_" + std::to_string(all.size() + 1), std::move(layer));
}
template <class L>
void append(NamedLayers& all, Field<L> f) {
  append(all, std::move(f.name), std::move(f.value));
}

template <class L>
void append(NamedLayers& all, std::vector<L> layers) {
  for (auto& layer : layers) append(all, std::move(layer));
}

template <class L>
constexpr bool is_field = false;
template <class L>
constexpr bool is_field<Field<L>> = std::constructible_from<Layer, L>;
template <class L>
constexpr bool is_vector_of_layers = false;
template <class L>
constexpr bool is_vector_of_layers<std::vector<L>> = std::constructible_from<Layer, L>;
template <class L>
concept Chainable = std::constructible_from<Layer, L> || is_field<L> || is_vector_of_layers<L>;

template <class... L>
NamedLayers named_layers(L... layers) {
  NamedLayers all;
  (append(all, std::move(layers)), ...);
  return all;
}

}  // namespace detail

/// Layers one after another. Parameters and states: layer_1, layer_2, ..., or the names of its
/// fields. A vector of layers stands for each of them: Chain(std::vector<Dense>), and likewise
/// Parallel(nullptr, layers). Without layers y = x.
class LUXTORCH_API Chain {
 public:
  /// Layers, fields with layers, and vectors of layers. ArgumentError: a name is there twice, empty
  /// or has a dot.
  template <class... L>
    requires(detail::Chainable<L> && ...)
  explicit Chain(L... layers) : layers_(detail::named_layers(std::move(layers)...)) {}
  /// The layers of a vector, as layer_1, layer_2, ...
  explicit Chain(const std::vector<Layer>& layers);
  /// Layers with their names, as items() gives them. The names are not checked.
  explicit Chain(detail::NamedLayers layers) : layers_(std::move(layers)) {}

  /// layer_1, layer_2, ... are 0, 1, ... in PyTorch.
  static constexpr auto luxtorch_field_names = detail::FieldNames::CountedInTorch;
  /// Calls f(name, layer) for each layer in order: LayerAccess.
  template <class F>
  void luxtorch_layers(const F& f) const {
    for (const auto& [name, layer] : layers_) f(std::string_view(name), layer);
  }
  /// The first layer gets x, each other one the y of the one before; y is the last one's.
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model, above its layers.
  std::string label() const { return "Chain"; }

  /// The number of layers.
  size_t size() const { return layers_.size(); }
  /// The layer at a position from 0. ArgumentError: there is none.
  const Layer& operator[](size_t i) const;
  /// The layer of a name: chain["layer_1"]. ArgumentError: there is none; the text lists the names.
  const Layer& operator[](std::string_view name) const;
  /// All layers with their names, in order.
  const detail::NamedLayers& items() const { return layers_; }
  /// Other layers with the same names: layer_map. As many as there are.
  Chain with_layers(std::vector<Layer> layers) const;
  /// The layers of [first, last), from 0, with their names. ArgumentError: outside [0, size()].
  Chain slice(size_t first, size_t last) const;

 private:
  detail::NamedLayers layers_;
};

/// y = connection(layers(x), x). Parameters and states: those of the layers, or {layers,
/// connection} if the connection is a layer too, which gets a tuple (layers(x), x).
template <bool ConnectionIsLayer>
class LUXTORCH_API SkipConnection {
 public:
  /// connection: a function of two tensors or of a tuple, or a layer.
  SkipConnection(Layer layers, Layer connection)
      : layers_(std::move(layers)), connection_(std::move(connection)) {}

  /// Calls f("layers", layers) and f("connection", connection): LayerAccess.
  template <class F>
    requires(ConnectionIsLayer)
  void luxtorch_layers(const F& f) const {
    f(std::string_view("layers"), layers_), f(std::string_view("connection"), connection_);
  }
  /// Calls f("layers", layers), whose parameters and states are this layer's: LayerAccess.
  template <class F>
    requires(!ConnectionIsLayer)
  void luxtorch_wrapped(const F& f) const {
    f(std::string_view("layers"), layers_);
  }
  /// Other layers, and with them another connection if that is a layer: layer_map.
  SkipConnection with_layers(std::vector<Layer> layers) const {
    return {std::move(layers[0]), ConnectionIsLayer ? std::move(layers[1]) : connection_};
  }
  /// x and y: any Tree that the layers take, and that the connection gives.
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model, above its layers.
  std::string label() const { return "SkipConnection"; }

 private:
  Layer layers_, connection_;
};
/// A connection that is a function, not a layer, has no place among the parameters.
template <class L, class C>
SkipConnection(L layers, C connection) -> SkipConnection<!detail::is_function<C>>;

/// The options of RepeatedLayer.
struct RepeatedOptions {
  int64_t repeats = 10;          ///< How often the model runs, at least 1.
  bool input_injection = false;  ///< Each run gets a tuple (y, x): the last y, and the first x.
};

/// y = model(model(...model(x))): one model several times, with the same parameters. Parameters and
/// states: the model's; each run gets the states of the run before.
class LUXTORCH_API RepeatedLayer {
 public:
  /// ArgumentError: .repeats is below 1.
  explicit RepeatedLayer(Layer model, RepeatedOptions options = {});

  /// Calls f("model", model): LayerAccess.
  template <class F>
  void luxtorch_wrapped(const F& f) const {
    f(std::string_view("model"), model_);
  }
  /// The same of another model: layer_map.
  RepeatedLayer with_layers(std::vector<Layer> layers) const {
    return RepeatedLayer(std::move(layers[0]), options_);
  }
  /// With input_injection the first run gets (x, x).
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model, above the model.
  std::string label() const { return "RepeatedLayer"; }

 private:
  Layer model_;
  RepeatedOptions options_;
};

}  // namespace luxtorch
