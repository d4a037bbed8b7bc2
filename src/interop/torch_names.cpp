#include "interop/torch_names.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <set>

#include "interop/tensor_layout.h"
#include "luxtorch/core/error.h"
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
    if (part.kind == PartKind::Cell) return add_cell(part);
    if (part.kind == PartKind::Other) return add_all(part);
  }

  std::vector<TorchName> names;

 private:
  void add(const std::string& name, Where where, const std::string& path,
           const TensorLayout& layout = {}, const Tensor& only_in_torch = {},
           const std::string& older = "") {
    if (!taken_.insert(name).second && !are_all_rows(name, layout)) {
      refuse(who_, path,
             "expected a name of its own in the state dict, got " + name +
                 ", which another part has. Name the layers otherwise.");
    }
    names.push_back({name, where, path, layout, only_in_torch, older});
  }

  // Are it and all that have the name rows of one tensor?
  bool are_all_rows(const std::string& name, const TensorLayout& layout) const {
    return layout.dims == TensorLayout::Dims::Rows &&
           std::ranges::all_of(names, [&](const auto& n) {
             return n.name != name || n.layout.dims == TensorLayout::Dims::Rows;
           });
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

  void add_all(const ModelPart& part) {
    auto add_of = [&](const Tree& tree, Where where, const std::string& at) {
      if (!tree.contains(at)) return;
      tree::for_each(
          [&](const std::string& below, const Tree& leaf) {
            auto path = join_path(at, below);
            if (leaf.is_tensor() && leaf.tensor().defined()) {
              add(join_path(part.torch, below), where, path, part.torch_layout, {},
                  part.torch_older);
            } else if (where == Where::Parameters) {
              refuse(who_, path,
                     "expected parameters that are tensors, got " + describe_kind(leaf) + ".");
            }
          },
          tree.at(at));
    };
    if (part.in_parameters) add_of(ps_, Where::Parameters, part.parameters);
    if (part.in_states) add_of(st_, Where::States, part.states);
    if (part.only_in_torch.defined())
      add(part.torch, Where::OnlyInTorch, part.states, {}, part.only_in_torch);
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
  for (const auto& n : names) {
    if (n.where == Where::OnlyInTorch) {
      items.emplace_back(n.name, n.only_in_torch);
    } else {
      const auto& tensor = (n.where == Where::Parameters ? ps : st).at(n.path).tensor();
      Tensor there = theirs(n.layout, tensor);
      auto before = n.layout.dims == TensorLayout::Dims::Rows
                        ? std::ranges::find(items, n.name, &Tree::Item::first)
                        : items.end();
      if (before == items.end()) {
        items.emplace_back(n.name, std::move(there));
      } else {
        before->second = at::cat({before->second.tensor(), there});
      }
    }
  }
  return tree::nest(items);
}

}  // namespace luxtorch::detail
