#include "luxtorch/layers/containers.h"

#include "layers/check.h"
#include "layers/dense_chain.h"

namespace luxtorch {

namespace detail {

void append(NamedLayers& all, std::string name, Layer layer) {
  if (name.empty() || name.find('.') != name.npos) {
    throw ArgumentError("field", fmt::format("expected a name without dots, got \"{}\".", name));
  }
  for (const auto& [taken, _] : all) {
    if (taken != name) continue;
    throw ArgumentError("field",
                        fmt::format("expected a name for each layer, got \"{}\" twice.", name));
  }
  all.emplace_back(std::move(name), std::move(layer));
}

}  // namespace detail

Chain::Chain(const std::vector<Layer>& layers) {
  for (const auto& layer : layers) detail::append(layers_, layer);
}

Out<Tree> Chain::operator()(const Tree& x, const Tree& ps, const Tree& st) const {
  Tree y = x;
  std::vector<Tree::Item> states;
  states.reserve(layers_.size());
  for (size_t i = 0; i < layers_.size();) {
    if (auto run = detail::run_dense_chain(layers_, i, y, ps)) {
      y = std::move(run->y);
      for (const size_t end = i + run->count; i < end; ++i)
        states.emplace_back(layers_[i].first, st[layers_[i].first]);
      continue;
    }
    const auto& [name, layer] = layers_[i++];
    auto [out, st_layer] = layer(y, ps[name], st[name]);
    y = std::move(out);
    states.emplace_back(name, std::move(st_layer));
  }
  detail::report(*this, y);
  return {std::move(y), named(std::move(states))};
}

const Layer& Chain::operator[](size_t i) const {
  if (i < layers_.size()) return layers_[i].second;
  throw ArgumentError("Chain", fmt::format("expected a position below {}, got {}.", size(), i));
}
const Layer& Chain::operator[](std::string_view name) const {
  std::string names;
  for (const auto& [key, layer] : layers_) {
    if (key == name) return layer;
    names += (names.empty() ? "" : ", ") + key;
  }
  throw ArgumentError("Chain",
                      fmt::format("expected one of its layers {}, got \"{}\".", names, name));
}
Chain Chain::with_layers(std::vector<Layer> layers) const {
  detail::NamedLayers all = layers_;
  for (size_t i = 0; i < all.size(); ++i) all[i].second = std::move(layers[i]);
  return Chain(std::move(all));
}
Chain Chain::slice(size_t first, size_t last) const {
  if (first > last || last > size()) {
    throw ArgumentError("Chain", fmt::format("expected a range within {} layers, got [{}, {}).",
                                             size(), first, last));
  }
  auto begin = layers_.begin();
  return Chain(
      detail::NamedLayers(begin + static_cast<int64_t>(first), begin + static_cast<int64_t>(last)));
}

template <bool ConnectionIsLayer>
Out<Tree> SkipConnection<ConnectionIsLayer>::operator()(const Tree& x, const Tree& ps,
                                                        const Tree& st) const {
  if constexpr (ConnectionIsLayer) {
    auto [y, st_layers] = layers_(x, ps["layers"], st["layers"]);
    auto [joined, st_connection] = connection_(tuple({y, x}), ps["connection"], st["connection"]);
    detail::report(*this, joined);
    return {std::move(joined),
            named({{"layers", std::move(st_layers)}, {"connection", std::move(st_connection)}})};
  } else {
    auto [y, st_layers] = layers_(x, ps, st);
    auto joined = connection_(tuple({y, x}), {}, {}).first;
    detail::report(*this, joined);
    return {std::move(joined), std::move(st_layers)};
  }
}
template class SkipConnection<true>;
template class SkipConnection<false>;

RepeatedLayer::RepeatedLayer(Layer model, RepeatedOptions options)
    : model_(std::move(model)), options_(options) {
  check_positive("RepeatedLayer", ".repeats", options.repeats);
}

Out<Tree> RepeatedLayer::operator()(const Tree& x, const Tree& ps, const Tree& st) const {
  Out<Tree> out{x, st};
  for (int64_t i = 0; i < options_.repeats; ++i)
    out = model_(options_.input_injection ? tuple({out.first, x}) : out.first, ps, out.second);
  detail::report(*this, out.first);
  return out;
}

}  // namespace luxtorch
