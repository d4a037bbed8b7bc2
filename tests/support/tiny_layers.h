// Layers small enough to follow by hand, for tests of what holds layers.
#pragma once

#include <memory>
#include <string>

#include "luxtorch/core/operators.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"

namespace luxtorch::testing {

/// The parameters or states of a layer that has none.
inline const Tree kNone = named({});

/// y = x * weight. weight (dims), uniform.
struct Slope {
  int64_t dims = 2;
  Tree initial_parameters(Rng rng) const {
    return named({{"weight", init::rand(rng.fold_in("weight"), {dims})}});
  }
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    if (x.size(-1) != dims) {
      fail(*this, "expected x of shape (..., " + std::to_string(dims) + "), got (..., " +
                      std::to_string(x.size(-1)) + ").");
    }
    return {x * ps["weight"].tensor(), st};
  }
  std::string label() const { return "Slope(" + std::to_string(dims) + ")"; }
};

/// y = x; st counts the calls and knows whether it trains.
struct Counter {
  Tree initial_states(Rng) const { return named({{"count", 0}, {"training", true}}); }
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const {
    return {x, st.with("count", st["count"].scalar<int64_t>() + 1)};
  }
};

/// y = x * 3, by a number that can only be moved.
struct MoveOnly {
  std::unique_ptr<int> owned = std::make_unique<int>(3);
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const {
    return {x * *owned, st};
  }
};

/// A recurrent cell: h' = x * weight + h. The carry is a tuple of h.
struct SumCell {
  int64_t dims = 2;
  Tree initial_parameters(Rng rng) const {
    return named({{"weight", init::rand(rng.fold_in("weight"), {dims})}});
  }
  Out<Step> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    return {make_step(x * ps["weight"].tensor()), st};
  }
  Out<Step> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const {
    return {make_step(x * ps["weight"].tensor() + carry[0].tensor()), st};
  }
  static Step make_step(const Tensor& h) { return {h, tuple({h})}; }
};

/// A container: second(first(x)), threading the states.
template <class First, class Second>
struct Two {
  First first;
  Second second;
  LUXTORCH_LAYERS(first, second)
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto [h, st_first] = first(x, ps["first"], st["first"]);
    auto [y, st_second] = second(h, ps["second"], st["second"]);
    return {y, named({{"first", st_first}, {"second", st_second}})};
  }
};
template <class First, class Second>
Two(First, Second) -> Two<First, Second>;

/// A wrapper: its parameters and states are the layer's own.
template <class L>
struct Wrapped {
  L layer;
  LUXTORCH_WRAPS(layer)
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    return layer(x, ps, st);
  }
};
template <class L>
Wrapped(L) -> Wrapped<L>;

}  // namespace luxtorch::testing
