// Layers beside each other: Parallel, BranchLayer, PairwiseFusion, Maxout.
//
//     Parallel(nullptr, Embedding(1000, 50), NoOpLayer())            // (tokens, lengths) -> a tuple
//     BranchLayer(Dense(2, 8), Dense(2, 8)).fusion([](const Tensor& a, const Tensor& b) { return a * b; })
//     PairwiseFusion(add, Dense(2, 8), Dense(8, 8))                  // of a tuple (x1, x2, x3)
//     Maxout([] { return Dense(2, 8); }, 3)
//
// Level 3. Parameters and states: layer_1, layer_2, ..., or the fields' names. What joins the outputs
// is a function of tensors or of a Tree, or a layer, which gets them as a tuple; then the layers'
// parameters are under layers and its own beside them.
#pragma once

#include <optional>
#include <string>
#include <utility>

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

/// Element i of a tuple x goes to layer i, any other x to all. y = connection(y_1, ..., y_n), or the
/// tuple of them where the connection is nullptr. A connection that is a layer: {layers,
/// connection}.
class LUXTORCH_API Parallel {
 public:
  template <class C, class... L>
    requires(detail::Chainable<L> && ...)
  explicit Parallel(C connection, L... layers)
      : parts_(Chain(detail::named_layers(std::move(layers)...)), "connection",
               std::move(connection)) {}

  template <class F>
  void luxtorch_layers(const F& f) const {
    parts_.visit(f);
  }
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  std::string label() const { return "Parallel"; }

 private:
  detail::Joined parts_;
};

/// x, also a tuple, goes to each layer as it is; y is the tuple of their outputs, or with a fusion
/// f BranchLayer(...).fusion(f) what f makes of them. A fusion that is a layer: {layers, fusion}.
class LUXTORCH_API BranchLayer {
 public:
  template <class... L>
    requires(detail::Chainable<L> && ...)
  explicit BranchLayer(L... layers) : parts_(Chain(detail::named_layers(std::move(layers)...))) {}

  /// The same layers with f for a fusion.
  template <class J>
  BranchLayer fusion(J f) const {
    BranchLayer fused(*this);
    fused.parts_ = detail::Joined(parts_.layers(), "fusion", std::move(f));
    return fused;
  }

  template <class F>
  void luxtorch_layers(const F& f) const {
    parts_.visit(f);
  }
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  std::string label() const { return "BranchLayer"; }

 private:
  detail::Joined parts_;
};

/// One layer after another, each output joined with the next input: of a tuple (x_1, ..., x_n+1),
/// one more than there are layers, y_0 = x_1 and y_i = connection(layer_i(y_i-1), x_i+1), y is the
/// last; of any other x, x stands for each of them. (The layer's output comes first, as Lux's code
/// has it; its documentation says otherwise.) A connection that is a layer: {layers, connection},
/// one set of parameters, states that move on.
class LUXTORCH_API PairwiseFusion {
 public:
  template <class C, class... L>
    requires(!std::same_as<C, std::nullptr_t> && (detail::Chainable<L> && ...))
  explicit PairwiseFusion(C connection, L... layers)
      : parts_(Chain(detail::named_layers(std::move(layers)...)), "connection",
               std::move(connection)) {}

  template <class F>
  void luxtorch_layers(const F& f) const {
    parts_.visit(f);
  }
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  std::string label() const { return "PairwiseFusion"; }

 private:
  detail::Joined parts_;
};

/// The greatest of the layers' outputs, element by element (Goodfellow et al. 2013); these have one
/// shape. Where several are greatest they share the gradient.
class LUXTORCH_API Maxout {
 public:
  /// At least one layer, else an ArgumentError.
  template <class... L>
    requires(detail::Chainable<L> && ...)
  explicit Maxout(L... layers)
      : Maxout(Checked{}, Chain(detail::named_layers(std::move(layers)...))) {}
  /// `count` layers, each what make() gives.
  template <class M>
    requires std::constructible_from<Layer, std::invoke_result_t<const M&>>
  Maxout(const M& make, int64_t count)
      : Maxout(Checked{}, [&] {
          detail::NamedLayers all;
          for (int64_t i = 0; i < count; ++i) detail::append(all, make());
          return Chain(std::move(all));
        }()) {}

  template <class F>
  void luxtorch_layers(const F& f) const {
    parts_.visit(f);
  }
  Out<Tensor> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  std::string label() const { return "Maxout"; }

 private:
  struct Checked {};
  Maxout(Checked, Chain layers);

  detail::Joined parts_;
};

}  // namespace luxtorch
