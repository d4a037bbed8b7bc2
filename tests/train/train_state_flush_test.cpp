// flush_gradients: a window of AccumGrad that is not full.
#include <gtest/gtest.h>

#include "luxtorch/train/freeze.h"
#include "support/compare.h"
#include "train/train_state_cases.h"

namespace luxtorch {
namespace {

// A user's own: plain descent.
struct Own {
  Tree init(const Tree&) const { return {}; }
  std::pair<Tree, Tree> update(const Tree& grads, const Tree& state, const Tree& ps) const {
    auto move = [](const Tree& p, const Tree& g) {
      return g.is_none() ? p : Tree(p.tensor() - g.tensor() * 0.1);
    };
    return {tree::zip(move, ps, grads), state};
  }
};

TEST(TrainStateFlush, MovesTheParametersAndNotTheStep) {
  for (const Optimizer& then : {Optimizer(Adam(0.1)), Optimizer(Own{})}) {
    SCOPED_TRACE(then.label());
    auto ts = freeze(testing::fresh(OptimiserChain(AccumGrad(4), then)), "layer_1.bias");
    Tree start = ts.parameters();
    auto grads = [&](double seed) {
      return tree::map_tensors([&](const Tensor& t) { return testing::values(t.sizes(), seed); },
                               start);
    };
    for (int i = 0; i < 3; ++i) apply_gradients_(ts, grads(i));
    EXPECT_EQ(ts.step, 3);
    EXPECT_SAME(ts.parameters(), start);
    auto next = flush_gradients(ts);
    EXPECT_SAME(ts.parameters(), start);
    flush_gradients_(ts);
    EXPECT_SAME(next.parameters(), ts.parameters());
    EXPECT_SAME(next.optimizer_state(), ts.optimizer_state());
    EXPECT_EQ(ts.step, 3);
    EXPECT_SAME(ts.parameters().at("layer_1.bias"), start.at("layer_1.bias"));

    auto add = [](const Tree& a, const Tree& b) { return Tree(a.tensor() + b.tensor()); };
    Tree sum = tree::zip(add, tree::zip(add, grads(0), grads(1)), grads(2));
    auto by_mean = freeze(testing::fresh(then), "layer_1.bias");
    apply_gradients_(by_mean, tree::map_tensors([](const Tensor& t) { return t / 3; }, sum));
    EXPECT_TREES_CLOSE(ts.parameters(), by_mean.parameters(), 1e-6);
    flush_gradients_(ts);  // nothing is left
    EXPECT_SAME(ts.parameters(), next.parameters());
  }
}

}  // namespace
}  // namespace luxtorch
