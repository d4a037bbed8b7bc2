// Layers that join outputs, for the tests of containers: one of two tensors with a parameter, one of a
// tree with a state.
#pragma once

#include "luxtorch/core/ops.h"
#include "luxtorch/layer.h"

namespace luxtorch::testing {

struct Weighted {
  Tree initial_parameters(Rng) const { return named({{"weight", full({1}, 3)}}); }
  Out<Tensor> operator()(const Tensor& a, const Tensor& b, const Tree& ps, const Tree& st) const {
    return {a * ps["weight"].tensor() + b, st};
  }
};

struct CountedSum {
  Tree initial_states(Rng) const { return named({{"calls", 0}}); }
  Out<Tensor> operator()(const Tree& ys, const Tree&, const Tree& st) const {
    auto sum = ys[0].tensor();
    for (size_t i = 1; i < ys.size(); ++i) sum = sum + ys[i].tensor();
    return {sum, named({{"calls", st["calls"].scalar<int64_t>() + 1}})};
  }
};

}  // namespace luxtorch::testing
