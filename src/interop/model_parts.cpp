#include "interop/model_parts.h"

#include <c10/util/Type.h>

#include <algorithm>

#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/parallel.h"
#include "luxtorch/layers/scale.h"
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

bool is_compact(const Description& d) {
  return d.type && c10::demangle(d.type->name()).starts_with("luxtorch::Compact<");
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
    } else if (is_any_of<Dense>(d)) {
      add(PartKind::Dense, where);
    } else if (is_any_of<Embedding>(d)) {
      add(PartKind::Embedding, where);
    } else if (is_any_of<BatchNorm>(d)) {
      add(PartKind::BatchNorm, where);
    } else if (is_any_of<Scale>(d)) {
      add(PartKind::Scale, where);
    } else if (is_any_of<BidirectionalRNN>(d)) {
      both_directions(d, where);
    } else if (d.wrapper) {
      wrapped(d, where);
    } else if (!d.fields.empty()) {
      container(d, where);
    } else if (d.type) {
      add(PartKind::Other, where);
    }
  }

  std::vector<ModelPart> parts;

 private:
  void add(PartKind kind, ModelPart part, int64_t gates = 0) {
    part.kind = kind;
    part.gates = gates;
    parts.push_back(std::move(part));
  }

  static ModelPart below(const ModelPart& where, const std::string& name, const std::string& torch,
                         const std::string& lux) {
    return {PartKind::Other,
            join_path(where.parameters, name),
            join_path(where.states, name),
            join_path(where.torch, torch),
            "",
            join_path(where.lux, lux)};
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
      auto part = below(where, name, name, lux);
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
    for (const auto& name : of_its_own(d, where))
      add(PartKind::Other, below(where, name, name, name));
    bool numbered = is_any_of<Chain, Parallel, BranchLayer, PairwiseFusion, Maxout>(d);
    for (size_t i = 0; i < d.fields.size(); ++i) {
      const auto& [name, field] = d.fields[i];
      bool automatic = numbered && name == "layer_" + std::to_string(i + 1);
      auto position = std::to_string(i), count = std::to_string(i + 1);
      auto part = below(where, name, automatic ? position : name, lux_counts ? count : name);
      if (is_compact(d) && is_range(field)) {
        container(field, part, true);
        add(PartKind::NumberedRange, part);
      } else {
        visit(field, part);
      }
    }
  }

  static bool is_range(const Description& d) { return !d.type && !d.fields.empty(); }

  std::vector<std::string> of_its_own(const Description& d, const ModelPart& where) const {
    std::vector<std::string> names;
    if (is_range(d)) return names;
    auto add_of = [&](const Tree& tree, const std::string& path) {
      if (!tree.contains(path) || !tree.at(path).is_named()) return;
      for (const auto& key : tree.at(path).keys()) {
        bool known = std::ranges::any_of(d.fields, [&](const auto& f) { return f.name == key; });
        if (!known && std::ranges::find(names, key) == names.end()) names.push_back(key);
      }
    };
    add_of(model_.ps, where.parameters);
    add_of(model_.st, where.states);
    return names;
  }

  const Anatomy& model_;
};

}  // namespace

std::string join_path(const std::string& a, const std::string& b) {
  return a.empty() ? b : b.empty() ? a : a + "." + b;
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
