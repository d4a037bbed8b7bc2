// What layers a tree of parameters and states is made of, as Lux and this library name them.

#include <algorithm>

#include "luxtorch/core/error.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/norm.h"
#include "map.h"
#include "text.h"

using luxtorch::BatchNorm, luxtorch::Dense, luxtorch::Description, luxtorch::Embedding;
using luxtorch::named, luxtorch::Tree;
using luxtorch::detail::join_path, luxtorch::detail::ModelPart, luxtorch::detail::PartKind;

namespace {

bool holds(const std::vector<std::string>& paths, const std::string& path) {
  return std::ranges::find(paths, path) != paths.end();
}

bool is_cell(const Tree& t) {
  return t.is_named() && ((t.contains("weight_ih") && t.contains("weight_hh")) ||
                          (t.contains("weight_i") && t.contains("weight_h")));
}
const Tree& recurrent_weight(const Tree& cell) {
  return cell.contains("weight_hh") ? cell["weight_hh"] : cell["weight_h"];
}

/// The second cell of a pair, below the layers that reverse in Lux; nullptr: no pair.
const Tree* backward_of(const Tree& t) {
  if (!t.is_named() || t.size() != 2 || !t.contains("forward_rnn") || !is_cell(t["forward_rnn"]))
    return nullptr;
  for (const char* path : {"backward_rnn", "backward_rnn.rnn"})
    if (t.contains(path) && is_cell(t.at(path))) return &t.at(path);
  return nullptr;
}

/// A BatchNorm's vectors; LayerNorm has the same names.
bool is_batch_norm(const Tree& ps, const Tree& st) {
  if (st.contains("running_mean")) return true;
  return ps.contains("scale") && ps["scale"].is_tensor() && ps["scale"].tensor().dim() == 1 &&
         ps.size() == (ps.contains("bias") ? 2U : 1U);
}

bool is_weight(const Tree& t, int64_t dims) {
  return t.is_named() && t.contains("weight") && t["weight"].is_tensor() &&
         t["weight"].tensor().defined() && t["weight"].tensor().dim() == dims;
}

class LayerWalk {
 public:
  LayerWalk(const MapOptions& options) : options_(options) {}

  // ps and st are the file's, `where` has our paths, except for .lux: the file's.
  void visit(const Tree& ps, const Tree& st, const ModelPart& where) {
    if (is_cell(ps)) {
      cell(ps, st, where);
    } else if (auto gates = pair_gates(ps, where.lux); gates > 0) {
      auto pair = where;
      pair.gates = gates;
      found.add_cells([&](auto& parts) { append_pair(parts, pair, 0); });
    } else if (auto stack = stack_gates(ps, where.lux); stack > 0) {
      auto part = where;
      part.gates = stack;
      found.add_cells([&](auto& parts) { append_stack(parts, part, ps); });
    } else if (is_batch_norm(ps, st)) {
      bool tracked = st.contains("running_mean");
      BatchNorm layer(1, {.track_stats = tracked});
      found.add(Taken::BatchNorm, where, describe(layer), ps, st);
    } else if (holds(options_.embeddings, where.lux) && is_weight(ps, 2)) {
      Embedding layer(1, 1);
      found.add(Taken::Embedding, where, describe(layer), ps, st);
    } else if (is_weight(ps, 2)) {
      Dense layer(1, 1);
      found.add(Taken::Dense, where, describe(layer), ps, st);
    } else if (ps.is_leaf() && st.is_leaf()) {
      found.add_as_it_is(where);
    } else {
      children(ps, st, where);
    }
  }

  Found found;

 private:
  void cell(const Tree& ps, const Tree& st, ModelPart where) {
    if (st.is_named() && st.contains("carry")) {
      auto carry = where;
      carry.states = join_path(where.states, "carry");
      where.states = join_path(where.states, "cell");
      where.suffix = "";
      carry.kind = PartKind::Carry;
      found.parts.push_back(std::move(carry));
    }
    if (holds(options_.sequences, where.lux)) where.suffix = "_l0";
    where.kind = PartKind::Cell;
    where.gates = gates_of(recurrent_weight(ps), where.lux);
    found.add_cells([&](auto& parts) { parts.push_back(where); });
  }

  // Of a pair of cells of one kind; 0: none.
  int64_t pair_gates(const Tree& t, const std::string& path) {
    const Tree* backward = backward_of(t);
    if (!backward) return 0;
    auto gates = gates_of(recurrent_weight(t["forward_rnn"]), path);
    return gates == gates_of(recurrent_weight(*backward), path) ? gates : 0;
  }

