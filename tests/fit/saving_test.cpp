// SaveEvery and SaveBest: when they save, and what they say.
#include "luxtorch/fit/saving.h"

#include <gmock/gmock.h>

#include <cmath>

#include "fit/callback_cases.h"
#include "luxtorch/fit/watchers.h"
#include "support/error_text.h"

namespace luxtorch::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<int64_t> steps_in(const CheckpointFolder& folder) {
  std::vector<int64_t> steps;
  for (const auto& path : folder.checkpoints())
    steps.insert(steps.begin(), load_checkpoint(path).step);
  return steps;
}

CheckpointFolder new_folder(const std::string& name) {
  return CheckpointFolder(test::fresh_folder(name), {.keep = 99});
}

// The steps of the checkpoints of a run of 3 epochs with 4 steps each, and its notes.
std::vector<int64_t> saved_steps(SaveEvery saving, std::vector<Callback> others = {},
                                 Notes* notes = nullptr) {
  auto ts = normed_training();
  auto loader = normed_data();
  others.insert(others.begin(), saving);
  Notes none;
  others.push_back(std::ref(notes ? *notes : none));
  fit(ts, MSELoss{}, loader, {.epochs = 3, .callbacks = others});
  return steps_in(saving.folder);
}

TEST(SaveEvery, SavesAfterEachSoManyEpochsAndAtTheEnd) {
  EXPECT_THAT(saved_steps({.folder = new_folder("every_1")}), ElementsAre(4, 8, 12));
  EXPECT_THAT(saved_steps({.folder = new_folder("every_2"), .epochs = 2}), ElementsAre(8, 12));
  EXPECT_THAT(saved_steps({.folder = new_folder("every_0"), .epochs = 0}), ElementsAre(12));
}

TEST(SaveEvery, SavesAfterEachSoManySteps) {
  EXPECT_THAT(saved_steps({.folder = new_folder("steps"), .epochs = 0, .steps = 3}),
              ElementsAre(3, 6, 9, 12));
}

