// AccumGrad's windows that are not full: Optimizer::flush.
#include <gtest/gtest.h>

#include "luxtorch/optim/scheduler.h"
#include "optim/optim_cases.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

using testing::Double;
using testing::gradients;
using testing::parameters;
using testing::SignDescent;

// `before` updates of o, then a flush.
std::pair<Tree, Tree> flushed(const Optimizer& o, int before, Dtype dtype = kFloat64) {
  Tree ps = parameters(dtype), state = o.init(ps);
  for (int i = 0; i < before; ++i) std::tie(ps, state) = o.update(gradients(i, dtype), state, ps);
  return o.flush(state, ps);
}
Tree mean(int first, int last) {
  Tree sum = gradients(first, kFloat64);
  auto add = [](const Tree& a, const Tree& b) { return Tree(a.tensor() + b.tensor()); };
  for (int i = first + 1; i < last; ++i) sum = tree::zip(add, sum, gradients(i, kFloat64));
  return tree::map_tensors([&](const Tensor& t) { return t / (last - first); }, sum);
}

TEST(OptimFlush, MovesByTheMeanOfAWindowThatIsNotFull) {
  for (const Optimizer& then : {Optimizer(Adam(0.1)), Optimizer(Descent(0.1)),
                                Optimizer(OptimiserChain(ClipNorm(0.5), AdamW(0.1))),
                                Optimizer(Scheduler(Momentum(), schedule::Exp(0.1, 0.5))),
                                Optimizer(SignDescent{}), Optimizer(Double{})}) {
    SCOPED_TRACE(then.label());
    Optimizer o = OptimiserChain(AccumGrad(4), then);
    Tree ps = parameters(kFloat64), state = then.init(ps);
    std::tie(ps, state) = then.update(mean(0, 3), state, ps);
    EXPECT_TREES_CLOSE(flushed(o, 3).first, ps, 1e-14);

    std::tie(ps, state) = then.update(mean(3, 7), state, ps);  // a whole window after it
    auto [next, next_state] = flushed(o, 3);
    for (int i = 3; i < 7; ++i)
      std::tie(next, next_state) = o.update(gradients(i, kFloat64), next_state, next);
    EXPECT_TREES_CLOSE(next, ps, 1e-14);
  }
}

TEST(OptimFlush, WithoutAWindowNothingChanges) {
  auto all = testing::every_kind();
  all.push_back(SignDescent{});
  all.push_back(OptimiserChain(Double{}, Adam()));
  all.push_back(Scheduler(SignDescent{}, 0.1));
  all.push_back(OptimiserChain(AccumGrad(2), Double{}));
  for (const Optimizer& o : all) {
    SCOPED_TRACE(o.label());
    Tree ps = parameters(), state = o.init(ps);
    for (int i = 0; i < 2; ++i) std::tie(ps, state) = o.update(gradients(i), state, ps);
    auto [next, next_state] = o.flush(state, ps);
    EXPECT_SAME(next, ps);
    EXPECT_SAME(next_state, state);
  }
}

TEST(OptimFlush, CountsEachParametersOwnWindow) {
  Optimizer o = OptimiserChain(AccumGrad(4), Descent(1));
  Tree ps = parameters(kFloat64), state = o.init(ps);
  std::tie(ps, state) = o.update(gradients(0, kFloat64), state, ps);
  Tree some = gradients(1, kFloat64).with("dense.bias", Tree());
  std::tie(ps, state) = o.update(some, state, ps);
  Tree next = o.flush(state, ps).first, before = parameters(kFloat64);
  EXPECT_CLOSE(next.at("dense.bias").tensor(),
               before.at("dense.bias").tensor() - gradients(0, kFloat64).at("dense.bias").tensor(),
               1e-14);
  EXPECT_CLOSE(next["scale"].tensor(), before["scale"].tensor() - mean(0, 2)["scale"].tensor(),
               1e-14);
}

TEST(OptimFlush, OfWindowsInWindowsAndOfNothingAfterThem) {
  EXPECT_TREES_CLOSE(flushed(OptimiserChain(AccumGrad(2), AccumGrad(2), Descent(0.5)), 1).first,
                     flushed(OptimiserChain(AccumGrad(2), Descent(0.5)), 1).first, 1e-14);
  Tree all = flushed(AccumGrad(3), 2).first;
  EXPECT_TREES_CLOSE(all, Descent(1).update(mean(0, 2), named({}), parameters(kFloat64)).first,
                     1e-14);
}

TEST(OptimFlush, OfNarrowParametersRoundsOnce) {
  Optimizer o = OptimiserChain(AccumGrad(4), Descent(1));
  Tree narrow = flushed(o, 3, Dtype::BFloat16).first;
  EXPECT_LT(testing::relative_difference(tree::to(narrow, kFloat64), flushed(o, 3).first), 1e-2);
}

// The same through the operators that derivatives take.
TEST(OptimFlush, IsRecordedWhereItIsDifferentiated) {
  Optimizer o = OptimiserChain(AccumGrad(4), Adam(0.1));
  Tree ps = parameters(kFloat64), state = o.init(ps);
  for (int i = 0; i < 3; ++i) std::tie(ps, state) = o.update(gradients(i, kFloat64), state, ps);
  Tree tracked = tree::map_tensors([](const Tensor& t) { return t.clone().requires_grad_(); }, ps);
  auto [next, next_state] = o.flush(state, tracked);
  auto [plain, plain_state] = o.flush(state, ps);
  EXPECT_TRUE(next["scale"].tensor().requires_grad());
  EXPECT_TREES_CLOSE(tree::detach(next), plain, 1e-14);
  EXPECT_TREES_CLOSE(tree::detach(next_state), plain_state, 1e-14);
}

}  // namespace
}  // namespace luxtorch