  // layer_1, layer_2, ... of one kind and size, as in an LSTM of several layers; 0: none.
  int64_t stack_gates(const Tree& t, const std::string& path) {
    if (!t.is_named() || t.size() < 2) return 0;
    int64_t gates = 0, hidden = 0;
    bool pairs = false;
    for (size_t i = 0; i < t.size(); ++i) {
      const auto& [name, part] = t.items()[i];
      bool pair = backward_of(part) != nullptr;
      if (name != "layer_" + std::to_string(i + 1) || (!pair && !is_cell(part))) return 0;
      const auto& weight = recurrent_weight(pair ? part["forward_rnn"] : part);
      auto own = pair ? pair_gates(part, path) : gates_of(weight, path);
      auto size = weight.tensor().size(1);
      if (own == 0 || (i > 0 && (own != gates || size != hidden || pair != pairs))) return 0;
      gates = own, hidden = size, pairs = pair;
    }
    return gates;
  }

  void children(const Tree& ps, const Tree& st, const ModelPart& where) {
    std::vector<std::string> names;
    for (const Tree* tree : {&ps, &st}) {
      auto keys = tree->keys();
      for (size_t i = 0; tree->is_tuple() && i < tree->size(); ++i)
        keys.push_back(std::to_string(i));
      for (auto& key : keys)
        if (!holds(names, key)) names.push_back(key);
    }
    for (size_t i = 0; i < names.size(); ++i) {
      const auto& name = names[i];
      auto below = where;
      below.parameters = join_path(where.parameters, name);
      below.states = join_path(where.states, name);
      below.lux = join_path(where.lux, name);
      bool counted = name == "layer_" + std::to_string(i + 1);
      below.torch = join_path(where.torch, counted ? std::to_string(i) : name);
      below.suffix = counted ? "_l0" : "";
      visit(ps.contains(name) ? ps.at(name) : Tree(), st.contains(name) ? st.at(name) : Tree(),
            below);
    }
  }

  const MapOptions& options_;
};

}  // namespace

void Found::add(Taken taken, const ModelPart& where, const Description& layer, const Tree& ps,
                const Tree& st) {
  auto parameters = layer.hooks->parameters(layer.address);
  append_specs(parts, where, parameters);
  std::vector<luxtorch::StateSpec> states;
  if (layer.hooks->states) states = layer.hooks->states(layer.address);
  append_specs(parts, where, states);
  auto rest = [&](const Tree& tree, const auto& specs, bool of_parameters) {
    if (!tree.is_named()) return;
    for (const auto& key : tree.keys()) {
      if (std::ranges::any_of(specs, [&](const auto& spec) { return spec.name == key; })) continue;
      auto part = where;
      part.parameters = join_path(where.parameters, key);
      part.states = join_path(where.states, key);
      part.torch = join_path(where.torch, key);
      part.lux = join_path(where.lux, key);
      part.in_parameters = of_parameters, part.in_states = !of_parameters;
      parts.push_back(std::move(part));
    }
  };
  rest(ps, parameters, true);
  rest(st, states, false);
  places.push_back({taken, where});
}

void Found::add_as_it_is(const ModelPart& where) {
  parts.push_back(where);
  places.push_back({Taken::AsItIs, where});
}

int64_t gates_of(const Tree& weight_hh, const std::string& path) {
  if (weight_hh.is_tensor() && weight_hh.tensor().dim() == 2 && weight_hh.tensor().size(1) > 0) {
    auto rows = weight_hh.tensor().size(0), hidden = weight_hh.tensor().size(1);
    for (int64_t gates : {1, 3, 4})
      if (rows == gates * hidden) return gates;
  }
  luxtorch::UnsupportedError error("convert",
                                   "expected recurrent weights of an RNN, GRU or LSTM, 1, 3 or 4 "
                                   "times as many rows as columns, got " +
                                       luxtorch::describe_kind(weight_hh) + ".");
  error.prepend_path_(path);
  throw error;
}

Guess guess_layers(const Tree& ps, const Tree& st, const MapOptions& options) {
  LayerWalk walk(options);
  walk.visit(ps, st, {PartKind::Other, "", "", ""});
  return {std::move(walk.found.places), std::move(walk.found.parts), {ps, st}};
}
