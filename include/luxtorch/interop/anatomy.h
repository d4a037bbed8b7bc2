// What the conversions to other libraries' layouts know about a model: its layers, and the shapes
// of its parameters and states.
#pragma once

#include "luxtorch/layer.h"

namespace luxtorch::detail {

/// A model's layers and its parameters and states.
struct Anatomy {
  Description description;  ///< describe(model).
  Tree ps, st;              ///< Their structure; the states may have numbers.
};

/// The anatomy of a model, which must outlive it.
template <class L>
Anatomy anatomy(const L& model) {
  auto d = describe(model);
  auto [ps, st] = structure(d);
  return {std::move(d), std::move(ps), std::move(st)};
}
/// The same with the states that setup(rng, model) draws, for what has no other ones. Where the
/// parameters are known, `settled` makes of them what setup does.
template <class L>
Anatomy anatomy(const L& model, Rng rng) {
  auto d = describe(model);
  auto ps = structure(d, Initial::parameters);
  auto st = draw(d, Initial::states, rng.fold_in("states"));
  return {std::move(d), std::move(ps), std::move(st)};
}

}  // namespace luxtorch::detail
