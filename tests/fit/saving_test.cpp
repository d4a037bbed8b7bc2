// SaveEvery and SaveBest: when they save, and what they say.
#include "luxtorch/fit/saving.h"

#include <gmock/gmock.h>

#include <chrono>
#include <cmath>
#include <csignal>

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

// What SaveEvery says of a run that `ends` ends at step 6.
std::string said_of(const std::string& name, const Callback& ends) {
  const auto folder = new_folder(name);
  Notes notes;
  EXPECT_THAT(saved_steps({.folder = folder}, {ends}, &notes), ElementsAre(4, 6));
  EXPECT_EQ(notes.all.size(), 1U);
  const auto begin = "saved in " + folder.path().string() + " at step 6";
  EXPECT_THAT(notes.all.at(0), ::testing::StartsWith(begin));
  return notes.all.at(0).substr(begin.size());
}

TEST(SaveEvery, SavesWhereTheRunIsStoppedAndSaysHowToGoOn) {
  const std::string how = "; run the program again to go on";
  const auto signals = [](int signal) {
    return AfterStep{[signal](Event& event) {
      if (event.ts.step == 6) std::raise(signal);
    }};
  };
  EXPECT_EQ(said_of("interrupted", signals(SIGINT)), how);
  EXPECT_EQ(said_of("terminated", signals(SIGTERM)), how);
  std::chrono::steady_clock::time_point time{};
  EXPECT_EQ(said_of("timed", TimeLimit{.limit = std::chrono::minutes(1),
                                       .now = [&] { return time += std::chrono::seconds(10); }}),
            how);
  EXPECT_EQ(said_of("stopped", StopAfter{6}), "");  // a callback may stop it again at once
}

// Keeps what the manifest of step 6 says right after that step. Another save counts in it.
struct KeepManifest {
  static constexpr bool last = true;  // behind SaveEvery
  std::filesystem::path path;
  std::string* text;
  void on_step(Event& event) const {
    if (event.ts.step == 6) *text = test::read_file(path);
  }
};

TEST(SaveEvery, DoesNotSaveTwiceWhereNothingIsNewer) {
  const auto folder = new_folder("twice");
  const auto manifest = folder.path() / "step_000000006" / "manifest.json";
  std::string first;
  saved_steps({.folder = folder, .steps = 6}, {KeepManifest{manifest, &first}, StopAfter{6}});
  EXPECT_NE(first, "");
  EXPECT_EQ(test::read_file(manifest), first);  // not at the end of the run

  const auto whole = folder.path() / "step_000000012" / "manifest.json";
  EXPECT_THAT(saved_steps({.folder = folder}), ElementsAre(4, 6, 8, 12));
  const auto last = test::read_file(whole);
  EXPECT_THAT(saved_steps({.folder = folder}), ElementsAre(4, 6, 8, 12));
  EXPECT_EQ(test::read_file(whole), last);  // nor by a run that has nothing to do
  EXPECT_EQ(test::read_file(manifest), first);
}

TEST(SaveEvery, OfTwoTheNewestCheckpointCounts) {
  const auto often = new_folder("often"), seldom = new_folder("seldom");
  const auto savers = [&](bool swapped) {
    std::vector<Callback> all{SaveEvery{.folder = often},
                              SaveEvery{.folder = seldom, .epochs = 99}};
    if (swapped) std::swap(all[0], all[1]);
    return all;
  };
  for (const bool swapped : {false, true}) {
    for (const auto& folder : {often, seldom}) {
      std::filesystem::remove_all(folder.path());
      std::filesystem::create_directories(folder.path());
    }
    saved_steps({.folder = seldom}, {StopAfter{2}});
    auto ts = normed_training(), same = normed_training();
    auto loader = normed_data(), same_data = normed_data();
    auto killed = savers(swapped);
    killed.emplace_back(AfterStep{[](const Event& event) {
      if (event.ts.step == 6) throw std::runtime_error("killed");
    }});
    EXPECT_THROW(fit(ts, MSELoss{}, loader, {.epochs = 3, .callbacks = killed}), ArgumentError);
    EXPECT_THAT(steps_in(often), ElementsAre(4));
    EXPECT_THAT(steps_in(seldom), ElementsAre(2));

    ts = normed_training();
    auto again = normed_data();
    std::vector<int64_t> steps;
    auto going_on = savers(swapped);
    going_on.emplace_back(AfterStep{[&](const Event& event) { steps.push_back(event.ts.step); }});
    fit(ts, MSELoss{}, again, {.epochs = 3, .callbacks = going_on});
    EXPECT_EQ(steps.front(), 5);
    fit(same, MSELoss{}, same_data, {.epochs = 3});
    expect_same_training(ts, same);
    EXPECT_THAT(steps_in(seldom), ElementsAre(2, 12));
  }
}

TEST(SaveEvery, AFullDiskIsSaidOnceAndTheRunGoesOn) {
  const auto folder = new_folder("full");
  Notes notes;
  EXPECT_THAT(saved_steps({.folder = folder, .steps = 1}, {FullDisk{5, 9}}, &notes),
              ElementsAre(1, 2, 3, 4, 9, 10, 11, 12));
  ASSERT_EQ(notes.all.size(), 1U);
  EXPECT_THAT(notes.all[0],
              ::testing::StartsWith("not saved at step 5: [CheckpointFolder::save] "));
  EXPECT_THAT(notes.all[0], HasSubstr("File too large"));
  EXPECT_THAT(notes.all[0],
              ::testing::EndsWith("those in " + folder.path().string() + " are unchanged"));
}

TEST(SaveEvery, WhatIsNotSavedAtTheEndIsSaid) {
  const auto folder = new_folder("full_at_the_end");
  Notes notes;
  EXPECT_THAT(saved_steps({.folder = folder}, {FullDisk{5, 99}}, &notes), ElementsAre(4));
  ASSERT_EQ(notes.all.size(), 2U);
  EXPECT_THAT(notes.all[0], ::testing::StartsWith("not saved at step 8: "));
  EXPECT_EQ(notes.all[1],
            "the state at the end, step 12, is not saved in " + folder.path().string());
}

TEST(SaveBest, AFullDiskIsSaidOnceAndTheNextBestOneIsSaved) {
  const auto path = test::fresh_folder("best_full");
  const CheckpointFolder folder(path, {.keep = 1});
  auto ts = normed_training();
  auto loader = normed_data();
  Notes notes;
  fit(ts, MSELoss{}, loader,
      {.epochs = 5,
       .callbacks = {Scores{{5, 4, 3, 4.5, 6}}, SaveBest{.folder = folder, .monitor = "score"},
                     FullDisk{5, 13}, std::ref(notes)}});
  EXPECT_THAT(steps_in(folder), ElementsAre(16));  // of epoch 4: better than the one that was there
  EXPECT_EQ(notes.all.size(), 1U);
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
