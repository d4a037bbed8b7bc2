// Checkpoints: what is saved comes back, what stays, what best means, and which one is the newest.
#include "luxtorch/checkpoint/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "luxtorch/losses/loss.h"
#include "luxtorch/version.h"
#include "support/compare.h"
#include "support/files.h"
#include "train/train_state_cases.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::fresh;
using ::testing::IsEmpty;
using testing::model;
using ::testing::UnorderedElementsAre;

std::vector<std::string> names(const std::vector<fs::path>& paths) {
  std::vector<std::string> all;
  for (const auto& path : paths) all.push_back(path.filename().string());
  return all;
}

std::vector<std::string> listing(const fs::path& folder) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder)) paths.push_back(entry.path());
  return names(paths);
}

// A checkpoint of this step.
fs::path save(const CheckpointFolder& run, int64_t step, std::optional<double> metric = {}) {
  TrainState ts = fresh();
  ts.step = step;
  return run.save(ts, {.metric = metric});
}

TEST(Checkpoints, AreSavedAndRestoredWithoutADraw) {
  int draws = 0;
  Initializer counting = [&draws](Rng rng, ShapeView shape) {
    ++draws;
    return init::rand(rng, shape);
  };
  Chain chain(Dense(3, 4, {.init_weight = counting}), Dense(4, 1, {.init_bias = counting}));
  auto [ps, st] = setup(Rng(1), chain);
  TrainState ts(chain, ps, st, Adam(0.01));
  draws = 0;
  CheckpointFolder run(test::fresh_folder("checkpoint_draws"));
  load_checkpoint(run.save(ts)).restore_(ts);
  EXPECT_EQ(draws, 0);
}

TEST(Checkpoints, WhatTheProgramAddsComesBack) {
  CheckpointFolder run(test::fresh_folder("checkpoint_extras"));
  Tree values = named({{"alphabet", "abc"}, {"lr", 0.01}, {"losses", tuple({1, 2.5, Tree()})}});
  TrainState ts = fresh();
  auto path = run.save(ts, {.values = values, .rng = Rng(7), .data = tuple({3}), .metric = 0.5});
  EXPECT_EQ(path, run.path() / "step_000000000");
  for (const auto& c :
       {load_checkpoint(path), load_checkpoint(run.path()), run.resume().checkpoint.value()}) {
    EXPECT_EQ(c.path, path);
    EXPECT_EQ(c.step, 0);
    EXPECT_EQ(c.model, show(Layer(model())));
    EXPECT_EQ(c.optimizer, ts.optimizer().label());
    EXPECT_SAME(c.parameters, ts.parameters());
    EXPECT_SAME(c.states, ts.states());
    EXPECT_SAME(c.optimizer_state, ts.optimizer_state());
    EXPECT_SAME(c.values, values);
    EXPECT_EQ(c.rng, Rng(7));
    EXPECT_SAME(c.data, tuple({3}));
    EXPECT_EQ(c.metric, 0.5);
    EXPECT_EQ(c.luxtorch_version, version());
    EXPECT_NE(c.torch_version, "");
  }
}

TEST(Checkpoints, WhatTheProgramDoesNotAddIsNothing) {
  CheckpointFolder run(test::fresh_folder("checkpoint_no_extras"));
  auto c = load_checkpoint(run.save(fresh()));
  EXPECT_TRUE(c.values.is_none());
  EXPECT_TRUE(c.data.is_none());
  EXPECT_FALSE(c.rng);
  EXPECT_FALSE(c.metric);
}

