// All parameters as one vector, for methods that think of them so: L-BFGS, a line search, a network that makes another's
// parameters.
//
//     auto [flat, rebuild] = flatten(ps);                       // flat: (n)
//     Tensor slope = grad([&](const Tensor& v) { return loss(rebuild(v)); })(flat);
//
// Level 4.
#pragma once

#include <functional>

#include "luxtorch/core/api.h"
#include "luxtorch/tree.h"

namespace luxtorch {

struct FlatTree {
  Tensor flat;
  /// A tree like ps, with v's numbers in the places of flat's: views of v, so that gradients and every function transform
  /// go through. Other leaves are those of ps. A ShapeError for a v of another size or dtype.
  std::function<Tree(const Tensor& v)> rebuild;
};

/// The floating (or complex) tensors of a tree end to end, in the tree's order, each by rows; one copy. A tensor at several
/// places (ties.h) is there once, and rebuild puts it at all of them. An ArgumentError names tensors of more than one dtype or device, and a tree without any.
LUXTORCH_API FlatTree flatten(const Tree& ps);

}  // namespace luxtorch
