// setup by a number.
//
//     auto [ps, st] = setup(0, model);      // setup(Rng(0), model)
//
// Level 2.
#pragma once

#include "luxtorch/layer.h"

namespace luxtorch {

/// setup(Rng(seed), model).
template <Integer I, class L>
std::pair<Tree, Tree> setup(I seed, const L& model) {
  return setup(Rng(static_cast<uint64_t>(seed)), model);
}

}  // namespace luxtorch