TEST(Checkpoints, TheLastAndTheBestStay) {
  auto folder = test::fresh_folder("checkpoint_keep") / "made" / "here";
  {
    CheckpointFolder run(folder, {.keep = 2});
    const double metrics[] = {3, 1, 2, 5, NAN, 4};
    for (int64_t step = 1; step <= 6; ++step) save(run, step, metrics[step - 1]);
    EXPECT_THAT(names(run.checkpoints()),
                ElementsAre("step_000000006", "step_000000005", "step_000000002"));
    EXPECT_EQ(run.best(), folder / "step_000000002");
  }
  // Another process knows which is best.
  CheckpointFolder run(folder, {.keep = 1});
  save(run, 7, 1.0);  // as good as the best: that stays
  EXPECT_THAT(names(run.checkpoints()), ElementsAre("step_000000007", "step_000000002"));
  save(run, 8, -std::numeric_limits<double>::infinity());
  EXPECT_THAT(names(run.checkpoints()), ElementsAre("step_000000008"));
  EXPECT_THAT(listing(folder), ElementsAre("step_000000008"));
}

TEST(Checkpoints, TheBestNeedNotStay) {
  CheckpointFolder run(test::fresh_folder("checkpoint_no_best"), {.keep = 2, .keep_best = false});
  for (int64_t step = 1; step <= 4; ++step) save(run, step, static_cast<double>(step));
  EXPECT_THAT(names(run.checkpoints()), ElementsAre("step_000000004", "step_000000003"));
  EXPECT_EQ(run.best()->filename(), "step_000000003");
}

TEST(Checkpoints, WithoutAMetricNoneIsTheBest) {
  CheckpointFolder run(test::fresh_folder("checkpoint_no_metric"));
  EXPECT_FALSE(run.best());
  save(run, 1);
  save(run, 2, NAN);
  EXPECT_FALSE(run.best());
}

TEST(Checkpoints, TheOneSavedLastIsTheNewestWhateverItsStep) {
  CheckpointFolder run(test::fresh_folder("checkpoint_restarted"), {.keep = 2});
  save(run, 500);
  save(run, 10);  // another training in the same folder
  save(run, 20);
  EXPECT_EQ(run.resume().checkpoint->step, 20);
  EXPECT_THAT(names(run.checkpoints()), ElementsAre("step_000000020", "step_000000010"));
}

TEST(Checkpoints, ASaveOfTheSameStepTakesItsPlace) {
  CheckpointFolder run(test::fresh_folder("checkpoint_same_step"));
  save(run, 3, 2.0);
  save(run, 4, 3.0);
  save(run, 3, 1.0);
  EXPECT_THAT(names(run.checkpoints()), ElementsAre("step_000000003", "step_000000004"));
  EXPECT_EQ(run.resume().checkpoint->metric, 1.0);
  EXPECT_EQ(test::entries(run.path()), 2U);
}

TEST(Checkpoints, AnEmptyFolderHasNothingToResume) {
  CheckpointFolder run(test::fresh_folder("checkpoint_empty"));
  auto found = run.resume();
  EXPECT_FALSE(found.checkpoint);
  EXPECT_THAT(found.skipped, IsEmpty());
  EXPECT_THAT(run.checkpoints(), IsEmpty());
}

TEST(Checkpoints, OtherFilesInTheFolderStayAsTheyAre) {
  auto folder = test::fresh_folder("checkpoint_others");
  CheckpointFolder run(folder, {.keep = 1});
  test::write_file(folder / "losses.csv", "1,2");
  test::write_file(folder / "step_000000009", "a file");
  fs::create_directories(folder / "step_by_step");
  fs::create_directories(folder / ".luxtorch-folder-x-1.tmp");
  for (int64_t step = 1; step <= 3; ++step) save(run, step);
  EXPECT_THAT(listing(folder), UnorderedElementsAre("losses.csv", "step_000000009", "step_by_step",
                                                    ".luxtorch-folder-x-1.tmp", "step_000000003"));
  EXPECT_THAT(run.resume().skipped, IsEmpty());
}

TEST(Checkpoints, SavingInALoopCopiesNoParameters) {
  CheckpointFolder run(test::fresh_folder("checkpoint_in_place"));
  TrainState ts = fresh();
  const void* before = testing::where(ts);
  for (int i = 0; i < 4; ++i) {
    single_train_step_(MSELoss{}, testing::batch(i), ts);
    run.save(ts, {.data = tuple({i})});
    EXPECT_EQ(testing::where(ts), before);
  }
}

}  // namespace
}  // namespace luxtorch
