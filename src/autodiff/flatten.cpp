#include "luxtorch/autodiff/flatten.h"

#include <ATen/ops/cat.h>
#include <c10/util/accumulate.h>
#include <fmt/format.h>

#include <limits>

#include "autodiff/differentiable.h"
#include "luxtorch/core/error.h"
#include "text.h"
#include "tie_numbers.h"

namespace luxtorch {

namespace {

// ps' differentiable tensors, all of one kind, those at several places once; and for each leaf which
// of them it is, or kNone.
constexpr size_t kNone = std::numeric_limits<size_t>::max();
struct Parts {
  std::vector<Tensor> tensors;
  std::vector<size_t> of_leaf;
};
Parts parts_of(const Tree& ps) {
  Parts all;
  auto& parts = all.tensors;
  detail::TieNumbers numbers;
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (!detail::is_differentiable(leaf)) return all.of_leaf.push_back(kNone);
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
        all.of_leaf.push_back(numbers.of(t));
        if (numbers.size() > parts.size()) parts.push_back(t);
      },
      ps);
  if (parts.empty())
    throw ArgumentError("flatten",
                        "expected a tree with a floating tensor, got " + describe_kind(ps) + ".");
  return all;
}

}  // namespace

FlatTree flatten(const Tree& ps) {
  const auto [parts, of_leaf] = parts_of(ps);
  std::vector<Tensor> rows;
  for (const auto& t : parts) rows.push_back(t.reshape({-1}));
  const Tensor flat = at::cat(rows);
  std::vector<std::vector<int64_t>> shapes;
  for (const auto& t : parts) shapes.push_back(t.sizes().vec());

  // ps' own tensors are not kept alive.
  const Tree structure = tree::map(
      [](const Tree& leaf) { return detail::is_differentiable(leaf) ? Tree("tensor") : leaf; }, ps);
  const auto others = tree::leaves(structure);
  auto rebuild = [shapes, structure, others, of_leaf = of_leaf, size = flat.numel(),
                  dtype = flat.scalar_type()](const Tensor& v) {
    if (v.sizes() != ShapeView({size}) || v.scalar_type() != dtype) {
      throw ShapeError("flatten", fmt::format("expected a {} vector of shape ({},) to rebuild the "
                                              "tree from, got {}.",
                                              dtype_text(dtype), size, describe_kind(v)));
    }
    std::vector<Tree> parts, leaves;
    int64_t begin = 0;
    for (const auto& shape : shapes) {
      const int64_t count = c10::multiply_integers(shape);
      parts.emplace_back(v.narrow(0, begin, count).view(shape));
      begin += count;
    }
    for (size_t i = 0; i < others.size(); ++i)
      leaves.push_back(of_leaf[i] == kNone ? others[i] : parts[of_leaf[i]]);
    return tree::unflatten(structure, leaves);
  };
  return {flat, rebuild};
}

}  // namespace luxtorch
