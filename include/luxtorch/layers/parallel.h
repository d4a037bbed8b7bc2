// Containers of parallel layers: Parallel, BranchLayer, PairwiseFusion, Maxout.
//
//     Parallel(nullptr, Embedding(1000, 50), NoOpLayer())           // (tokens, lengths) -> a tuple
//     BranchLayer(Dense(2, 8), Dense(2, 8))
//         .fusion([](const Tensor& a, const Tensor& b) { return a * b; })
//     PairwiseFusion(add, Dense(2, 8), Dense(8, 8))                  // of a tuple (x1, x2, x3)
//     Maxout([] { return Dense(2, 8); }, 3)
//
// Parameters and states: layer_1, layer_2, ..., or the fields' names. The outputs are joined by a
// function of tensors or of a Tree, or by a layer, which gets them as a tuple. With such a layer
// the parameters of the others are under `layers`, and its own beside them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layers/containers.h"

namespace luxtorch {

namespace detail {

// Layers by name, and what joins their outputs if anything does.
class Joined {
 public:
  explicit Joined(Chain layers) : layers_(std::move(layers)) {}
  template <class J>
  Joined(Chain layers, const char* name, J join) : layers_(std::move(layers)), name_(name) {
    if constexpr (!std::same_as<J, std::nullptr_t>) {
      join_ = Layer(std::move(join));
      join_is_layer_ = !is_function<J>;
    }
  }

  template <class F>
  void visit(const F& f) const {
    if (join_is_layer_) {
      f(std::string_view("layers"), layers_), f(std::string_view(name_), *join_);
    } else {
      layers_.luxtorch_layers(f);
    }
  }
  Joined with_layers(std::vector<Layer> layers) const {
    Joined other = *this;
    if (join_is_layer_) {
      other.layers_ = *layers[0].as<Chain>();
      other.join_ = std::move(layers[1]);
    } else {
      other.layers_ = layers_.with_layers(std::move(layers));
    }
    return other;
  }
  const Chain& layers() const { return layers_; }
  size_t size() const { return layers_.size(); }

 private:
  friend class JoinedCall;
  Chain layers_;  // for its names: never called
  const char* name_ = "";
  std::optional<Layer> join_;
  bool join_is_layer_ = false;
};

}  // namespace detail

/// Element i of a tuple x goes to layer i, any other x to all layers. y = connection(y_1, ...,
/// y_n), or the tuple of them if the connection is nullptr. Parameters and states of a connection
/// that is a layer: {layers, connection}.
class LUXTORCH_API Parallel {
 public:
  /// connection: nullptr, a function or a layer. The layers are as those of Chain, with its errors.
  template <class C, class... L>
    requires(detail::Chainable<L> && ...)
  explicit Parallel(C connection, L... layers)
      : parts_(Chain(detail::named_layers(std::move(layers)...)), "connection",
               std::move(connection)) {}

  /// layer_1, layer_2, ... are 0, 1, ... in PyTorch.
  static constexpr auto luxtorch_field_names = detail::FieldNames::CountedInTorch;
  /// Calls f(name, layer) for each layer, a joining one too: LayerAccess.
  template <class F>
  void luxtorch_layers(const F& f) const {
    parts_.visit(f);
  }
  /// The same of other layers: layer_map.
  Parallel with_layers(std::vector<Layer> layers) const {
    Parallel other(*this);
    other.parts_ = parts_.with_layers(std::move(layers));
    return other;
  }
  /// ShapeError: x is a tuple of another size than the number of layers.
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model, above its layers.
  std::string label() const { return "Parallel"; }

 private:
  detail::Joined parts_;
};

/// x, also a tuple, goes to each layer as it is. y is the tuple of their outputs, or f of them for
/// BranchLayer(...).fusion(f). Parameters and states of a fusion that is a layer: {layers, fusion}.
class LUXTORCH_API BranchLayer {
 public:
  /// The layers are as those of Chain, with its errors.
  template <class... L>
    requires(detail::Chainable<L> && ...)
  explicit BranchLayer(L... layers) : parts_(Chain(detail::named_layers(std::move(layers)...))) {}

  /// The same layers with the fusion f, a function or a layer.
  template <class J>
  BranchLayer fusion(J f) const {
    BranchLayer fused(*this);
    fused.parts_ = detail::Joined(parts_.layers(), "fusion", std::move(f));
    return fused;
  }

