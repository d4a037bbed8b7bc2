#pragma once

#include "luxtorch/core/ops.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"

namespace luxtorch::testing {

/// A user's cell whose carry is a named tree, whose states count its calls, and which takes tokens
/// and maps of features as well as rows.
struct CountingCell {
  int64_t in_dims;
  Tree initial_parameters(Rng rng) const {
    return named({{"weight", init::Normal{}(rng.fold_in("weight"), {in_dims})}});
  }
  Tree initial_states(Rng) const { return named({{"calls", 0}}); }
  Out<Step> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto y = x.is_floating_point() ? x * ps["weight"].tensor()
                                   : ps["weight"].tensor().index_select(0, x);
    return {{y, named({{"sum", y}})}, st.with("calls", st["calls"].scalar<int64_t>() + 1)};
  }
  Out<Step> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const {
    auto [out, st2] = (*this)(x, ps, st);
    auto sum = out.y.add(carry["sum"].tensor().mul(0.5));
    return {{sum, named({{"sum", sum}})}, st2};
  }
};

}  // namespace luxtorch::testing
