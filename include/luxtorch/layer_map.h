// layer_map: a function of every layer of a model, with its parameters and states.
//
//     auto [ps2, st2] = layer_map([](const LeafLayer& layer, const Tree& p, const Tree& s,
//                                    const std::string& path) {
//       bool first = layer.as<Dense>() && path == "layer_1";
//       return std::pair(first ? p.with("weight", p["weight"].tensor() * 2) : p, s);
//     }, model, ps, st);
//
// layer.h includes this header.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layer.h"

namespace luxtorch {

/// A layer that layer_map hands out. It points into the model.
class LeafLayer {
 public:
  /// Of a layer without layers inside, or one whose parameters or states are not those of them.
  explicit LeafLayer(const Description& description) : description_(description) {}

  /// The layer if it is an L, else nullptr.
  template <class L>
  const L* as() const {
    return *description_.type == typeid(L) ? static_cast<const L*>(description_.address) : nullptr;
  }
  /// The layer's text in one line: "Dense(2 => 3, relu)".
  const std::string& label() const { return description_.text; }
  /// The Layer in which the model holds it; nullptr where the model names its type, as a member
  /// `Dense head;` does.
  const Layer* erased() const { return description_.erased; }

 private:
  const Description& description_;
};

/// What layer_map's function gives where it may replace layers.
struct MappedLayer {
  std::optional<Layer> layer;  ///< In place of the layer; nothing: it stays.
  Tree parameters;             ///< Those of the layer that is there afterwards.
  Tree states;                 ///< Likewise.
};
/// What layer_map gives then.
template <class L>
struct MappedModel {
  L model;          ///< With the new layers.
  Tree parameters,  ///< Of the new model.
      states;       ///< Likewise.
};

namespace detail {

using LeafFunction = std::function<MappedLayer(const LeafLayer& layer, const Tree& ps,
                                               const Tree& st, const std::string& path)>;

/// What is to stand in the places of a model's leaf layers, in their order.
class LUXTORCH_API LeafReplacements {
 public:
  void add(std::string path, std::optional<Layer> layer);
  bool empty() const { return count_ == 0; }

  /// For the next leaf: the Layer that replaces it, or nullptr.
  const Layer* next();
  /// The same for a leaf that the model holds by its type: only another L may replace it.
  template <class L>
  const L* next_as() {
    const Layer* to = next();
    if (!to) return nullptr;
    if constexpr (std::copyable<L>) {
      if (const L* same = to->as<L>()) return same;
    }
    refuse_layer(typeid(L));
  }
  // ArgumentErrors at the leaf that was replaced last.
  [[noreturn]] void refuse_layer(const std::type_info& held) const;
  [[noreturn]] void refuse_container(const std::type_info& type) const;

