// What a TrainState hands out never changes, and nothing is copied that nobody looks at.
#include <gtest/gtest.h>

#include <thread>

#include "luxtorch/losses/loss.h"
#include "support/compare.h"
#include "train/train_state_cases.h"

namespace luxtorch {
namespace {

using namespace testing;

TEST(Snapshots, SetupsParametersNeverChange) {
  auto [ps, st] = setup(Rng(1), model());
  Tree before = deep_copy(ps);
  TrainState ts(model(), ps, st, Adam(0.01));
  EXPECT_NE(where(ts), tree::tensors(ps)[0].const_data_ptr());
  for (int i = 0; i < 3; ++i) single_train_step_(MSELoss{}, batch(), ts);
  EXPECT_SAME(ps, before);
  EXPECT_FALSE(tree::equal(ts.parameters(), ps));
}

TEST(Snapshots, ALoopThatKeepsNoSnapshotCopiesNothing) {
  for (const Optimizer& o : optimizers()) {
    if (o.label().starts_with("OptimiserChain(Adam"))
      continue;  // a rule that can throw late works on a copy
    SCOPED_TRACE(o.label());
    TrainState ts = fresh(o);
    const void* parameters = where(ts);
    auto moments = [&] {
      std::vector<const void*> all;
      for (const auto& t : tree::tensors(ts.optimizer_state())) all.push_back(t.const_data_ptr());
      return all;
    };
    auto before = moments();
    Tree grads;
    Tensor loss;
    for (int i = 0; i < 4; ++i) {
      auto step = single_train_step_(MSELoss{}, batch(i), ts);
      grads = step.grads, loss = step.loss;  // kept over the next step
      EXPECT_EQ(where(ts), parameters);
      EXPECT_EQ(moments(), before);
    }
  }
}

TEST(Snapshots, TreesHandedOutAreSnapshots) {
  TrainState ts = fresh();
  Tree ps = ts.parameters(), opt = ts.optimizer_state();
  Tree ps0 = deep_copy(ps), opt0 = deep_copy(opt);
  const void* first = where(ts);
  single_train_step_(MSELoss{}, batch(), ts);
  EXPECT_SAME(ps, ps0);
  EXPECT_SAME(opt, opt0);
  EXPECT_NE(where(ts), first);
  const void* second = where(ts);
  single_train_step_(MSELoss{}, batch(), ts);
  EXPECT_EQ(where(ts), second);  // the snapshots look at the first memory: nothing more to copy
}

TEST(Snapshots, OneTensorOrAViewOfItIsASnapshotToo) {
  for (int kind = 0; kind < 3; ++kind) {
    SCOPED_TRACE(kind);
    TrainState ts = fresh();
    Tensor kept = ts.parameters().at("layer_2.weight").tensor();
    if (kind == 1) kept = kept.select(0, 0);
    if (kind == 2) kept = ts.parameters()["layer_1"].with("extra", 1)["weight"].tensor().t();
    Tensor before = kept.clone();
    single_train_step_(MSELoss{}, batch(), ts);
    EXPECT_SAME(kept, before);
    const void* now = where(ts);
    kept = Tensor();
    single_train_step_(MSELoss{}, batch(), ts);
    EXPECT_EQ(where(ts), now);
  }
}

TEST(Snapshots, CopiesAreIndependent) {
  TrainState ts = fresh();
  single_train_step_(MSELoss{}, batch(), ts);
  auto best = ts;
  EXPECT_EQ(where(best), where(ts));  // shared until one moves
  Tree ps = deep_copy(best.parameters()), opt = deep_copy(best.optimizer_state());
  for (int i = 0; i < 3; ++i) single_train_step_(MSELoss{}, batch(), ts);
  EXPECT_SAME(best.parameters(), ps);
  EXPECT_SAME(best.optimizer_state(), opt);
  EXPECT_EQ(best.step, 1);
  TrainState again = best;
  for (int i = 0; i < 3; ++i) single_train_step_(MSELoss{}, batch(), again);
  EXPECT_SAME(again.parameters(), ts.parameters());
  const void* alone = where(ts);
  single_train_step_(MSELoss{}, batch(), ts);
  EXPECT_EQ(where(ts), alone);
}

TEST(Snapshots, APureStepLeavesTheOldStateValid) {
  TrainState ts = fresh();
  Tree ps = deep_copy(ts.parameters()), opt = deep_copy(ts.optimizer_state());
  auto [grads, loss, stats, next] = single_train_step(MSELoss{}, batch(), ts);
  EXPECT_SAME(ts.parameters(), ps);
  EXPECT_SAME(ts.optimizer_state(), opt);
  EXPECT_EQ(ts.step, 0);
  EXPECT_EQ(next.step, 1);
  EXPECT_FALSE(tree::equal(next.parameters(), ps));
  single_train_step_(MSELoss{}, batch(), next);
  EXPECT_SAME(ts.parameters(), ps);
}

TEST(Snapshots, PureStepsOfOneStateMayRunOnManyThreads) {
  TrainState ts = fresh();
  Tree before = deep_copy(ts.parameters());
  Tree expected = single_train_step(MSELoss{}, batch(), ts).next.parameters();
  std::vector<Tree> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        result = single_train_step(MSELoss{}, batch(), ts).next.parameters();
      }
    });
  }
  for (auto& t : threads) t.join();
  for (const auto& result : results) EXPECT_SAME(result, expected);
  EXPECT_SAME(ts.parameters(), before);
}

TEST(Snapshots, AGraphThatIsStillAliveKeepsItsParameters) {
  TrainState ts = fresh();
  Tensor x = values({8, 3}, 1);
  Tree leaked;
  auto leaking = [&](const Layer& m, const Tree& ps, const Tree& st, const Tree& b) -> LossOut {
    leaked = ps;
    return MSELoss{}(m, ps, st, b);
  };
  single_train_step_(leaking, batch(), ts);
  Tree before = deep_copy(tree::map_tensors([](const Tensor& t) { return t.detach(); }, leaked));
  single_train_step_(MSELoss{}, batch(), ts);
  EXPECT_SAME(tree::map_tensors([](const Tensor& t) { return t.detach(); }, leaked), before);
}

}  // namespace
}  // namespace luxtorch
