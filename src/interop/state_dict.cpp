#include "luxtorch/interop/state_dict.h"

#include <ATen/ops/equal.h>

#include <algorithm>

#include "interop/flat_tree.h"
#include "interop/tensor_layout.h"
#include "interop/torch_names.h"
#include "transforms.h"

namespace luxtorch::detail {

namespace {

/// Where in the file all expected names stand, if it is one level down: of what DataParallel,
/// torch.compile and checkpoints write.
std::string hint(const Tree& expected, const Tree& got) {
  if (!got.is_named()) return "";
  auto names = tree::paths(expected);
  for (const auto& [key, part] : got.items()) {
    // Clang 14 and 15 capture no name of a structured binding by itself.
    auto is_there = [&part = part](const auto& name) { return part.contains(name); };
    if (!std::ranges::all_of(names, is_there)) continue;
    return " All of them are there below " + key + ": hand over that part, state_dict[\"" + key +
           "\"]" + (key == "module" ? " (DataParallel's name for its module)." : ".");
  }
  return "";
}

bool is_computed(const TorchName& n) { return n.layout.dims == TensorLayout::Dims::Computed; }

// Has t the numbers that setup computes, in whatever dtype and on whatever device? A structure alone has
// none of its own.
bool is_as_computed(const Tensor& t, const Tensor& computed) {
  const Tensor numbers = transforms::underlying(t);
  return numbers.is_meta() || at::equal(numbers, computed.to(numbers.options()));
}

Tree with_tensors(const Tree& tree, const std::map<std::string, Tree>& by_path) {
  return tree::map(
      [&](const std::string& path, const Tree& leaf) {
        auto found = by_path.find(path);
        return found == by_path.end() ? leaf : found->second;
      },
      tree);
}

}  // namespace

Tree to_torch(const Anatomy& model, const Tree& ps, const Tree& st) {
  check_fits(model.ps, ps, "to_torch", "parameters");
  check_fits(model.st, st, "to_torch", "states");
  auto names = torch_names("to_torch", parts_of(model), model.ps, model.st);
  if (std::ranges::any_of(names, is_computed)) {
    const transforms::Outside outside;
    const Tree fresh = draw(model.description, Initial::states, Rng(0));
    std::erase_if(names, [&](const auto& n) {
      return is_computed(n) && is_as_computed(st.at(n.path).tensor(), fresh.at(n.path).tensor());
    });
  }
  return state_dict(names, ps, st);
}

std::pair<Tree, Tree> from_torch(const Anatomy& model, const Tree& given) {
  auto names = torch_names("from_torch", parts_of(model), model.ps, model.st);
  auto got = flat(given);
  std::erase_if(names, [&](const auto& n) {
    if (n.where == TorchName::Where::OnlyInTorch) got.erase(n.name);
    return n.where == TorchName::Where::OnlyInTorch;
  });
  for (const auto& n : names) {
    if (n.older.empty() || got.contains(n.name)) continue;
    auto found = got.extract(n.older);
    if (!found) continue;
    found.key() = n.name;
    got.insert(std::move(found));
  }
  // The model's states are those that setup draws.
  std::erase_if(names, [&](const auto& n) { return is_computed(n) && !got.contains(n.name); });
  auto expected = state_dict(names, model.ps, model.st);
  if (auto found = tensor_mismatches(expected, got); !found.empty()) {
    throw TreeError("from_torch", "expected a state dict of the model, got " +
                                      found.listed(kListed) + "." + hint(expected, given));
  }
  std::map<std::string, Tree> parameters, states;
  std::map<std::string, int64_t> rows_taken;
  for (const auto& n : names) {
    const bool of_parameters = n.where == TorchName::Where::Parameters;
    Tensor there = got.at(n.name).tensor();
    if (n.layout.dims == TensorLayout::Dims::Rows) {
      const int64_t rows = (of_parameters ? model.ps : model.st).at(n.path).tensor().size(0);
      int64_t& taken = rows_taken[n.name];
      there = there.narrow(0, taken, rows), taken += rows;
    }
    (of_parameters ? parameters : states).emplace(n.path, ours(n.layout, there));
  }
  Tree ps = with_tensors(model.ps, parameters);
  Tree st = with_tensors(settled(model.description, ps, model.st), states);
  return {std::move(ps), std::move(st)};
}

}  // namespace luxtorch::detail
