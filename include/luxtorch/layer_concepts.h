// What is a layer: the concepts behind layer.h, and LUXTORCH_LAYERS.
//
//     struct SpiralClassifier {
//       LSTMCell lstm_cell;
//       Dense classifier;
//       LUXTORCH_LAYERS(lstm_cell, classifier)   // parameters and states named by the members
//       Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
//     };
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/core/error.h"
#include "luxtorch/layer_spec.h"
#include "luxtorch/tree.h"
#include "luxtorch/tree_conversion.h"

namespace luxtorch {

/// What a layer returns: the output and the new states, which have the old ones' structure.
template <class Y>
using Out = std::pair<Y, Tree>;

/// What a recurrent cell returns: the output (batch, out) and what to hand to the next step.
struct Step {
  Tensor y;    ///< (batch, out)
  Tree carry;  ///< what the cell's next call takes: for LSTMCell a tuple (h, c), each (batch, out)
};

/// The output and the carry, as a tuple of two.
inline Tree to_tree(const Step& s) { return tuple({Tree(s.y), s.carry}); }
/// A tuple of two.
template <>
struct FromTree<Step> {
  /// The tuple's parts; TreeError if it is none.
  static Step value(const Tree& t) { return {t[0].tensor(), t[1]}; }
};

class Layer;

namespace detail {

// Stands for "a Tensor, and not a Tree" when a layer is asked what it takes: a Tensor or an auto
// parameter accepts it, a Tree one does not, since Tree converts from exactly Tensor.
struct TensorProbe : Tensor {};

struct AnyVisitor {
  template <class L>
  void operator()(std::string_view, const L&) const {}
};

template <class R>
constexpr bool is_out = false;
template <class Y>
constexpr bool is_out<std::pair<Y, Tree>> = true;
template <class R>
constexpr bool is_step_out = std::same_as<R, Out<Step>>;
template <class T>
constexpr bool is_optional = false;
template <class T>
constexpr bool is_optional<std::optional<T>> = true;

template <class L, class... X>
concept CallsAs = requires(const L& l, const X&... x, const Tree& t) {
  requires is_out<std::remove_cvref_t<decltype(l(x..., t, t))>>;
};
template <class F, class... X>
concept FunctionOf = std::is_invocable_v<const F&, const X&...> &&
                     !std::is_void_v<std::invoke_result_t<const F&, const X&...>>;
// What already takes (x, ps, st) is not asked whether it is a function of three tensors: its body, if
// generic, would have to compile with a tensor for ps.
template <class L, class... X>
concept Takes = CallsAs<L, X...> || ((sizeof...(X) < 3 || !CallsAs<L, TensorProbe>) &&
                                     (sizeof...(X) < 4 || !CallsAs<L, TensorProbe, TensorProbe>) &&
                                     FunctionOf<L, X...>);
// Can the layer be called with an x of this very type? A Tree goes to a layer of tensors as the erased
// call decides, since an auto parameter would take it too.
template <class L, class X>
concept CallsDirectly =
    (!std::same_as<X, Tree> || !Takes<L, TensorProbe>) && (CallsAs<L, X> || FunctionOf<L, X>);

}  // namespace detail

/// Names from the text of LUXTORCH_LAYERS: "this->cell_, Base<A, B>::head" gives cell and head.
LUXTORCH_API std::vector<std::string> field_names(const char* text);

namespace detail {

// What the macros leave in a type: the members with their text. No member template, so that a type local
// to a function may have one.
template <class... L>
struct Fields {
  const char* text;
  std::tuple<const L&...> members;