 private:
  std::vector<std::pair<std::string, std::optional<Layer>>> leaves_;
  size_t next_ = 0, last_ = 0, count_ = 0;
};

struct MappedTrees {
  Tree ps, st;
  LeafReplacements layers;
};
LUXTORCH_API MappedTrees map_leaves(const Description& d, const Tree& ps, const Tree& st,
                                    const LeafFunction& f);

template <class L>
concept OwnsTrees =
    DescribesParameters<L> || DescribesStates<L> || HasParameters<L> || HasStates<L>;
template <class L>
concept RebuildsItself = requires(const L& l, std::vector<Layer> layers) {
  { l.with_layers(std::move(layers)) } -> std::same_as<L>;
};
// Its leaves are those of the layers inside. Whether there are any, only the visit says.
template <class L>
concept HasInner = (HasWrapped<L> && !OwnsTrees<L>) || (HasLayers<L> && !HasWrapped<L>);
template <class L>
concept IsLeaf = !HasInner<L> && !std::same_as<L, Layer> && !is_optional<L> && !LayerRange<L>;

template <class L, class F>
void visit_inner(const L& l, const F& f) {
  if constexpr (HasWrapped<L>) {
    LayerAccess::visit_wrapped(l, f);
  } else {
    LayerAccess::visit(l, f);
  }
}

// l with replacements in place of its leaves; nothing where all of them stay.
template <class L>
std::optional<L> replaced(const L& l, LeafReplacements& r) {
  bool changed = false;
  if constexpr (std::same_as<L, Layer>) {
    return replaced_erased(l, r);
  } else if constexpr (is_optional<L>) {
    if (!l) return std::nullopt;
    if (auto other = replaced(*l, r)) return L(std::move(*other));
    return std::nullopt;
  } else if constexpr (LayerRange<L>) {
    using Element = std::remove_cvref_t<decltype(*l.begin())>;
    std::vector<std::optional<Element>> others;
    for (const auto& e : l) {
      others.push_back(replaced(e, r));
      changed = changed || others.back();
    }
    if (!changed) return std::nullopt;
    if constexpr (std::copyable<L>) {
      L copy = l;
      size_t i = 0;
      for (auto& e : copy) {
        if (auto& other = others[i++]) e = std::move(*other);
      }
      return copy;
    } else {
      r.refuse_container(typeid(L));
    }
  } else if constexpr (HasInner<L>) {
    size_t count = 0;
    if constexpr (RebuildsItself<L>) {
      std::vector<Layer> layers;
      visit_inner(l, [&](std::string_view, const auto& field) {
        auto other = replaced(field, r);
        changed = changed || other;
        layers.emplace_back(other ? std::move(*other) : field);
      });
      count = layers.size();
      if (changed) return l.with_layers(std::move(layers));
    } else if constexpr (LayerAccess::names_members<L>() && std::copyable<L>) {
      L copy = l;
      visit_inner(copy, [&]<class F>(std::string_view, const F& field) {
        ++count;
        // The member is one of the copy, which is not const: the visit alone makes it so.
        if constexpr (IsLeaf<F>) {  // as below, with fewer templates
          const F* other = r.next_as<F>();
          if (!other) return;
          if constexpr (std::copyable<F>) const_cast<F&>(field) = *other;
          changed = true;
        } else if (auto other = replaced(field, r)) {
          const_cast<F&>(field) = std::move(*other);
          changed = true;
        }
      });
      if (changed) return copy;
    } else {
      visit_inner(l, [&](std::string_view, const auto& field) {
        ++count;
        changed = changed || replaced(field, r);
      });
      if (changed) r.refuse_container(typeid(L));
    }
    if (count > 0) return std::nullopt;
  }
  if constexpr (IsLeaf<L> || HasInner<L>) {
    if (const L* other = r.next_as<L>()) {
      if constexpr (std::copyable<L>) return *other;
    }
    return std::nullopt;
  }
}

}  // namespace detail

/// f(layer, ps, st, path) of every leaf layer of the model, in order: a layer without layers
/// inside, or one whose parameters or states are its own and not those of the layer that it wraps.
/// Functions and other layers without parameters are leaves too. ps and st are the layer's parts;
/// path is that of the layer, "encoder.layer_1", to which wrappers add nothing. What a container
/// has of its own stays as it is.
///
/// f returns a pair (ps, st), and so does layer_map: the trees with the parts that f returned. Or f
/// returns a MappedLayer, and layer_map a MappedModel. Where the model holds a Layer, as Chain
/// does, f may replace it by any layer, else by one of the same type. A container of a program's
/// own allows this if it can be copied and names its members by LUXTORCH_LAYERS or LUXTORCH_WRAPS
/// (or says that it visits members: LayerAccess), or if it has `L with_layers(std::vector<Layer>)
/// const`, which gives the same container with other layers, in the order of its visit.
/// ArgumentError, at the leaf's path: a layer that cannot be replaced, or not by this one.
/// TreeError: ps or st lack a layer's part.
template <class F, class L>
auto layer_map(F&& f, const L& model, const Tree& ps, const Tree& st) {
  using R =
      std::invoke_result_t<F&, const LeafLayer&, const Tree&, const Tree&, const std::string&>;
  static_assert(std::same_as<R, MappedLayer> || std::convertible_to<R, std::pair<Tree, Tree>>,
                "layer_map: the function must return std::pair<Tree, Tree> or MappedLayer");
  constexpr bool replaces = std::same_as<R, MappedLayer>;
  auto mapped = detail::map_leaves(
      describe(model), ps, st,
      [&](const LeafLayer& layer, const Tree& p, const Tree& s, const std::string& path) {
        if constexpr (replaces) {
          return std::invoke(f, layer, p, s, path);
        } else {
          std::pair<Tree, Tree> parts = std::invoke(f, layer, p, s, path);
          return MappedLayer{std::nullopt, std::move(parts.first), std::move(parts.second)};
        }
      });
  if constexpr (replaces) {
    auto other = mapped.layers.empty() ? std::nullopt : detail::replaced(model, mapped.layers);
    return MappedModel<L>{other ? std::move(*other) : model, std::move(mapped.ps),
                          std::move(mapped.st)};
  } else {
    return std::pair<Tree, Tree>(std::move(mapped.ps), std::move(mapped.st));
  }
}

}  // namespace luxtorch
