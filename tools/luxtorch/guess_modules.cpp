// What modules a state dict of PyTorch is of, and the layers that compute the same.

#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "luxtorch/core/error.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/norm.h"
#include "map.h"
#include "text.h"

using luxtorch::named, luxtorch::Tree;
using luxtorch::detail::join_path, luxtorch::detail::Model, luxtorch::detail::ModelPart;
using luxtorch::detail::part_below;
using luxtorch::detail::PartKind;

namespace {

using Items = std::vector<Tree::Item>;

[[noreturn]] void refuse(const std::string& path, const std::string& message) {
  luxtorch::UnsupportedError error("convert", message);
  error.prepend_path_(path);
  throw error;
}

bool is_number(const std::string& name) {
  return !name.empty() && name.size() < 5 &&
         std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

// New states of a cell: Lux's cells ask for one.
Tree cell_states() { return named({{"rng", luxtorch::Rng(0)}}); }

class ModuleWalk {
 public:
  explicit ModuleWalk(const MapOptions& options) : options_(options) {}

  Model visit(const Tree& module, const ModelPart& where) {
    Items tensors, modules;
    for (const auto& item : module.items())
      (item.second.is_leaf() ? tensors : modules).push_back(item);
    if (tensors.empty() && !modules.empty() &&
        std::ranges::all_of(modules, is_number, &Tree::Item::first)) {
      return sequential(modules, where);
    }
    Items ps, st;
    if (!tensors.empty()) of_its_own(named(tensors), where, ps, st);
    for (const auto& [name, part] : modules) {
      auto model = visit(part, part_below(where, name, name, name));
      ps.emplace_back(name, std::move(model.ps));
      st.emplace_back(name, std::move(model.st));
    }
    return {named(std::move(ps)), named(std::move(st))};
  }

  Found found;

 private:
  // A Chain. What has no parameters counts there.
  Model sequential(const Items& modules, const ModelPart& where) {
    std::map<int64_t, const Tree*> by_number;
    for (const auto& [name, part] : modules) by_number[std::stoll(name)] = &part;
    Items ps, st;
    for (int64_t i = 0; i <= by_number.rbegin()->first; ++i) {
      auto name = "layer_" + std::to_string(i + 1);
      auto part = by_number.find(i);
      auto model = part == by_number.end()
                       ? Model{named({}), named({})}
                       : visit(*part->second, part_below(where, name, std::to_string(i), name));
      ps.emplace_back(name, std::move(model.ps));
      st.emplace_back(name, std::move(model.st));
    }
    return {named(std::move(ps)), named(std::move(st))};
  }

  void of_its_own(const Tree& module, const ModelPart& where, Items& ps, Items& st) {
    auto part = where;
    auto dims = [&](const char* key) {
      return module.contains(key) && module[key].is_tensor() ? module[key].tensor().dim() : -1;
    };
    if (module.contains("weight_ih_l0")) return stack(module, where, ps, st);
    if (module.contains("running_mean") && !module.contains("weight_ih"))
      return batch_norm(module, where, ps, st);
    for (const auto& item : module.items()) ps.push_back(item);
    if (module.contains("weight_ih") && module.contains("weight_hh")) {
      part.kind = PartKind::Cell;
      part.gates = gates_of(module["weight_hh"], where.torch);
      st.emplace_back("rng", luxtorch::Rng(0));
      found.add_cells([&](auto& parts) { parts.push_back(part); });
    } else if (dims("weight") == 2) {
      bool embedding =
          std::ranges::find(options_.embeddings, where.torch) != options_.embeddings.end();
      if (embedding) {
        luxtorch::Embedding layer(1, 1);
        found.add(Taken::Embedding, where, describe(layer), module, named({}));
      } else {
        luxtorch::Dense layer(1, 1);
        found.add(Taken::Dense, where, describe(layer), module, named({}));
      }
    } else if (dims("weight") >= 0) {
      refuse(
          join_path(where.torch, "weight"),
          "expected weights of a Linear, an Embedding, a recurrent module or a BatchNorm with its "
          "statistics, got " +
              luxtorch::describe_kind(module["weight"]) +
              ", whose layer in Lux cannot be told from the file.");
    } else {
      for (const auto& [name, _] : module.items())
        found.add_as_it_is(part_below(where, name, name, name));
    }
  }

  void batch_norm(const Tree& module, const ModelPart& where, Items& ps, Items& st) {
    for (const auto& [name, t] : module.items()) {
      if (name == "weight" || name == "bias") {
        ps.emplace_back(name == "weight" ? "scale" : "bias", t);
      } else if (name == "running_mean" || name == "running_var") {
        st.emplace_back(name, t);
      } else if (name != "num_batches_tracked") {
        refuse(join_path(where.torch, name), "expected names of a BatchNorm, got another one.");
      }
    }
    st.emplace_back("training", true);
    luxtorch::BatchNorm layer(1);
    found.add(Taken::BatchNorm, where, describe(layer), named(ps), named(st));
  }

  // nn.RNN, LSTM, GRU: by layer, direction and name.
  void stack(const Tree& module, const ModelPart& where, Items& ps, Items& st) {
    static const std::regex kName("(weight_ih|weight_hh|bias_ih|bias_hh)_l(\\d{1,4})(_reverse)?");
    std::map<int64_t, std::map<bool, Items>> levels;
    std::smatch match;
    for (const auto& [name, t] : module.items()) {
      if (!std::regex_match(name, match, kName)) {
        refuse(join_path(where.torch, name),
               "expected names of an nn.RNN, LSTM or GRU without projections, got another one.");
      }
      levels[std::stoll(match[2])][match[3].matched].emplace_back(match[1], t);
    }
    bool both = module.contains("weight_ih_l0_reverse");
    Items ps_levels, st_levels;
    for (auto& [number, directions] : levels) {
      if (number != static_cast<int64_t>(ps_levels.size()) ||
          directions.size() != (both ? 2U : 1U) || !directions.contains(false)) {
        refuse(where.torch,
               "expected all layers and directions of a recurrent module, got a part.");
      }
      auto forward = named(std::move(directions[false]));
      auto name = "layer_" + std::to_string(number + 1);
      ps_levels.emplace_back(name,
                             both ? named({{"forward_rnn", forward},
                                           {"backward_rnn", named(std::move(directions[true]))}})
                                  : forward);
      st_levels.emplace_back(
          name, both ? named({{"forward_rnn", cell_states()}, {"backward_rnn", cell_states()}})
                     : cell_states());
    }
    auto all = where;
    all.gates =
        gates_of(module.contains("weight_hh_l0") ? module["weight_hh_l0"] : Tree(), where.torch);
    bool one = ps_levels.size() == 1;
    Tree own = one ? ps_levels[0].second : named(std::move(ps_levels));
    Tree own_states = one ? st_levels[0].second : named(std::move(st_levels));
    found.add_cells([&](auto& parts) { append_stack(parts, all, own); });
    for (const auto& item : own.items()) ps.push_back(item);
    for (const auto& item : own_states.items()) st.push_back(item);
  }

  const MapOptions& options_;
};

}  // namespace

Guess guess_modules(const Tree& state_dict, const MapOptions& options) {
  if (!state_dict.is_named())
    refuse("", "expected a state dict of names, got " + luxtorch::describe_kind(state_dict) + ".");
  ModuleWalk walk(options);
  auto model = walk.visit(state_dict, {PartKind::Other, "", "", ""});
  return {std::move(walk.found.places), std::move(walk.found.parts), std::move(model)};
}
