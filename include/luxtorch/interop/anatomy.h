// What the conversions to other libraries' layouts know about a model: its layers, and the shapes
// of its parameters and states.
#pragma once

#include "luxtorch/layer.h"

namespace luxtorch::detail {

/// A model's layers and its parameters and states.
struct Anatomy {
  Description description;  ///< describe(model).
  Tree ps, st;              ///< As setup makes them; the shapes count, not the numbers.
};

/// The anatomy of a model; the key is for setup.
template <class L>
Anatomy anatomy(const L& model, Rng rng = Rng(0)) {
  if constexpr (!std::same_as<L, Layer>) check_layer<L>();
  auto [ps, st] = setup(rng, model);
  return {describe(model), std::move(ps), std::move(st)};
}

}  // namespace luxtorch::detail