  template <class F>
  void visit(const F& f) const {
    auto names = field_names(text);
    size_t i = 0;
    std::apply([&](const auto&... l) { (f(std::string_view(names[i++]), l), ...); }, members);
  }
};
template <class... L>
Fields<L...> fields(const char* text, const L&... members) {
  return {text, std::tie(members...)};
}

}  // namespace detail

/// Gives access to a layer's members. It is a friend of every type with LUXTORCH_LAYERS, so that the
/// macro may stand in a private section. A type may instead have luxtorch_layers(f) or
/// luxtorch_wrapped(f), which call f(name, layer) for each: for names known at run time, as Chain's.
/// The layers must live as long as the object does. Where they all are members, or parts of members, a
/// `static constexpr bool luxtorch_visits_members = true` allows layer_map to replace them in a copy.
struct LayerAccess {
  /// Calls f(name, layer) for each layer of l.
  template <class L, class F>
  static void visit(const L& l, const F& f)
    requires(
        requires { l.luxtorch_layers(f); } || requires { l.luxtorch_layers().visit(f); })
  {
    if constexpr (requires { l.luxtorch_layers(f); }) {
      l.luxtorch_layers(f);
    } else {
      l.luxtorch_layers().visit(f);
    }
  }
  /// True if the layers are members of L: a macro names them, or L says so.
  template <class L>
  static constexpr bool names_members() {
    return requires(const L& l) { l.luxtorch_layers().members; } || requires(const L& l) {
      l.luxtorch_wrapped().members;
    } || requires { requires L::luxtorch_visits_members; };
  }
  /// Calls f(name, layer) for the layer that l wraps.
  template <class L, class F>
  static void visit_wrapped(const L& l, const F& f)
    requires(
        requires { l.luxtorch_wrapped(f); } || requires { l.luxtorch_wrapped().visit(f); })
  {
    if constexpr (requires { l.luxtorch_wrapped(f); }) {
      l.luxtorch_wrapped(f);
    } else {
      l.luxtorch_wrapped().visit(f);
    }
  }
};

/// Names its layers: LUXTORCH_LAYERS or a luxtorch_layers(f).
template <class L>
concept HasLayers = requires(const L& l, const detail::AnyVisitor& f) { LayerAccess::visit(l, f); };
/// Wraps one layer: LUXTORCH_WRAPS or a luxtorch_wrapped(f).
template <class L>
concept HasWrapped =
    requires(const L& l, const detail::AnyVisitor& f) { LayerAccess::visit_wrapped(l, f); };
/// Describes its own parameters: std::vector<ParameterSpec> parameters() const.
template <class L>
concept DescribesParameters = requires(const L& l) {
  { l.parameters() } -> std::same_as<std::vector<ParameterSpec>>;
};
/// Describes its own states: std::vector<StateSpec> states() const.
template <class L>
concept DescribesStates = requires(const L& l) {
  { l.states() } -> std::same_as<std::vector<StateSpec>>;
};
/// Makes its own parameters: Tree initial_parameters(Rng) const.
template <class L>
concept HasParameters = requires(const L& l, Rng rng) {
  { l.initial_parameters(rng) } -> std::convertible_to<Tree>;
};
/// Makes its own states: Tree initial_states(Rng) const.
template <class L>
concept HasStates = requires(const L& l, Rng rng) {
  { l.initial_states(rng) } -> std::convertible_to<Tree>;
};

/// Has states that depend on the first parameters: Tree settled_states(const Tree& ps, const Tree& st)
/// const. setup calls it with the layer's drawn parameters and states, once; what it gives are the states
/// of a new model, of the structure of st. It draws nothing. In the st of a layer that names its layers
/// (LUXTORCH_LAYERS) their parts are settled already; a wrapper (LUXTORCH_WRAPS) settles that of its layer.
template <class L>
concept SettlesStates = requires(const L& l, const Tree& t) {
  { l.settled_states(t, t) } -> std::convertible_to<Tree>;
};

/// Says the shape of its output without being called: Shape output_size(Shape x) const. It is asked
/// in place of a call whose x is on the meta device, as outputsize and summary(model, shape) have it.
/// For layers of one tensor that give one, and whose code needs numbers.
template <class L>
concept HasOutputSize = requires(const L& l, const Shape& x) {
  { l.output_size(x) } -> std::convertible_to<Shape>;
};

/// Can be called as a layer: (x, ps, st) with x a tensor, up to four tensors, a tensor and a carry, or
/// a Tree; or a function of up to four tensors or of a Tree.
template <class L>
concept LayerLike =
    !std::same_as<L, Layer> && !std::same_as<L, Tree> &&
    (detail::Takes<L, detail::TensorProbe> || detail::Takes<L, Tree> ||
     detail::Takes<L, detail::TensorProbe, detail::TensorProbe> ||
     detail::CallsAs<L, detail::TensorProbe, Tree> ||
     detail::Takes<L, detail::TensorProbe, detail::TensorProbe, detail::TensorProbe> ||
     detail::Takes<L, detail::TensorProbe, detail::TensorProbe, detail::TensorProbe,
                   detail::TensorProbe>);

/// A recurrent cell: cell(x, ps, st) starts a sequence, cell(x, carry, ps, st) goes on; both return
/// Out<Step>.
template <class L>
concept Cell = requires(const L& l, const Tensor& x, const Tree& t) {
  requires detail::is_step_out<std::remove_cvref_t<decltype(l(x, t, t))>>;
  requires detail::is_step_out<std::remove_cvref_t<decltype(l(x, t, t, t))>>;
};

/// Several layers in one member: a vector or an array, whose parameters are a tuple.
template <class L>
concept LayerRange = requires(const L& l) {
  l.begin();
  l.end();
  l.size();
} && !std::same_as<L, Layer> && !LayerLike<L>;

namespace detail {

// Has L a member of this name, whatever its access and signature? Deriving from L and from a class
// with that name makes the name ambiguous exactly then. An accessible data member is no hook.
#define LUXTORCH_DETAIL_HOOK_NAMED(member)                                                        \
  struct member##_named {                                                                         \
    int member;                                                                                   \
  };                                                                                              \
  template <class L>                                                                              \
  struct member##_both : L, member##_named {};                                                    \
  template <class L>                                                                              \
  constexpr bool has_##member() {                                                                 \
    if constexpr (std::is_class_v<L> && !std::is_final_v<L>) {                                    \
      if constexpr (requires { requires std::is_member_object_pointer_v<decltype(&L::member)>; }) \
        return false;                                                                             \
      else                                                                                        \
        return !requires { &member##_both<L>::member; };                                          \
    } else {                                                                                      \
      return false;                                                                               \
    }                                                                                             \
  }
LUXTORCH_DETAIL_HOOK_NAMED(initial_parameters)
LUXTORCH_DETAIL_HOOK_NAMED(initial_states)
LUXTORCH_DETAIL_HOOK_NAMED(settled_states)
LUXTORCH_DETAIL_HOOK_NAMED(initialparameters)
LUXTORCH_DETAIL_HOOK_NAMED(initialstates)
LUXTORCH_DETAIL_HOOK_NAMED(initial_parameter)
LUXTORCH_DETAIL_HOOK_NAMED(initial_state)
LUXTORCH_DETAIL_HOOK_NAMED(initial_params)
LUXTORCH_DETAIL_HOOK_NAMED(init_parameters)
LUXTORCH_DETAIL_HOOK_NAMED(init_states)
#undef LUXTORCH_DETAIL_HOOK_NAMED

// Would it describe them, if the member were const?
template <class L>
concept DescribesParametersMutable = requires(L& l) {
  { l.parameters() } -> std::same_as<std::vector<ParameterSpec>>;
};
template <class L>
concept DescribesStatesMutable = requires(L& l) {
  { l.states() } -> std::same_as<std::vector<StateSpec>>;
};

template <class L>
concept MisshapedOutputSize =
    !HasOutputSize<L> && requires(L& l, const Shape& x) { l.output_size(x); };

// Is there a hook that nobody calls?
template <class L>
constexpr bool misnamed_parameters() {
  return has_initialparameters<L>() || has_initial_parameter<L>() || has_initial_params<L>() ||
         has_init_parameters<L>();
}
template <class L>
constexpr bool misnamed_states() {
  return has_initialstates<L>() || has_initial_state<L>() || has_init_states<L>();
}

}  // namespace detail

