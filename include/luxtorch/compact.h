// compact: a layer from a lambda, which gets the fields in order; their new states are kept for it.
//
//     auto model =
//         compact(field("lstm_cell", LSTMCell(2, 8)),
//                 field("classifier", Dense(8, 1, lux::sigmoid)))
//             .forward([](const Tensor& x, auto& lstm_cell, auto& classifier) {
//               auto steps = x.unbind(1);
//               auto out = lstm_cell(steps[0]);
//               for (size_t t = 1; t < steps.size(); ++t) out = lstm_cell(steps[t], out.carry);
//               return classifier(out.y).squeeze(-1);
//             });
//
// A field is one of these. The second column is what the body gets:
//   field("name", layer)               a callable: layer(x), cell(x, carry)
//   field("name", vector of layers)    a range of callables: for (auto& d : ds) y = d(y);
//   param("name", initializer, shape)  the parameter: const Tensor&
//   state("name", value)               T&
//
// Each call of a layer updates its state. The T of a state is bool, int64_t, double, std::string,
// Tensor, Rng or Tree; its value after the body is the new state.
//
// The fields' names are those of parameters and states, exactly as in a struct with
// LUXTORCH_LAYERS. The body takes (x, one argument per field), as auto& or const auto&, and returns
// whatever Out may hold. With two to four inputs, (x, y, one argument per field), the layer takes a
// tuple of them, as every layer of several inputs: apply(model, std::pair(x, y), ps, st).
#pragma once

#include <concepts>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "luxtorch/init.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// A parameter of the compact layer's own: what param gives.
struct ParamField {
  Initializer init;            ///< Its first values.
  std::vector<int64_t> shape;  ///< Its shape.
  Dtype dtype = kFloat32;      ///< What init gives.
};
/// A state of the compact layer's own: what state gives.
template <class T>
struct StateField {
  T value;  ///< Its first value.
};
/// A name, and a layer, a vector of layers, a ParamField or a StateField. Chain and the other
/// containers take fields with layers, too.
template <class V>
struct Field {
  std::string name;  ///< The key in the trees of parameters and states; no dots.
  V value;           ///< What has the name.
};

/// A layer or a vector of layers with a name. Anything else does not compile.
template <class L>
Field<L> field(std::string name, L layer) {
  check_layer<L>();
  return {std::move(name), std::move(layer)};
}
/// A parameter of the layer's own, whose first values are init(rng, shape), of that shape and dtype.
inline Field<ParamField> param(std::string name, Initializer init, std::vector<int64_t> shape,
                               Dtype dtype = kFloat32) {
  return {std::move(name), {std::move(init), std::move(shape), dtype}};
}

namespace detail {

// The value as the leaf that it becomes: any integer an int64_t, a literal a std::string.
template <class T>
auto leaf_value(T value) {
  if constexpr (Integer<T>) {
    return static_cast<int64_t>(value);
  } else if constexpr (std::floating_point<T>) {
    return static_cast<double>(value);
  } else if constexpr (std::convertible_to<T, std::string>) {
    return std::string(value);
  } else if constexpr (std::same_as<T, bool> || std::same_as<T, Tensor> || std::same_as<T, Rng>) {
    return value;
  } else {
    return Tree(std::move(value));
  }
}

template <class V>
constexpr bool is_param = std::same_as<V, ParamField>;
template <class V>
constexpr bool is_state = false;
template <class T>
constexpr bool is_state<StateField<T>> = true;

// A field as the body sees it, with its parameters and its current states. It cannot be copied: a
// body that takes it by value would update the states of a copy.
template <class V>
class Handle {
 public:
  Handle(const V& layer, Tree ps, Tree st)
      : layer_(&layer), ps_(std::move(ps)), st_(std::move(st)) {}
  Handle(Handle&&) = default;

  // const, so that a body may take its fields by const auto&; the state inside is mutable.
  template <class... X>
    requires Takes<V, X...>
  auto operator()(const X&... x) const {
    auto [y, st] = invoke(*layer_, ps_, st_, x...);
    st_ = std::move(st);
    report(*layer_, y);
    return std::move(y);
  }
  Handle& argument() { return *this; }
  Tree state() const { return st_; }

