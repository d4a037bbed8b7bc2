// What the maps to other libraries' layouts know of a model: its layers, and the shapes that it wants.
//
// Level 3.
#pragma once

#include "luxtorch/layer.h"

namespace luxtorch::detail {

struct Anatomy {
  Description description;
  Tree ps, st;  // as setup makes them, of whatever numbers
};

template <class L>
Anatomy anatomy(const L& model, Rng rng = Rng(0)) {
  if constexpr (!std::same_as<L, Layer>) check_layer<L>();
  auto [ps, st] = setup(rng, model);
  return {describe(model), std::move(ps), std::move(st)};
}

}  // namespace luxtorch::detail