/// Refuses, at compile time and in plain words, what is nearly a layer.
template <class L>
constexpr void check_layer() {
  if constexpr (LayerRange<L>) {
    check_layer<std::remove_cvref_t<decltype(*std::declval<const L&>().begin())>>();
  } else if constexpr (detail::is_optional<L>) {
    check_layer<typename L::value_type>();
  } else if constexpr (!std::same_as<L, Layer>) {
    static_assert(LayerLike<L>,
                  "not a layer: it needs a const call operator (x, ps, st) that returns "
                  "luxtorch::Out<...>, with x a const Tensor& or a const Tree&, or must be a "
                  "function of tensors or of a Tree");
    static_assert(HasParameters<L> || !detail::has_initial_parameters<L>(),
                  "initial_parameters must be: Tree initial_parameters(Rng) const, public");
    static_assert(HasStates<L> || !detail::has_initial_states<L>(),
                  "initial_states must be: Tree initial_states(Rng) const, public");
    static_assert(SettlesStates<L> || !detail::has_settled_states<L>(),
                  "settled_states must be: Tree settled_states(const Tree& ps, const Tree& st) "
                  "const, public");
    static_assert(DescribesParameters<L> || !detail::DescribesParametersMutable<L>,
                  "parameters must be: std::vector<ParameterSpec> parameters() const");
    static_assert(DescribesStates<L> || !detail::DescribesStatesMutable<L>,
                  "states must be: std::vector<StateSpec> states() const");
    static_assert(!detail::MisshapedOutputSize<L>,
                  "output_size must be: Shape output_size(Shape x) const");
    static_assert(!DescribesParameters<L> || !HasParameters<L>,
                  "a layer has parameters() and initial_parameters(Rng): drop "
                  "initial_parameters(Rng), since parameters() says what setup draws");
    static_assert(!DescribesStates<L> || !HasStates<L>,
                  "a layer has states() and initial_states(Rng): drop initial_states(Rng), since "
                  "states() says what setup makes");
    static_assert(HasParameters<L> || DescribesParameters<L> || !detail::misnamed_parameters<L>(),
                  "a layer's parameters come from: Tree initial_parameters(Rng) const "
                  "(another name is not called)");
    static_assert(HasStates<L> || DescribesStates<L> || !detail::misnamed_states<L>(),
                  "a layer's states come from: Tree initial_states(Rng) const "
                  "(another name is not called)");
  }
}

}  // namespace luxtorch

/// Names the members that are layers: a layer, a Layer, or a vector, array or optional of layers.
/// Gives the type setup, printing, summaries and error places. A derived class lists its base's
/// too.
#define LUXTORCH_LAYERS(...)                                                    \
  friend struct ::luxtorch::LayerAccess;                                        \
  auto luxtorch_layers() const {                                                \
    return ::luxtorch::detail::fields(#__VA_ARGS__ __VA_OPT__(, ) __VA_ARGS__); \
  }

/// For a wrapper: its parameters and states are exactly the member's, without a level of their own.
/// Parameters or states that the wrapper describes or makes itself stand in their place.
#define LUXTORCH_WRAPS(member)           \
  friend struct ::luxtorch::LayerAccess; \
  auto luxtorch_wrapped() const { return ::luxtorch::detail::fields(#member, member); }
