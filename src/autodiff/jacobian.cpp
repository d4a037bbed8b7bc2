// Jacobians: many products with J at once, by vmap.
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include "autodiff/differentiable.h"
#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/autodiff/vmap.h"
#include "luxtorch/core/error.h"
#include "transforms.h"

namespace luxtorch::detail {

namespace {

std::vector<int64_t> joined(ShapeView a, ShapeView b) {
  std::vector<int64_t> shape(a.begin(), a.end());
  shape.insert(shape.end(), b.begin(), b.end());
  return shape;
}

int64_t elements(const Tree& t) {
  int64_t n = 0;
  for (const auto& leaf : tree::leaves(t)) n += is_differentiable(leaf) ? leaf.tensor().numel() : 0;
  return n;
}

// Unit vectors [first, first + count) of the space that t's elements span, each in t's structure: leaves (count, ...).
Tree unit_vectors(const Tree& t, int64_t first, int64_t count) {
  const transforms::Outside outside;
  int64_t begin = 0;  // of a leaf's elements among all
  return tree::map(
      [&](const Tree& leaf) -> Tree {
        if (!is_differentiable(leaf)) return {};
        const Tensor& like = leaf.tensor();
        const int64_t n = like.numel();
        Tensor units = at::zeros({count, n}, like.options().requires_grad(false));
        const int64_t from = std::max(begin, first), to = std::min(begin + n, first + count);
        if (from < to) {
          units.narrow(0, from - first, to - from)
              .narrow(1, from - begin, to - from)
              .diagonal()
              .fill_(1);
        }
        begin += n;
        return units.reshape(joined({count}, like.sizes()));
      },
      t);
}

// product(u) of every unit vector u of `space`: leaves (elements, ...).
Tree products(const TreeFunction& product, const Tree& space, const JacobianOptions& options) {
  if (options.chunk_size < 0)
    throw ArgumentError(
        "jacobian", fmt::format("expected .chunk_size of 0 or more, got {}.", options.chunk_size));
  const int64_t all = elements(space);
  if (all == 0)
    throw ArgumentError("jacobian", "expected x and f(x) with one element or more, got none.");
  const int64_t step = options.chunk_size > 0 ? std::min(options.chunk_size, all) : all;
  Tree total;
  for (int64_t first = 0; first < all; first += step) {
    const auto units = unit_vectors(space, first, std::min(step, all - first));
    const auto chunk = vmap([&](const Tree& arguments) { return product(arguments[0]); },
                            tuple({units}), {.randomness = Randomness::Same});
    total = first == 0 ? chunk
                       : tree::zip(
                             [](const Tree& a, const Tree& b) {
                               return a.is_tensor() ? Tree(at::cat({a.tensor(), b.tensor()})) : a;
                             },
                             total, chunk);
  }
  return total;
}

// The part of `all`, (elements of the whole space, ...), that belongs to each leaf of that space, as `shaped` makes it.
Tree by_leaf(const Tree& space,
             const std::function<Tree(const Tensor& leaf, int64_t begin)>& part) {
  int64_t begin = 0;
  std::vector<Tree> parts;
  for (const auto& leaf : tree::leaves(space)) {
    if (!is_differentiable(leaf)) {
      parts.emplace_back();
      continue;
    }
    parts.push_back(part(leaf.tensor(), begin));
    begin += leaf.tensor().numel();
  }
  return tree::unflatten(space, parts);
}

Tree in_reverse(const TreeFunction& f, const Tree& x, const JacobianOptions& options) {
  const auto [y, pull] = vjp(f, x);
  const auto rows = products(pull, y, options);  // leaves (elements of y, x' shape)
  return by_leaf(y, [&](const Tensor& of_y, int64_t begin) {
    return tree::map_tensors(
        [&](const Tensor& t) {
          return t.narrow(0, begin, of_y.numel()).reshape(joined(of_y.sizes(), t.sizes().slice(1)));
        },
        rows);
  });
}

Tree forward(const TreeFunction& f, const Tree& x, const JacobianOptions& options) {
  const auto columns =  // leaves (elements of x, y's shape)
      products([&](const Tree& dx) { return jvp(f, x, dx).dy; }, x, options);
  return tree::map(
      [&](const Tree& column) -> Tree {
        if (!column.is_tensor()) return {};
        return by_leaf(x, [&](const Tensor& of_x, int64_t begin) -> Tree {
          const Tensor& t = column.tensor();
          return t.narrow(0, begin, of_x.numel())
              .movedim(0, -1)
              .reshape(joined(t.sizes().slice(1), of_x.sizes()));
        });
      },
      columns);
}

}  // namespace

Tree jacobian(const TreeFunction& f, const Tree& x, const JacobianOptions& options) {
  return options.mode == DerivativeMode::Reverse ? in_reverse(f, x, options)
                                                 : forward(f, x, options);
}

Tree hessian(const TreeFunction& f, const Tree& x, const JacobianOptions& options) {
  auto gradient = [&](const Tree& at) {
    return grad([&](const Tree& p) { return f(p).tensor(); }, at);
  };
  return jacobian(gradient, x, options);
}

}  // namespace luxtorch::detail
