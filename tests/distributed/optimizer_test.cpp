// DistributedOptimizer, and data::part_of for loops of a program's own.
#include "luxtorch/distributed/optimizer.h"

#include <gtest/gtest.h>

#include "distributed/simulated_group.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/functions.h"
#include "luxtorch/core/values.h"
#include "luxtorch/data/dataset.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/train/train_state.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

Tree parameters() {
  return named({{"weight", random::normal(Rng(1), {3, 2})}, {"bias", random::normal(Rng(2), {3})}});
}

Tree gradient(int64_t rank, int64_t step) {
  const Rng rng = Rng(7).fold_in(static_cast<uint64_t>(100 * rank + step));
  return named(
      {{"weight", random::normal(rng, {3, 2})}, {"bias", random::normal(rng.fold_in(1), {3})}});
}

TEST(DistributedOptimizer, UpdatesByTheMeanOfAllGradients) {
  for (int64_t size : {2, 3}) {
    simulate(size, [&](const Group& group) {
      const Optimizer inner = OptimiserChain(ClipGlobalNorm(0.5), Adam(0.1));
      const DistributedOptimizer distributed(group, inner);
      Tree ps = parameters(), alone_ps = ps;
      Tree state = distributed.init(ps), alone_state = inner.init(ps);
      for (int64_t step = 0; step < 3; ++step) {
        std::tie(ps, state) = distributed.update(gradient(group.rank(), step), state, ps);
        Tree mean = gradient(0, step);
        for (int64_t r = 1; r < size; ++r)
          mean = tree::zip([](const Tree& a, const Tree& b) { return a.tensor() + b.tensor(); },
                           mean, gradient(r, step));
        mean = tree::map_tensors([&](const Tensor& t) { return t / size; }, mean);
        std::tie(alone_ps, alone_state) = inner.update(mean, alone_state, alone_ps);
        EXPECT_TREES_CLOSE(ps, alone_ps, 1e-6);
        EXPECT_EQ(calls(group), 3 * step + 1);
        EXPECT_TRUE(all_equal(group, tuple({ps, state})));  // two calls
      }
    });
  }
}

TEST(DistributedOptimizer, HasAFiniteMeanWhereTheSumIsNotIn16Bits) {
  simulate(2, [](const Group& group) {
    const Tree ps = named({{"weight", zeros({3}).to(kFloat16)}}),
               grads = named({{"weight", full({3}, 40000).to(kFloat16)}});
    const Descent inner(0.001);
    const DistributedOptimizer distributed(group, inner);
    const Tree next = distributed.update(grads, distributed.init(ps), ps).first;
    EXPECT_EQ(calls(group), 1);
    EXPECT_TREES_CLOSE(next, inner.update(grads, inner.init(ps), ps).first, 1e-3);
  });
}

TEST(DistributedOptimizer, OfOneProcessGivesTheBitsOfItsOptimizer) {
  const DistributedOptimizer distributed(Group(), Adam(0.1));
  const Tree ps = parameters(), grads = gradient(0, 0);
  EXPECT_SAME(distributed.update(grads, distributed.init(ps), ps).first,
              Adam(0.1).update(grads, Adam(0.1).init(ps), ps).first);
}

TEST(DistributedOptimizer, IsAChainThatAdjustsAndPrints) {
  const DistributedOptimizer distributed(Group(), Adam(0.1));
  EXPECT_EQ(adjust(distributed, {.lr = 0.5}).label(),
            "OptimiserChain(MeanOverGroup, " + Adam(0.5).label() + ")");
  EXPECT_TRUE(distributed.with_hyperparameters(distributed.hyperparameters()).has_value());
}

TEST(DistributedOptimizer, StepsInATrainState) {
  simulate(2, [](const Group& group) {
    const Layer model = Dense(2, 3);
    auto [ps, st] = setup(Rng(1), model);
    TrainState ts(model, ps, st, DistributedOptimizer(group, Momentum(0.1)));
    for (int64_t step = 0; step < 3; ++step) apply_gradients_(ts, gradient(group.rank(), step));
    EXPECT_TRUE(all_equal(group, ts.parameters()));
    EXPECT_FALSE(tree::equal(ts.parameters(), ps));
  });
}

TEST(DistributedOptimizer, RefusesGradientsThatADerivativeFollows) {
  simulate(2, [](const Group& group) {
    const DistributedOptimizer distributed(group, Descent(0.1));
    const Tree ps = parameters(), state = distributed.init(ps);
    auto after = [&](const Tree& grads) {
      return distributed.update(grads, state, ps).first["bias"].tensor().sum();
    };
    EXPECT_ERROR(
        ArgumentError, value_and_grad(after, gradient(0, 0)),
        "[DistributedOptimizer] at weight: expected a tensor that no derivative or transform "
        "follows, got one of a function that is being differentiated or transformed; the mean "
        "over processes would make a constant of it. Take the derivative of one process' "
        "update, or give gradients as tree::detach gives them.");
  });
}

}  // namespace
}  // namespace luxtorch::testing
