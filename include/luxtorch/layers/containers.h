// Containers: Chain, SkipConnection, RepeatedLayer. Layers beside each other: parallel.h.
//
//     Chain(Dense(2, 8, lux::tanh), Dense(8, 1), [](const Tensor& y) { return y.squeeze(-1); })
//     Chain(field("encoder", Dense(2, 8)), field("decoder", Dense(8, 2)))
//     SkipConnection(Dense(8, 8), [](const Tensor& y, const Tensor& x) { return y + x; })
//     RepeatedLayer(Dense(8, 8, lux::tanh), {.repeats = 3})
//
// Level 3. They hold erased layers; a function of tensors is a layer without parameters.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "luxtorch/compact.h"
#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"

namespace luxtorch {

namespace detail {

// A plain function needs no name among the parameters: Lux leaves it out, and so do we.
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
/// fields. A vector of layers stands for each of them: Chain(std::vector<Dense>), Parallel(nullptr, layers).
/// Empty: y = x.
class LUXTORCH_API Chain {
 public:
  template <class... L>
    requires(detail::Chainable<L> && ...)
  explicit Chain(L... layers) : layers_(detail::named_layers(std::move(layers)...)) {}
  explicit Chain(const std::vector<Layer>& layers);
  explicit Chain(detail::NamedLayers layers) : layers_(std::move(layers)) {}

  template <class F>
  void luxtorch_layers(const F& f) const {
    for (const auto& [name, layer] : layers_) f(std::string_view(name), layer);
  }
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  std::string label() const { return "Chain"; }

  size_t size() const { return layers_.size(); }
  const Layer& operator[](size_t i) const;
  const Layer& operator[](std::string_view name) const;
  /// All of them with their names, in order.
  const detail::NamedLayers& items() const { return layers_; }
  /// The layers of [first, last) with their names.
  Chain slice(size_t first, size_t last) const;

 private:
  detail::NamedLayers layers_;
};

/// y = connection(layers(x), x). Parameters: the layers', or {layers, connection} if the connection
/// is a layer too (it is called with a tuple (layers(x), x)).
template <bool ConnectionIsLayer>
class SkipConnection {
 public:
  SkipConnection(Layer layers, Layer connection)
      : layers_(std::move(layers)), connection_(std::move(connection)) {}

  template <class F>
    requires(ConnectionIsLayer)
  void luxtorch_layers(const F& f) const {
    f(std::string_view("layers"), layers_), f(std::string_view("connection"), connection_);
  }
  template <class F>
    requires(!ConnectionIsLayer)
  void luxtorch_wrapped(const F& f) const {
    f(std::string_view("layers"), layers_);
  }
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  std::string label() const { return "SkipConnection"; }

 private:
  Layer layers_, connection_;
};
template <class L, class C>
SkipConnection(L layers, C connection) -> SkipConnection<!detail::is_function<C>>;

struct RepeatedOptions {
  int64_t repeats = 10;
  bool input_injection = false;  // the model takes a tuple (y, x) each time, with the first x
};

/// y = model(model(...model(x))): one model again and again, with the same parameters. Parameters and
/// states: the model's; its states move on from each time to the next.
class LUXTORCH_API RepeatedLayer {
 public:
  explicit RepeatedLayer(Layer model, RepeatedOptions options = {});

  template <class F>
  void luxtorch_wrapped(const F& f) const {
    f(std::string_view("model"), model_);
  }
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  std::string label() const { return "RepeatedLayer"; }

 private:
  Layer model_;
  RepeatedOptions options_;
};

}  // namespace luxtorch
