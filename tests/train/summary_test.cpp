#include "luxtorch/train/summary.h"

#include <gtest/gtest.h>

#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/train/freeze.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

TrainState state_of(const Chain& model) {
  auto [ps, st] = setup(Rng(1), model);
  return TrainState(model, ps, st, Adam(0.01));
}

TEST(SummaryOfATrainState, KnowsWhatIsFrozen) {
  TrainState ts = state_of(Chain(Dense(4, 8, tanh), Dense(8, 2)));
  const int64_t first = 2 * 5 * 4 * 8, second = 2 * 5 * 8 * 2;
  const Tree x = ones({5, 4});
  const auto all = summary(ts, x);
  EXPECT_EQ(all.trainable, all.parameters);
  EXPECT_EQ(all.step_flops, 2 * first + 3 * second);
  freeze_(ts, "layer_1");
  const auto frozen = summary(ts, x);
  EXPECT_EQ(frozen.rows.at(1).trainable, 0);
  EXPECT_EQ(frozen.rows.at(2).trainable, 18);
  EXPECT_EQ(frozen.trainable, 18);
  EXPECT_EQ(frozen.step_flops, first + 2 * second);
  // The options freeze more, and choose what is measured.
  const auto none = summary(ts, x, {.frozen = {"layer_2"}});
  EXPECT_EQ(none.trainable, 0);
  EXPECT_FALSE(none.step_flops);
}

TEST(SummaryOfATrainState, ChangesNothing) {
  TrainState ts = state_of(Chain(Dense(4, 8, tanh), BatchNorm(8), Dropout(0.5), Dense(8, 2)));
  auto clone = [](const Tensor& t) { return t.clone(); };
  const Tree ps = tree::map_tensors(clone, ts.parameters());
  const Tree st = tree::map_tensors(clone, ts.states());
  summary(ts, ones({5, 4}), {.step = true, .time = true, .runs = 1});
  EXPECT_SAME(ts.parameters(), ps);
  EXPECT_SAME(ts.states(), st);
  EXPECT_EQ(ts.step, 0);
}

}  // namespace
}  // namespace luxtorch