  /// layer_1, layer_2, ... are 0, 1, ... in PyTorch.
  static constexpr auto luxtorch_field_names = detail::FieldNames::CountedInTorch;
  /// Calls f(name, layer) for each layer, a joining one too: LayerAccess.
  template <class F>
  void luxtorch_layers(const F& f) const {
    parts_.visit(f);
  }
  /// The same of other layers: layer_map.
  BranchLayer with_layers(std::vector<Layer> layers) const {
    BranchLayer other(*this);
    other.parts_ = parts_.with_layers(std::move(layers));
    return other;
  }
  /// x: whatever all layers take.
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model, above its layers.
  std::string label() const { return "BranchLayer"; }

 private:
  detail::Joined parts_;
};

/// One layer after another, each output joined with the next input. For a tuple (x_1, ..., x_n+1),
/// one more than there are layers: y_0 = x_1, y_i = connection(layer_i(y_i-1), x_i+1), and y = y_n.
/// Any other x stands for each of the n + 1. (The layer's output is the first argument, as in Lux's
/// code; Lux's documentation says otherwise.) Parameters and states of a connection that is a
/// layer: {layers, connection}. It has one set of parameters; each of its calls gets the states of
/// the call before.
class LUXTORCH_API PairwiseFusion {
 public:
  /// connection: a function or a layer. The layers are as those of Chain, with its errors.
  template <class C, class... L>
    requires(!std::same_as<C, std::nullptr_t> && (detail::Chainable<L> && ...))
  explicit PairwiseFusion(C connection, L... layers)
      : parts_(Chain(detail::named_layers(std::move(layers)...)), "connection",
               std::move(connection)) {}

  /// layer_1, layer_2, ... are 0, 1, ... in PyTorch.
  static constexpr auto luxtorch_field_names = detail::FieldNames::CountedInTorch;
  /// Calls f(name, layer) for each layer, a joining one too: LayerAccess.
  template <class F>
  void luxtorch_layers(const F& f) const {
    parts_.visit(f);
  }
  /// The same of other layers: layer_map.
  PairwiseFusion with_layers(std::vector<Layer> layers) const {
    PairwiseFusion other(*this);
    other.parts_ = parts_.with_layers(std::move(layers));
    return other;
  }
  /// ShapeError: x is a tuple of another size than the number of layers and one.
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model, above its layers.
  std::string label() const { return "PairwiseFusion"; }

 private:
  detail::Joined parts_;
};

/// The greatest of the layers' outputs, element by element (Goodfellow et al. 2013). All layers get
/// x, and their outputs have one shape. Where several are greatest they share the gradient.
class LUXTORCH_API Maxout {
 public:
  /// The layers are as those of Chain, with its errors. ArgumentError: no layer.
  template <class... L>
    requires(detail::Chainable<L> && ...)
  explicit Maxout(L... layers)
      : Maxout(Checked{}, Chain(detail::named_layers(std::move(layers)...))) {}
  /// `count` layers, each what make() gives. ArgumentError: count is below 1.
  template <class M>
    requires std::constructible_from<Layer, std::invoke_result_t<const M&>>
  Maxout(const M& make, int64_t count)
      : Maxout(Checked{}, [&] {
          detail::NamedLayers all;
          for (int64_t i = 0; i < count; ++i) detail::append(all, make());
          return Chain(std::move(all));
        }()) {}

  /// layer_1, layer_2, ... are 0, 1, ... in PyTorch.
  static constexpr auto luxtorch_field_names = detail::FieldNames::CountedInTorch;
  /// Calls f(name, layer) for each layer: LayerAccess.
  template <class F>
  void luxtorch_layers(const F& f) const {
    parts_.visit(f);
  }
  /// The same of other layers: layer_map.
  Maxout with_layers(std::vector<Layer> layers) const {
    Maxout other(*this);
    other.parts_ = parts_.with_layers(std::move(layers));
    return other;
  }
  /// ShapeError: the layers' outputs have several shapes.
  Out<Tensor> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model, above its layers.
  std::string label() const { return "Maxout"; }

 private:
  struct Checked {};
  Maxout(Checked, Chain layers);

  detail::Joined parts_;
};

}  // namespace luxtorch
