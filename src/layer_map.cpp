#include "luxtorch/layer_map.h"

#include <fmt/format.h>

#include "luxtorch/core/error.h"
#include "text.h"

namespace luxtorch::detail {

namespace {

constexpr const char* kLayerMap = "layer_map";

// Are its parameters or states its own, and not those of the layers inside?
bool is_leaf(const Description& d) {
  if (!d.address) return false;
  if (d.fields.empty()) return true;
  const auto& h = *d.hooks;
  return d.wrapper && (h.parameters || h.states || h.initial_parameters || h.initial_states);
}

const Tree& part(const Tree& t, const std::string& name, const std::string& path,
                 const char* what) {
  if (t.is_tuple() || t.is_named()) {
    if (t.contains(name)) return t.at(name);
  }
  TreeError error(kLayerMap, fmt::format("expected {} of this layer, got none. Are they of another "
                                         "model?",
                                         what));
  error.prepend_path_(path_below(path, name));
  throw error;
}

class LeafWalk {
 public:
  explicit LeafWalk(const LeafFunction& f) : f_(f) {}

  std::pair<Tree, Tree> visit(const Description& d, const Tree& ps, const Tree& st,
                              const std::string& path) {
    if (is_leaf(d)) {
      auto mapped = f_(LeafLayer(d), ps, st, path);
      layers.add(path, std::move(mapped.layer));
      return {std::move(mapped.parameters), std::move(mapped.states)};
    }
    if (d.wrapper) return visit(d.fields[0].layer, ps, st, path);
    std::pair<Tree, Tree> all(ps, st);
    for (const auto& [name, field] : d.fields) {
      auto parts = visit(field, part(ps, name, path, "parameters"), part(st, name, path, "states"),
                         path_below(path, name));
      all.first = all.first.with(name, std::move(parts.first));
      all.second = all.second.with(name, std::move(parts.second));
    }
    return all;
  }

  LeafReplacements layers;

 private:
  const LeafFunction& f_;
};

}  // namespace

void LeafReplacements::add(std::string path, std::optional<Layer> layer) {
  count_ += layer ? 1 : 0;
  leaves_.emplace_back(std::move(path), std::move(layer));
}

const Layer* LeafReplacements::next() {
  const auto& layer = leaves_[next_++].second;
  if (!layer) return nullptr;
  last_ = next_ - 1;
  return &*layer;
}

void LeafReplacements::refuse_layer(const std::type_info& held) const {
  const auto& [path, layer] = leaves_[last_];
  ArgumentError error(kLayerMap,
                      fmt::format("expected a {}, as the model names the type of this layer, "
                                  "got {}. Where a model holds a Layer, as a Chain does, any "
                                  "layer can replace it.",
                                  type_name(held), layer->label()));
  error.prepend_path_(path);
  throw error;
}

void LeafReplacements::refuse_container(const std::type_info& type) const {
  ArgumentError error(kLayerMap,
                      fmt::format("expected a container that can be made with other layers, "
                                  "got {}. Give it `with_layers(std::vector<Layer>) const`, "
                                  "or name the layers of a type that can be copied by "
                                  "LUXTORCH_LAYERS.",
                                  type_name(type)));
  error.prepend_path_(leaves_[last_].first);
  throw error;
}

MappedTrees map_leaves(const Description& d, const Tree& ps, const Tree& st,
                       const LeafFunction& f) {
  LeafWalk walk(f);
  auto [new_ps, new_st] = walk.visit(d, ps, st, "");
  return {std::move(new_ps), std::move(new_st), std::move(walk.layers)};
}

std::optional<Layer> replaced_erased(const Layer& l, LeafReplacements& r) {
  if (is_leaf(l.describe())) {
    const Layer* other = r.next();
    return other ? std::optional(*other) : std::nullopt;
  }
  auto other = l.impl_->replaced(r);
  if (!other) return std::nullopt;
  Layer with_others = l;
  with_others.impl_ = std::move(other);
  return with_others;
}

}  // namespace luxtorch::detail
