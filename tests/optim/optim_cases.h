// Parameters, gradients and optimisers for the tests of optimisers.
#pragma once

#include <vector>

#include "luxtorch/core/ops.h"
#include "luxtorch/optim/optim.h"
#include "train/values.h"

namespace luxtorch::testing {

inline Tree parameters(Dtype dtype = kFloat32) {
  return named(
      {{"dense", named({{"weight", values({5, 7}, 1, dtype)}, {"bias", values({5}, 2, dtype)}})},
       {"scale", values({}, 3, dtype)}});
}

inline Tree gradients(double seed, Dtype dtype = kFloat32) {
  return named({{"dense", named({{"weight", values({5, 7}, seed, dtype)},
                                 {"bias", values({5}, seed + 1, dtype)}})},
                {"scale", values({}, seed + 2, dtype)}});
}

inline std::vector<Optimizer> every_kind() {
  return {Descent(),
          Momentum(),
          Nesterov(),
          RMSProp(),
          RMSProp(0.01, {.centred = true}),
          Rprop(),
          Adam(),
          AdamW(0.01, {.lambda = 0.1}),
          AdamW(0.01, {.lambda = 0.1, .couple = false}),
          AdaMax(),
          NAdam(),
          RAdam(),
          OAdam(),
          AMSGrad(),
          AdaBelief(),
          AdaGrad(),
          AdaDelta(),
          Lion(),
          LAMB(),
          WeightDecay(),
          SignDecay(),
          ClipGrad(0.1),
          ClipNorm(0.1),
          ClipGlobalNorm(0.1),
          AccumGrad(2),
          OptimiserChain(),
          OptimiserChain(ClipNorm(0.5), WeightDecay(), Adam())};
}

// A user's own optimiser, and one that is only a transformation.
struct SignDescent {
  double lr = 0.1;
  Tree init(const Tree&) const { return named({{"calls", 0}}); }
  std::pair<Tree, Tree> update(const Tree& grads, const Tree& state, const Tree& ps) const {
    Tree next = tree::zip(
        [&](const Tree& x, const Tree& g) {
          return g.is_none() ? x : Tree(x.tensor() - g.tensor().sign() * lr);
        },
        ps, grads);
    return {next, named({{"calls", state["calls"].scalar<int64_t>() + 1}})};
  }
  SignDescent adjust(const Hyperparameters& h) const { return {h.lr.value_or(lr)}; }
  std::string label() const { return "SignDescent(" + std::to_string(lr).substr(0, 4) + ")"; }
};
struct Double {
  Tree init(const Tree&) const { return Tree(); }
  std::pair<Tree, Tree> transform(const Tree& grads, const Tree& state, const Tree&) const {
    return {tree::map_tensors([](const Tensor& g) { return g * 2; }, grads), state};
  }
};

}  // namespace luxtorch::testing