 private:
  const V* layer_;
  Tree ps_;
  mutable Tree st_;
};

template <LayerRange V>
class Handle<V> {
 public:
  using Element = std::remove_cvref_t<decltype(*std::declval<const V&>().begin())>;
  Handle(const V& layers, const Tree& ps, const Tree& st) {
    size_t i = 0;
    for (const auto& layer : layers) each_.emplace_back(layer, ps[i], st[i]), ++i;
  }
  Handle(Handle&&) = default;
  auto begin() const { return each_.begin(); }
  auto end() const { return each_.end(); }
  const auto& operator[](size_t i) const { return each_[i]; }
  size_t size() const { return each_.size(); }
  Handle& argument() { return *this; }
  Tree state() const {
    std::vector<Tree> parts;
    for (const auto& e : each_) parts.push_back(e.state());
    return tuple(std::move(parts));
  }

 private:
  std::vector<Handle<Element>> each_;
};

template <>
class Handle<ParamField> {
 public:
  Handle(const ParamField&, const Tree& ps, const Tree&) : tensor_(ps.tensor()) {}
  const Tensor& argument() const { return tensor_; }

 private:
  Tensor tensor_;
};

template <class T>
class Handle<StateField<T>> {
 public:
  Handle(const StateField<T>&, const Tree&, const Tree& st) : value_(read(st)) {}
  T& argument() { return value_; }
  Tree state() const { return Tree(value_); }

 private:
  static T read(const Tree& st) {
    if constexpr (std::same_as<T, Tensor>) {
      return st.tensor();
    } else if constexpr (std::same_as<T, Tree>) {
      return st;
    } else {
      return st.template scalar<T>();
    }
  }
  T value_;
};

template <class V>
using Argument = decltype(std::declval<Handle<V>&>().argument());

// True if the body takes these inputs and the fields. A body of any number of arguments counts as
// one of a single input.
template <class Body, class Fields, class... X>
constexpr bool body_takes = false;
template <class Body, class... V, class... X>
constexpr bool body_takes<Body, std::tuple<V...>, X...> =
    std::is_invocable_v<const Body&, const X&..., Argument<V>...>;

}  // namespace detail

/// A state of the layer's own with its first value: a bool, an integer, a floating-point number, a
/// string, a Tensor, an Rng or a Tree.
template <class T>
auto state(std::string name, T value) {
  auto leaf = detail::leaf_value(std::move(value));
  return Field<StateField<decltype(leaf)>>{std::move(name), {std::move(leaf)}};
}

/// The layer that compact(...).forward(body) gives. Parameters: those of its layers, and its own
/// after them, by the fields' names; states likewise.
template <class Body, class... V>
class Compact {
 public:
  /// Use compact(...).forward(body), which checks the body.
  Compact(std::tuple<Field<V>...> fields, Body body)
      : fields_(std::move(fields)), body_(std::move(body)) {}

  /// Several layers of a field are 1, 2, ... in Lux.
  static constexpr auto luxtorch_field_names = detail::FieldNames::RangesCountedInLux;
  /// Calls f(name, layer) for each field with a layer: LayerAccess.
  template <class F>
  void luxtorch_layers(const F& f) const {
    for_each_field([&]<class W>(const Field<W>& g) {
      if constexpr (!detail::is_param<W> && !detail::is_state<W>)
        f(std::string_view(g.name), g.value);
    });
  }
  /// The parameters of its own, those of param; setup adds the layers'.
  std::vector<ParameterSpec> parameters() const {
    std::vector<ParameterSpec> specs;
    for_each_field([&]<class W>(const Field<W>& g) {
      if constexpr (detail::is_param<W>)
        specs.push_back(
            {.name = g.name, .shape = g.value.shape, .init = g.value.init, .dtype = g.value.dtype});
    });
    return specs;
  }
  /// The states of its own, those of state; setup adds the layers'.
  std::vector<StateSpec> states() const {
    std::vector<StateSpec> specs;
    for_each_field([&]<class W>(const Field<W>& g) {
      if constexpr (detail::is_state<W>) specs.emplace_back(g.name, Tree(g.value.value));
    });
    return specs;
  }
  /// The text in a printed model.
  std::string label() const { return "Compact"; }

  /// True if the body takes the inputs X and the fields.
  template <class... X>
  static constexpr bool Fits = detail::body_takes<Body, std::tuple<V...>, X...>;