TEST(SaveEvery, SavesAfterEachSoManySeconds) {
  EXPECT_THAT(saved_steps({.folder = new_folder("late"), .epochs = 0, .seconds = 1e9}),
              ElementsAre(12));
  EXPECT_THAT(saved_steps({.folder = new_folder("soon"), .epochs = 0, .seconds = 1e-9}),
              ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
}

TEST(SaveEvery, SavesWhereTheRunIsStoppedAndSaysHowToGoOn) {
  const auto folder = new_folder("stopped");
  Notes notes;
  EXPECT_THAT(saved_steps({.folder = folder}, {StopAfter{6}}, &notes), ElementsAre(4, 6));
  EXPECT_THAT(notes.all, ElementsAre("saved in " + folder.path().string() +
                                     " at step 6; run the program again to go on"));
}

TEST(SaveEvery, DoesNotSaveTwiceWhereNothingIsNewer) {
  const auto folder = new_folder("twice");
  EXPECT_THAT(saved_steps({.folder = folder, .steps = 6}, {StopAfter{6}}), ElementsAre(4, 6));
  const auto before = std::filesystem::last_write_time(folder.checkpoints()[0]);
  EXPECT_THAT(saved_steps({.folder = folder}, {}), ElementsAre(4, 6, 8, 12));
  EXPECT_EQ(std::filesystem::last_write_time(folder.checkpoints()[2]), before);
}

// The error may lie in the data or the program: then it comes again, and is not hidden behind a later checkpoint.
TEST(SaveEvery, SavesNothingAfterAnError) {
  struct Throws {
    void on_step(Event& event) const {
      if (event.ts.step == 6) throw std::runtime_error("no");
    }
  };
  const auto folder = new_folder("failed");
  EXPECT_THROW(saved_steps({.folder = folder}, {Throws{}}), ArgumentError);
  EXPECT_THAT(steps_in(folder), ElementsAre(4));
}

TEST(SaveEvery, KeepsGoodCheckpointsWhereParametersAreNaN) {
  struct Poison {
    void on_step(Event& event) const {
      if (event.ts.step == 6)
        event.ts.set_parameters_(
            event.ts.parameters().with("layer_3.bias", full({1}, std::nan(""))));
    }
  };
  const auto folder = new_folder("poisoned");
  Notes notes;
  EXPECT_THAT(
      saved_steps({.folder = folder, .steps = 3}, {Poison{}, StopOnNaN{.check_every = 1}}, &notes),
      ElementsAre(3, 4));
  EXPECT_THAT(notes.all, ElementsAre("not saved at step 6: layer_3.bias has a NaN; " +
                                     folder.path().string() + " keeps its last checkpoint"));
}

TEST(SaveEvery, AFolderAloneIsOne) {
  auto ts = normed_training();
  auto loader = normed_data();
  const auto folder = new_folder("alone");
  fit(ts, MSELoss{}, loader, {.epochs = 2, .callbacks = {folder}});
  EXPECT_THAT(steps_in(folder), ElementsAre(4, 8));
}

TEST(SaveEvery, TheFolderKeepsTheBestEpoch) {
  const auto path = test::fresh_folder("keeps_best");
  const CheckpointFolder folder(path, {.keep = 1});
  auto ts = normed_training();
  auto loader = normed_data();
  fit(ts, MSELoss{}, loader,
      {.epochs = 4,
       .callbacks = {Scores{{1, 5, 4, 4}},
                     SaveEvery{.folder = folder, .monitor = "score", .better = Better::higher}}});
  EXPECT_THAT(steps_in(folder), ElementsAre(8, 16));
  EXPECT_EQ(folder.best()->filename(), "step_000000008");
}

TEST(SaveEvery, WithoutResumeStartsAnew) {
  const auto folder = new_folder("anew");
  saved_steps({.folder = folder}, {StopAfter{6}});
  auto ts = normed_training(), same = normed_training();
  auto loader = normed_data(), same_data = normed_data();
  fit(ts, MSELoss{}, loader,
      {.epochs = 2, .callbacks = {SaveEvery{.folder = folder, .resume = false}}});
  fit(same, MSELoss{}, same_data, {.epochs = 2});
  expect_same_training(ts, same);
}

TEST(SaveEvery, PassesOverADamagedCheckpoint) {
  const auto folder = new_folder("damaged");
  saved_steps({.folder = folder}, {StopAfter{6}});
  test::write_file(folder.checkpoints()[0] / "parameters.safetensors", "x");
  auto ts = normed_training(), same = normed_training();
  auto loader = normed_data(), same_data = normed_data();
  Notes notes;
  fit(ts, MSELoss{}, loader, {.epochs = 3, .callbacks = {folder, std::ref(notes)}});
  fit(same, MSELoss{}, same_data, {.epochs = 3});
  expect_same_training(ts, same);
  ASSERT_EQ(notes.all.size(), 2U);
  EXPECT_THAT(notes.all[0], HasSubstr("passed over a damaged checkpoint: "));
  EXPECT_THAT(notes.all[0], HasSubstr("step_000000006"));
  EXPECT_THAT(notes.all[1], ::testing::MatchesRegex("resumed from .*step_000000004"));
}

TEST(SaveEvery, RefusesOptionsOutOfTheirRange) {
  const auto folder = new_folder("options");
  EXPECT_THAT(text_of([&] { saved_steps({.folder = folder, .steps = -1}); }),
              HasSubstr("[SaveEvery] expected steps of at least 0, got -1."));
}

TEST(SaveBest, SavesTheBestEpochAlone) {
  const auto path = test::fresh_folder("best");
  const CheckpointFolder folder(path, {.keep = 1});
  auto ts = normed_training();
  auto loader = normed_data();
  Tree of_second;
  const AfterEpoch keep_second{[&](Event& event) {
    if (event.epoch == 2) of_second = event.ts.parameters();
  }};
  fit(ts, MSELoss{}, loader,
      {.epochs = 4,
       .callbacks = {Scores{{1, 5, 5, 4}},
                     SaveBest{.folder = folder, .monitor = "score", .better = Better::higher},
                     keep_second}});
  EXPECT_THAT(steps_in(folder), ElementsAre(8));
  const auto saved = load_checkpoint(path);
  EXPECT_SAME(saved.parameters, of_second);
  EXPECT_EQ(saved.metric, -5);  // lower is better there
}

}  // namespace
}  // namespace luxtorch::testing
