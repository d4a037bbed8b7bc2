#include "interop/model_parts.h"

#include <algorithm>
#include <utility>

#include "interop/attention_parts.h"
#include "interop/reparametrized_parts.h"
#include "luxtorch/layers/sequence.h"

namespace luxtorch::detail {

namespace {

template <class... L>
bool is_any_of(const Description& d) {
  return d.type && ((*d.type == typeid(L)) || ...);
}

int64_t gates_of(const Description& d) {
  if (is_any_of<RNNCell, RNN>(d)) return 1;
  if (is_any_of<LSTMCell, LSTM>(d)) return 4;
  if (is_any_of<GRUCell, GRU>(d)) return 3;
  return 0;
}

// "a" of "a.b", "" of "a".
std::string outside(const std::string& path) {
  const auto dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

template <class Spec>
ModelPart part_of(const ModelPart& where, const Spec& spec) {
  auto named_as = [&](const TensorLayout& layout) {
    return layout.name.empty() ? spec.name : layout.name;
  };
  auto part = part_below(where, spec.name, named_as(spec.torch), named_as(spec.lux));
  if (spec.torch.dims == TensorLayout::Dims::Rows)
    part.torch = join_path(outside(where.torch), spec.torch.name);
  part.torch_layout = spec.torch, part.lux_layout = spec.lux;
  part.shape = spec.shape;
  return part;
}

class Walk {
 public:
  explicit Walk(const Anatomy& model) : model_(model) {}

  void visit(const Description& d, const ModelPart& where) {
    if (is_any_of<RNNCell, LSTMCell, GRUCell>(d)) {
      add(PartKind::Cell, where, gates_of(d));
    } else if (is_any_of<RNN, LSTM, GRU>(d)) {
      auto stack = where;
      stack.gates = gates_of(d);
      append_stack(parts, stack, model_.ps.at(where.parameters));
    } else if (is_any_of<BidirectionalRNN>(d)) {
      both_directions(d, where);
    } else if (is_any_of<WeightNorm>(d)) {
      append(weight_norm_parts(as<WeightNorm>(d), where, parts_inside(d, where), model_.ps));
    } else if (is_any_of<SpectralNorm>(d)) {
      auto inner = where;
      inner.states = join_path(where.states, "layer");
      append(spectral_norm_parts(as<SpectralNorm>(d), where, parts_inside(d, inner)));
    } else if (is_any_of<MultiHeadAttention>(d)) {
      const size_t before = parts.size();
      container(d, where);
      pack_projections(std::span(parts).subspan(before), d, where);
    } else if (d.wrapper) {
      wrapped(d, where);
    } else if (!d.fields.empty()) {
      container(d, where);
    } else if (d.type) {
      leaf(d, where);
    }
  }

  std::vector<ModelPart> parts;

 private:
  void add(PartKind kind, ModelPart part, int64_t gates = 0) {
    part.kind = kind;
    part.gates = gates;
    parts.push_back(std::move(part));
  }

  template <class L>
  static const L& as(const Description& d) {
    return *static_cast<const L*>(d.address);
  }

  void append(const std::vector<ModelPart>& more) {
    parts.insert(parts.end(), more.begin(), more.end());
  }

  // Of the layer in a wrapper, with a part for each of its parameters.
  std::vector<ModelPart> parts_inside(const Description& d, const ModelPart& where) {
    const Description& inner = d.fields[0].layer;
    const Tree all = structure(inner, Initial::parameters);
    auto outer = std::exchange(parts, {});
    visit(inner, where);
    auto found = std::exchange(parts, std::move(outer));
    return parts_by_key(found, where, all.is_named() ? all.keys() : std::vector<std::string>());
  }

  void add_of(Initial which, ModelPart part) {
    part.in_parameters = which == Initial::parameters;
    part.in_states = which == Initial::states;
    add(PartKind::Other, std::move(part));
  }

  void leaf(const Description& d, const ModelPart& where) {
    if (d.hooks->parameters) {
      append_specs(parts, where, d.hooks->parameters(d.address));
    } else {
      add_of(Initial::parameters, where);
    }
    if (d.hooks->states) {
      append_specs(parts, where, d.hooks->states(d.address));
    } else {
      add_of(Initial::states, where);
    }
  }

  void both_directions(const Description& d, const ModelPart& where) {
    const auto &forward = d.fields[0].layer, &backward = d.fields[1].layer;
    auto gates = gates_of(forward);
    if (gates != 0 && gates == gates_of(backward)) {
      auto pair = where;
      pair.gates = gates;
      return append_pair(parts, pair, 0);
    }
    // Torch has no module for it: one for each direction.
    auto each = [&](const Description& cell, const char* name, const char* lux) {
      auto part = part_below(where, name, name, lux);
      part.suffix = "_l0";
      visit(cell, part);
    };
    each(forward, "forward_rnn", "forward_rnn");
    each(backward, "backward_rnn", "backward_rnn.rnn");
    add(PartKind::Bidirectional, where);
  }

  void wrapped(const Description& d, const ModelPart& where) {
    if (d.fields.empty()) return;
    auto inside = where;
    inside.suffix = is_any_of<Recurrence>(d) ? "_l0" : "";
    if (is_any_of<StatefulRecurrentCell>(d)) {
      inside.states = join_path(where.states, "cell");
      auto carry = where;
      carry.states = join_path(where.states, "carry");
      add(PartKind::Carry, carry);
    }
    visit(d.fields[0].layer, inside);
  }

  void container(const Description& d, const ModelPart& where, bool lux_counts = false) {
    // What a container has besides its layers comes first, as in torch.
    of_its_own(d, where);
    auto field_names = d.hooks ? d.hooks->field_names : FieldNames::AsHere;
    bool numbered = field_names == FieldNames::CountedInTorch;
    for (size_t i = 0; i < d.fields.size(); ++i) {
      const auto& [name, field] = d.fields[i];
      bool automatic = numbered && name == "layer_" + std::to_string(i + 1);
      auto position = std::to_string(i), count = std::to_string(i + 1);
      auto part = part_below(where, name, automatic ? position : name, lux_counts ? count : name);
      if (field_names == FieldNames::RangesCountedInLux && is_range(field)) {
        container(field, part, true);
        add(PartKind::NumberedRange, part);
      } else {
        visit(field, part);
      }
    }
  }

  static bool is_range(const Description& d) { return d.range && !d.fields.empty(); }

  void of_its_own(const Description& d, const ModelPart& where) {
    if (!d.hooks) return;
    auto unknown = [&](Initial which, const Tree& tree, const std::string& path) {
      if (!tree.contains(path) || !tree.at(path).is_named()) return;
      for (const auto& key : tree.at(path).keys()) {
        if (std::ranges::none_of(d.fields, [&](const auto& f) { return f.name == key; }))
          add_of(which, part_below(where, key, key, key));
      }
    };
    if (d.hooks->parameters) {
      append_specs(parts, where, d.hooks->parameters(d.address));
    } else {
      unknown(Initial::parameters, model_.ps, where.parameters);
    }
    if (d.hooks->states) {
      append_specs(parts, where, d.hooks->states(d.address));
    } else {
      unknown(Initial::states, model_.st, where.states);
    }
  }

  const Anatomy& model_;
};

}  // namespace

std::string join_path(const std::string& a, const std::string& b) {
  return a.empty() ? b : b.empty() ? a : a + "." + b;
}

ModelPart part_below(const ModelPart& where, const std::string& name, const std::string& torch,
                     const std::string& lux) {
  return {PartKind::Other,
          join_path(where.parameters, name),
          join_path(where.states, name),
          join_path(where.torch, torch),
          "",
          join_path(where.lux, lux)};
}

void append_specs(std::vector<ModelPart>& parts, const ModelPart& where,
                  const std::vector<ParameterSpec>& specs) {
  for (const auto& spec : specs) {
    auto part = part_of(where, spec);
    part.in_states = false;
    part.lux_0_5 = spec.lux_0_5;
    part.lux_cross_correlation = spec.lux_cross_correlation;
    parts.push_back(std::move(part));
  }
}
void append_specs(std::vector<ModelPart>& parts, const ModelPart& where,
                  const std::vector<StateSpec>& specs) {
  for (const auto& spec : specs) {
    auto part = part_of(where, spec);
    part.in_parameters = false;
    if (spec.kind == StateSpec::Kind::OnlyInTorch) {
      part.in_states = false;
      part.only_in_torch = spec.value.tensor();
    }
    parts.push_back(std::move(part));
  }
}

void append_pair(std::vector<ModelPart>& parts, const ModelPart& where, int64_t level) {
  auto add = [&](const char* name, const char* lux, const char* direction) {
    auto part = where;
    part.kind = PartKind::Cell;
    part.parameters = join_path(where.parameters, name);
    part.states = join_path(where.states, name);
    part.suffix = "_l" + std::to_string(level) + direction;
    part.lux = join_path(where.lux, lux);
    parts.push_back(std::move(part));
  };
  add("forward_rnn", "forward_rnn", "");
  add("backward_rnn", "backward_rnn.rnn", "_reverse");
  auto node = where;
  node.kind = PartKind::Bidirectional;
  parts.push_back(std::move(node));
}

void append_stack(std::vector<ModelPart>& parts, const ModelPart& where, const Tree& node) {
  auto level = [&](const ModelPart& at, const Tree& ps, int64_t number) {
    if (ps.contains("forward_rnn")) return append_pair(parts, at, number);
    auto part = at;
    part.kind = PartKind::Cell;
    part.suffix = "_l" + std::to_string(number);
    parts.push_back(std::move(part));
  };
  if (!node.contains("layer_1")) return level(where, node, 0);
  for (const auto& [name, ps] : node.items()) {
    auto at = where;
    at.parameters = join_path(where.parameters, name);
    at.states = join_path(where.states, name);
    at.lux = join_path(where.lux, name);
    level(at, ps, std::stoll(name.substr(name.find('_') + 1)) - 1);
  }
}

std::vector<ModelPart> parts_of(const Anatomy& model) {
  Walk walk(model);
  walk.visit(model.description, {PartKind::Other, "", "", ""});
  return std::move(walk.parts);
}

}  // namespace luxtorch::detail
