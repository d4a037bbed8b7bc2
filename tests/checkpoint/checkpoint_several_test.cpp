// Several TrainStates in one checkpoint.
#include <gtest/gtest.h>

#include "luxtorch/checkpoint/checkpoint.h"
#include "luxtorch/core/error.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/train/freeze.h"
#include "support/compare.h"
#include "support/files.h"
#include "train/train_state_cases.h"

namespace luxtorch {
namespace {

using testing::batch;
using testing::values;

// Two models that train each other.
struct Gan {
  TrainState generator = testing::fresh(OptimiserChain(AccumGrad(2), Adam(0.01)));
  TrainState critic = made();

  static TrainState made() {
    Dense model(1, 2);
    auto [ps, st] = setup(Rng(7), model);
    return TrainState(model, ps, st, Momentum(0.05));
  }
  // Two steps of the critic for one of the generator.
  void train_(int i) {
    const Tree data = batch(i);
    for (int k = 0; k < 2; ++k)
      single_train_step_(MSELoss{}, tuple({data[1].tensor(), values({8, 2}, i + k)}), critic);
    auto judged = [&](const Tensor& y, const Tensor& target) {
      Tensor score = critic.model(y, critic.parameters(), critic.states()).first.tensor();
      return score.square().mean() + (y - target).abs().mean();
    };
    single_train_step_(judged, data, generator);
  }
  std::vector<NamedTrainState> all() const {
    return {{"generator", generator}, {"critic", critic}};
  }
  std::vector<RestoreTarget> targets() { return {{"critic", critic}, {"generator", generator}}; }
};

void expect_same(const Gan& a, const Gan& b) {
  testing::expect_same(a.generator, b.generator);
  testing::expect_same(a.critic, b.critic);
}

TEST(CheckpointOfSeveral, GoesOnBitForBit) {
  Gan gan, again;
  CheckpointFolder run(test::fresh_folder("checkpoint_several"));
  freeze_(gan.critic, "bias");
  adjust_(gan.generator, {.lr = 0.003});
  for (int i = 0; i < 3; ++i) gan.train_(i);
  auto path = run.save({{"generator", gan.generator}, {"critic", gan.critic}},
                       {.values = named({{"epoch", 3}}), .metric = 0.5});
  EXPECT_EQ(path.filename(), "step_000000006");  // the critic's

  auto found = run.resume();
  ASSERT_TRUE(found.checkpoint);
  found.checkpoint->restore_({{"generator", again.generator}, {"critic", again.critic}});
  expect_same(again, gan);
  for (int i = 3; i < 7; ++i) gan.train_(i), again.train_(i);
  expect_same(again, gan);
  EXPECT_EQ(found.checkpoint->step, 6);
  EXPECT_EQ(found.checkpoint->metric, 0.5);
  EXPECT_EQ(found.checkpoint->values["epoch"].scalar<int64_t>(), 3);
}

TEST(CheckpointOfSeveral, EachPartIsACheckpointOfItsOwn) {
  Gan gan, other;
  gan.train_(0);
  auto c =
      load_checkpoint(CheckpointFolder(test::fresh_folder("checkpoint_parts")).save(gan.all()));
  ASSERT_EQ(c.parts.size(), 2U);
  EXPECT_EQ(c.parts[0].name, "generator");
  const Checkpoint& critic = c.part("critic");
  EXPECT_SAME(critic.parameters, gan.critic.parameters());
  EXPECT_SAME(c.parameters["critic"], gan.critic.parameters());
  EXPECT_EQ(critic.optimizer, gan.critic.optimizer().label());
  EXPECT_EQ(critic.step, 2);
  critic.restore_(other.critic);
  EXPECT_SAME(other.critic.optimizer_state(), gan.critic.optimizer_state());
  EXPECT_EQ(other.generator.step, 0);
}

TEST(CheckpointOfSeveral, DamagedOnesAreSkippedAndOldOnesRemoved) {
  Gan gan;
  CheckpointFolder run(test::fresh_folder("checkpoint_several_damaged"), {.keep = 2});
  for (int i = 0; i < 3; ++i) gan.train_(i), run.save(gan.all());
  EXPECT_EQ(run.checkpoints().size(), 2U);
  auto file = run.path() / "step_000000006" / "optimizer.safetensors";
  auto bytes = test::read_file(file);
  bytes.back() ^= 1;
  test::write_file(file, bytes);
  auto found = run.resume();
  ASSERT_TRUE(found.checkpoint);
  EXPECT_EQ(found.checkpoint->step, 4);
  EXPECT_EQ(found.skipped.size(), 1U);
}

TEST(CheckpointOfSeveral, WrongNamesAreRefused) {
  Gan gan;
  CheckpointFolder run(test::fresh_folder("checkpoint_names"));
  EXPECT_ERROR(ArgumentError, run.save(std::vector<NamedTrainState>{}),
               "[CheckpointFolder::save] expected at least one TrainState, got none.");
  EXPECT_ERROR(ArgumentError, run.save({{"a", gan.critic}, {"a", gan.generator}}),
               "[CheckpointFolder::save] expected unique names of TrainStates, not empty and "
               "without '.', got \"a\" twice.");
  EXPECT_THROW(run.save({{"", gan.critic}, {"b", gan.generator}}), ArgumentError);
  EXPECT_THROW(run.save({{"a.b", gan.critic}, {"b", gan.generator}}), ArgumentError);
  EXPECT_TRUE(run.checkpoints().empty());

  auto c = load_checkpoint(run.save(gan.all()));
  const auto at = " at " + c.path.string() + ": expected ";
  EXPECT_ERROR(ArgumentError, (void)c.part("judge"),
               "[Checkpoint::part]" + at +
                   "the TrainState judge, got a checkpoint of the TrainStates generator, critic.");
  EXPECT_ERROR(ArgumentError, c.restore_({{"generator", gan.generator}}),
               "[Checkpoint::restore_]" + at +
                   "the TrainStates generator, got a checkpoint of the TrainStates generator, "
                   "critic.");
  EXPECT_THROW(c.restore_({{"critic", gan.critic}, {"critic", gan.generator}}), ArgumentError);
  EXPECT_ERROR(ArgumentError, c.restore_(gan.critic),
               "[Checkpoint::restore_]" + at +
                   "one TrainState: restore_({{name, ts}, ...}) takes several, part(name) gives "
                   "one, got a checkpoint of the TrainStates generator, critic.");
  auto single = load_checkpoint(run.save(gan.critic));
  EXPECT_THROW(single.restore_(gan.targets()), ArgumentError);
  EXPECT_THROW((void)single.part("critic"), ArgumentError);
}

TEST(CheckpointOfSeveral, WhereOneDoesNotFitAllStay) {
  Gan gan, again;
  gan.train_(0);
  auto c = load_checkpoint(
      CheckpointFolder(test::fresh_folder("checkpoint_several_misfit")).save(gan.all()));
  c.parts[0].parameters = c.parts[0].parameters.without("layer_2.bias");  // the generator's
  Gan before = again;
  EXPECT_THROW(c.restore_(again.targets()), TreeError);
  expect_same(again, before);
}

}  // namespace
}  // namespace luxtorch
