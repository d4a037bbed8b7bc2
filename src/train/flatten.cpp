#include "luxtorch/train/flatten.h"

#include <ATen/ops/cat.h>
#include <fmt/format.h>

#include "luxtorch/core/error.h"
#include "text.h"
#include "train/differentiable.h"

namespace luxtorch {

namespace {

// ps' differentiable tensors, all of one kind.
std::vector<Tensor> parts_of(const Tree& ps) {
  std::vector<Tensor> parts;
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (!detail::is_differentiable(leaf)) return;
        const Tensor& t = leaf.tensor();
        if (!parts.empty() &&
            (t.scalar_type() != parts[0].scalar_type() || t.device() != parts[0].device())) {
          ArgumentError error(
              "flatten", fmt::format("expected tensors of one dtype and device, {} on {}, got {} "
                                     "on {}. Move them by tree::to.",
                                     dtype_text(parts[0].scalar_type()), parts[0].device().str(),
                                     dtype_text(t.scalar_type()), t.device().str()));
          error.prepend_path_(path);
          throw error;
        }
        parts.push_back(t);
      },
      ps);
  if (parts.empty())
    throw ArgumentError("flatten",
                        "expected a tree with a floating tensor, got " + describe_kind(ps) + ".");
  return parts;
}

}  // namespace

FlatTree flatten(const Tree& ps) {
  const auto parts = parts_of(ps);
  std::vector<Tensor> rows;
  for (const auto& t : parts) rows.push_back(t.reshape({-1}));
  const Tensor flat = at::cat(rows);
  std::vector<std::vector<int64_t>> shapes;
  for (const auto& t : parts) shapes.push_back(t.sizes().vec());

  // ps' own tensors are not kept alive.
  const Tree structure = tree::map(
      [](const Tree& leaf) { return detail::is_differentiable(leaf) ? Tree("tensor") : leaf; }, ps);
  const auto others = tree::leaves(structure);
  std::vector<bool> is_part;
  for (const auto& leaf : tree::leaves(ps)) is_part.push_back(detail::is_differentiable(leaf));

  auto rebuild = [=, size = flat.numel(), dtype = flat.scalar_type()](const Tensor& v) {
    if (v.sizes() != ShapeView({size}) || v.scalar_type() != dtype) {
      throw ShapeError("flatten", fmt::format("expected a {} vector of shape ({},) to rebuild the "
                                              "tree from, got {}.",
                                              dtype_text(dtype), size, describe_kind(v)));
    }
    std::vector<Tree> leaves;
    int64_t begin = 0;
    size_t next = 0;
    for (size_t i = 0; i < others.size(); ++i) {
      if (!is_part[i]) {
        leaves.push_back(others[i]);
        continue;
      }
      const auto& shape = shapes[next++];
      int64_t count = 1;
      for (auto n : shape) count *= n;
      leaves.emplace_back(v.narrow(0, begin, count).view(shape));
      begin += count;
    }
    return tree::unflatten(structure, leaves);
  };
  return {flat, rebuild};
}

}  // namespace luxtorch