  /// The body's y, and the new states.
  template <class X>
    requires Fits<X>
  auto operator()(const X& x, const Tree& ps, const Tree& st) const {
    return run(ps, st, x);
  }
  /// The same for a body of two inputs.
  template <class X, class Y>
    requires(Fits<X, Y> && !Fits<X>)
  auto operator()(const X& x, const Y& y, const Tree& ps, const Tree& st) const {
    return run(ps, st, x, y);
  }
  /// The same for a body of three inputs.
  template <class X, class Y, class Z>
    requires(Fits<X, Y, Z> && !Fits<X>)
  auto operator()(const X& x, const Y& y, const Z& z, const Tree& ps, const Tree& st) const {
    return run(ps, st, x, y, z);
  }
  /// The same for a body of four inputs.
  template <class X, class Y, class Z, class W>
    requires(Fits<X, Y, Z, W> && !Fits<X>)
  auto operator()(const X& x, const Y& y, const Z& z, const W& w, const Tree& ps,
                  const Tree& st) const {
    return run(ps, st, x, y, z, w);
  }

 private:
  template <class... X>
  auto run(const Tree& ps, const Tree& st, const X&... x) const {
    return std::apply(
        [&](const Field<V>&... f) {
          std::tuple<detail::Handle<V>...> handles{
              detail::Handle<V>(f.value, part<V>(f, ps, !detail::is_state<V>),
                                part<V>(f, st, !detail::is_param<V>))...};
          return std::apply(
              [&](auto&... h) {
                auto y = body_(x..., h.argument()...);
                detail::report(*this, y);
                return std::pair<decltype(y), Tree>{std::move(y), new_states(std::tie(f, h)...)};
              },
              handles);
        },
        fields_);
  }
  template <class F>
  void for_each_field(const F& f) const {
    std::apply([&](const auto&... g) { (f(g), ...); }, fields_);
  }
  template <class W>
  static Tree part(const Field<W>& f, const Tree& t, bool wanted) {
    return wanted ? t[f.name] : Tree();
  }
  // Layers first and own states after them, as setup lays them out.
  template <class... Pair>
  static Tree new_states(const Pair&... pairs) {
    std::vector<Tree::Item> parts;
    [[maybe_unused]] auto add = [&]<class W, class H>(const std::tuple<const Field<W>&, H&>& p,
                                                      bool own) {
      if constexpr (!detail::is_param<W>) {
        if (detail::is_state<W> == own)
          parts.emplace_back(std::get<0>(p).name, std::get<1>(p).state());
      }
    };
    (add(pairs, false), ...);
    (add(pairs, true), ...);
    return named(std::move(parts));
  }

  std::tuple<Field<V>...> fields_;
  Body body_;
};

/// What compact gives: the fields, until forward adds the body.
template <class... V>
class CompactFields {
 public:
  /// Use compact(...).
  explicit CompactFields(Field<V>... fields) : fields_(std::move(fields)...) {}

  /// The layer with this body. A body that does not take (x, one argument per field) does not
  /// compile, with a text that says so.
  template <class Body>
  auto forward(Body body) && {
    // A generic body that takes a tensor is not tried with anything else.
    using P = detail::TensorProbe;
    constexpr bool fits =
        std::disjunction_v<Takes<Body, P>, Takes<Body, Tree>, Takes<Body, P, P>,
                           Takes<Body, P, Tree>, Takes<Body, P, P, P>, Takes<Body, P, P, P, P>>;
    static_assert(
        fits,
        "compact: the body must take (x, one argument per field): x as const Tensor& or "
        "const Tree&, or up to four tensors, then each field as auto& or const auto&; and the "
        "lambda must not be mutable");
    if constexpr (fits) return Compact<Body, V...>(std::move(fields_), std::move(body));
  }
  /// The same for fields that are kept in a variable.
  template <class Body>
  auto forward(Body body) const& {
    return CompactFields(*this).forward(std::move(body));
  }

 private:
  // Not read before disjunction asks for it, one after the other.
  template <class Body, class... X>
  struct Takes : std::bool_constant<detail::body_takes<Body, std::tuple<V...>, X...>> {};

  std::tuple<Field<V>...> fields_;
};

/// The fields of a layer, whose body .forward adds: Lux.jl's compact macro. Two fields of one name
/// are a TreeError at setup.
template <class... V>
CompactFields<V...> compact(Field<V>... fields) {
  return CompactFields<V...>(std::move(fields)...);
}

}  // namespace luxtorch
