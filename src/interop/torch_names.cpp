#include "interop/torch_names.h"

#include <set>

#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "text.h"

namespace luxtorch::detail {

namespace {

using Where = TorchName::Where;

[[noreturn]] void refuse(const char* who, const std::string& path, const std::string& message) {
  UnsupportedError error(who, message);
  error.prepend_path_(path);
  throw error;
}

class Names {
 public:
  Names(const char* who, const Tree& ps, const Tree& st) : who_(who), ps_(ps), st_(st) {}

  void add_part(const ModelPart& part) {
    switch (part.kind) {
      case PartKind::Cell:
        return add_cell(part);
      case PartKind::BatchNorm:
        return add_batch_norm(part);
      case PartKind::Dense:
      case PartKind::Embedding:
      case PartKind::Scale:
      case PartKind::Other:
        return add_all(part);
      case PartKind::Carry:
      case PartKind::Bidirectional:
      case PartKind::NumberedRange:
        return;
    }
  }

  std::vector<TorchName> names;

 private:
  void add(const std::string& name, Where where, const std::string& path) {
    if (!taken_.insert(name).second) {
      refuse(who_, path,
             "expected a name of its own in the state dict, got " + name +
                 ", which another part has. Name the layers otherwise.");
    }
    names.push_back({name, where, path});
  }

  void add_cell(const ModelPart& part) {
    if (!ps_.contains(part.parameters)) return;
    for (const auto& key : ps_.at(part.parameters).keys()) {
      auto path = join_path(part.parameters, key);
      if (key == "hidden_state" || key == "memory") {
        refuse(
            who_, path,
            "expected parameters that a torch module holds, got a trained initial state. Torch's "
            "modules start from zeros; leave .train_state and .train_memory out.");
      }
      add(join_path(part.torch, key + part.suffix), Where::Parameters, path);
    }
  }

  void add_batch_norm(const ModelPart& part) {
    auto add_if = [&](const Tree& tree, Where where, const std::string& at, const char* key,
                      const char* name) {
      auto path = join_path(at, key);
      if (tree.contains(path)) add(join_path(part.torch, name), where, path);
      return tree.contains(path);
    };
    add_if(ps_, Where::Parameters, part.parameters, "scale", "weight");
    add_if(ps_, Where::Parameters, part.parameters, "bias", "bias");
    bool tracked = add_if(st_, Where::States, part.states, "running_mean", "running_mean");
    add_if(st_, Where::States, part.states, "running_var", "running_var");
    if (tracked) add(join_path(part.torch, "num_batches_tracked"), Where::Counter, part.states);
  }

  void add_all(const ModelPart& part) {
    auto add_of = [&](const Tree& tree, Where where, const std::string& at) {
      if (!tree.contains(at)) return;
      tree::for_each(
          [&](const std::string& below, const Tree& leaf) {
            auto path = join_path(at, below);
            if (leaf.is_tensor() && leaf.tensor().defined()) {
              add(join_path(part.torch, below), where, path);
            } else if (where == Where::Parameters) {
              refuse(who_, path,
                     "expected parameters that are tensors, got " + describe_kind(leaf) + ".");
            }
          },
          tree.at(at));
    };
    add_of(ps_, Where::Parameters, part.parameters);
    add_of(st_, Where::States, part.states);
  }

  const char* who_;
  const Tree &ps_, &st_;
  std::set<std::string> taken_;
};

}  // namespace

std::vector<TorchName> torch_names(const char* who, const std::vector<ModelPart>& parts,
                                   const Tree& ps, const Tree& st) {
  Names names(who, ps, st);
  for (const auto& part : parts) names.add_part(part);
  return std::move(names.names);
}

Tree state_dict(const std::vector<TorchName>& names, const Tree& ps, const Tree& st) {
  std::vector<Tree::Item> items;
  for (const auto& [name, where, path] : names) {
    switch (where) {
      case Where::Parameters:
        items.emplace_back(name, ps.at(path));
        break;
      case Where::States:
        items.emplace_back(name, st.at(path));
        break;
      case Where::Counter:
        items.emplace_back(name, zeros({}, {.dtype = kInt64}));
        break;
    }
  }
  return tree::nest(items);
}

}  // namespace luxtorch::detail
