// An average of the parameters in a checkpoint.
#include <gtest/gtest.h>

#include "luxtorch/checkpoint/checkpoint.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/train/ema.h"
#include "support/files.h"
#include "train/train_state_cases.h"

namespace luxtorch {
namespace {

void train_(TrainState& ts, Ema& ema, int first) {
  for (int i = first; i < first + 4; ++i) {
    single_train_step_(MSELoss{}, testing::batch(i), ts);
    ema.update_(ts);
  }
}

TEST(CheckpointOfAnAverage, GoesOnBitForBit) {
  auto ts = testing::fresh();
  Ema ema(0.9, ts, {.debias = true});
  train_(ts, ema, 0);
  CheckpointFolder run(test::fresh_folder("checkpoint_ema"));
  run.save(ts, {.values = 3, .ema = ema.state()});

  auto again = testing::fresh();
  Ema average(0.9, again, {.debias = true});
  auto found = run.resume();
  ASSERT_TRUE(found.checkpoint);
  EXPECT_SAME(found.checkpoint->ema, ema.state());
  EXPECT_EQ(found.checkpoint->values.scalar<int64_t>(), 3);
  found.checkpoint->restore_(again);
  average.set_state_(found.checkpoint->ema);
  EXPECT_SAME(average.state(), ema.state());
  train_(ts, ema, 4), train_(again, average, 4);
  testing::expect_same(again, ts);
  EXPECT_SAME(average.state(), ema.state());
  EXPECT_SAME(average.parameters(), ema.parameters());
}

TEST(CheckpointOfAnAverage, IsNoneWhereNoneWasSaved) {
  auto c = load_checkpoint(
      CheckpointFolder(test::fresh_folder("checkpoint_no_ema")).save(testing::fresh()));
  EXPECT_TRUE(c.ema.is_none());
}

}  // namespace
}  // namespace luxtorch
