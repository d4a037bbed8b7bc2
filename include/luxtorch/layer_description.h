// How models are printed and counted, and what error messages know of their layers.
//
//     std::cout << show(model);                                // as Lux prints it, for every type
//     int64_t n = parameter_length(model);
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layer_concepts.h"

namespace luxtorch {

namespace detail {

/// How PyTorch and Lux name the layers inside a layer, where not as we do. A container says it by a
/// static member `luxtorch_field_names`.
enum class FieldNames {
  AsHere,              ///< nothing else is said
  CountedInTorch,      ///< layer_1, layer_2, ... are 0, 1, ... in PyTorch
  RangesCountedInLux,  ///< the layers of a vector or array are 1, 2, ... in Lux
};

/// The hooks of a layer's type, for its address; nullptr for those that it has not.
struct LayerHooks {
  std::vector<ParameterSpec> (*parameters)(const void* layer) = nullptr;
  std::vector<StateSpec> (*states)(const void* layer) = nullptr;
  Tree (*initial_parameters)(const void* layer, Rng rng) = nullptr;
  Tree (*initial_states)(const void* layer, Rng rng) = nullptr;
  FieldNames field_names = FieldNames::AsHere;
  Tree (*settled_states)(const void* layer, const Tree& ps, const Tree& st) = nullptr;
};

template <class L>
constexpr LayerHooks hooks_of() {
  LayerHooks hooks;
  if constexpr (DescribesParameters<L>) {
    hooks.parameters = [](const void* l) { return static_cast<const L*>(l)->parameters(); };
  } else if constexpr (HasParameters<L>) {
    hooks.initial_parameters = [](const void* l, Rng rng) -> Tree {
      return static_cast<const L*>(l)->initial_parameters(rng);
    };
  }
  if constexpr (DescribesStates<L>) {
    hooks.states = [](const void* l) { return static_cast<const L*>(l)->states(); };
  } else if constexpr (HasStates<L>) {
    hooks.initial_states = [](const void* l, Rng rng) -> Tree {
      return static_cast<const L*>(l)->initial_states(rng);
    };
  }
  if constexpr (SettlesStates<L>) {
    hooks.settled_states = [](const void* l, const Tree& ps, const Tree& st) -> Tree {
      return static_cast<const L*>(l)->settled_states(ps, st);
    };
  }
  if constexpr (requires { L::luxtorch_field_names; }) hooks.field_names = L::luxtorch_field_names;
  return hooks;
}
template <class L>
inline constexpr LayerHooks kHooks = hooks_of<L>();

}  // namespace detail

/// A layer and the layers inside it, by name. It points into the layer, which must outlive it.
struct Description {
  std::string text;  ///< one line, as "Dense(2 => 3, relu)"; of a container its type's name
  /// Identifies the layer together with `type`; nullptr for a vector, array or optional of layers.
  const void* address = nullptr;
  const std::type_info* type = nullptr;  ///< the layer's type; nullptr where address is
  bool wrapper = false;                  ///< its one field has the same path as itself
  bool range = false;  ///< a vector or array of layers, whose parameters are a tuple
  const detail::LayerHooks* hooks = nullptr;  ///< the type's hooks; nullptr where address is
  const Layer* erased = nullptr;              ///< the Layer that holds it; nullptr where none does
  struct Field;                               // complete only below, since it holds a Description
  std::vector<Field> fields;  ///< the layers inside, in the order of LUXTORCH_LAYERS
};
/// A layer inside another.
struct Description::Field {
  std::string name;   ///< the member's name, or its position
  Description layer;  ///< the layer
};

/// L has a text of its own, std::string label() const, such as "Dense(2 => 3, relu)".
template <class L>
concept HasLabel = requires(const L& l) {
  { l.label() } -> std::convertible_to<std::string>;
};

/// The layer's text and those of the layers inside. No layer is called.
template <class L>
Description describe(const L& l) {
  if constexpr (std::same_as<L, Layer>) {
    Description d = l.describe();
    d.erased = &l;
    return d;
  } else if constexpr (LayerRange<L>) {
    Description d{.text = "(" + std::to_string(l.size()) + " layers)", .range = true, .fields = {}};
    size_t i = 0;
    for (const auto& e : l) d.fields.push_back({std::to_string(i++), describe(e)});
    return d;
  } else if constexpr (detail::is_optional<L>) {
    return l ? describe(*l) : Description{.text = "nothing", .fields = {}};
  } else {
    check_layer<L>();
    Description d{
        .text = "", .address = &l, .type = &typeid(L), .hooks = &detail::kHooks<L>, .fields = {}};
    if constexpr (HasLabel<L>) {
      d.text = l.label();
    } else {
      d.text = type_name(typeid(L));
    }
    auto add = [&](std::string_view name, const auto& c) {
      d.fields.push_back({std::string(name), describe(c)});
    };
    if constexpr (HasWrapped<L>) {
      d.wrapper = true;
      LayerAccess::visit_wrapped(l, add);
    } else if constexpr (HasLayers<L>) {
      LayerAccess::visit(l, add);
    }
    return d;
  }
}

/// What a model's parameters and states are: names, shapes and dtypes.
///
/// All tensors are on the meta device, so they have no numbers and take no memory. Leaves that are
/// no tensors are those of setup(Rng(0), model).
struct Structure {
  Tree parameters;  ///< as those of setup
  Tree states;      ///< as those of setup
};

namespace detail {

LUXTORCH_API std::string show(const Description& d, const Structure& structure);
LUXTORCH_API std::ostream& print(std::ostream& out, const std::string& text);
/// Is the layer in the model? Then `path` is set: "layer_2.classifier", "" for the model itself.
LUXTORCH_API bool find_path(const Description& d, const void* address, const std::type_info& type,
                            std::string& path);

/// The parameters or states that the described layer starts from, each leaf's key made from its path.
LUXTORCH_API Tree draw(const Description& d, Initial which, Rng rng);
/// st, drawn states, in a new model with the parameters ps: what settled_states(ps, st) of its layers make
/// of their parts.
LUXTORCH_API Tree settled(const Description& d, const Tree& ps, const Tree& st);
/// Their structure.
LUXTORCH_API Tree structure(const Description& d, Initial which);
/// That of both.
LUXTORCH_API Structure structure(const Description& d);

}  // namespace detail

/// A model's structure. What layers describe by parameters() and states() is not drawn; a layer with
/// initial_parameters(Rng) or initial_states(Rng) is, and its numbers are dropped. Errors are those of
/// setup, except for those of initializers that are not called.
template <class L>
Structure structure(const L& model) {
  return detail::structure(describe(model));
}

/// The model's text in Lux's layout, with the parameters and states of every part counted.
template <class L>
std::string show(const L& model) {
  auto d = describe(model);
  return detail::show(d, detail::structure(d));
}

/// Prints show(model).
template <HasLabel L>
  requires(LayerLike<L> || std::same_as<L, Layer>)
std::ostream& operator<<(std::ostream& out, const L& model) {
  return detail::print(out, show(model));
}

/// Elements of all parameters.
LUXTORCH_API int64_t parameter_length(const Tree& ps);
/// Elements of all states; a leaf that is no tensor counts 1, as in Lux.
LUXTORCH_API int64_t state_length(const Tree& st);
/// Elements of the parameters that `setup` makes for the model.
template <class L>
  requires(!std::same_as<L, Tree>)
int64_t parameter_length(const L& model) {
  return parameter_length(detail::structure(describe(model), Initial::parameters));
}
/// Elements of the states that `setup` makes for the model.
template <class L>
  requires(!std::same_as<L, Tree>)
int64_t state_length(const L& model) {
  return state_length(detail::structure(describe(model), Initial::states));
}

}  // namespace luxtorch
