// What gradients and their relatives share: which leaves have derivatives, torch's complaints in words of ours, one pass
// backward.
#pragma once

#include <functional>
#include <vector>

#include "luxtorch/tree.h"

namespace c10 {
class Error;
}

namespace luxtorch::detail {

/// A floating or complex tensor?
bool is_differentiable(const Tree& leaf);

/// Throws an ArgumentError for what torch says of functions that cannot be transformed: changes in place, values looked at.
/// Else throws torch's own again.
[[noreturn]] void explain(const char* who, const c10::Error& error);

/// Runs `run` so.
template <class F>
auto explained(const char* who, const F& run) {
  try {
    return run();
  } catch (const c10::Error& error) {
    explain(who, error);
  }
}

/// v' J: the gradients of y's tensors, weighted by v's, by `inputs`, which stand in the places of x' differentiable leaves.
/// Zeros where y does not depend on them; nothing for other leaves.
Tree gradients_by(const Tree& y, const std::vector<Tensor>& inputs, const Tree& v, const Tree& x);

}  // namespace luxtorch::detail
