// All parameters as one vector, for methods that need them in this form: L-BFGS, a line search, a
// network that computes another's parameters.
//
//     auto [flat, rebuild] = flatten(ps);                       // flat: (n)
//     Tensor slope = grad([&](const Tensor& v) { return loss(rebuild(v)); })(flat);
#pragma once

#include <functional>

#include "luxtorch/core/api.h"
#include "luxtorch/tree.h"

namespace luxtorch {

/// What flatten gives.
struct FlatTree {
  Tensor flat;  ///< All numbers, (n).
  /// The tree of ps with the numbers of v (n) in place of flat's. Its tensors are views of v, so
  /// that gradients and function transforms pass through; its other leaves are those of ps.
  /// ShapeError: a v of another shape or dtype.
  std::function<Tree(const Tensor& v)> rebuild;
};

/// The floating (or complex) tensors of a tree in one new vector, in the tree's order, each in
/// row-major order. A tensor at several places (ties.h) is in it once, and rebuild puts it at all
/// of them. ArgumentError: tensors of more than one dtype or device, or a tree without such
/// tensors.
LUXTORCH_API FlatTree flatten(const Tree& ps);

}  // namespace luxtorch
