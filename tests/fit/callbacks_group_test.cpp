// Callbacks of several processes that train together.
#include <gmock/gmock.h>

#include "distributed/simulated_group.h"
#include "fit/callback_cases.h"
#include "luxtorch/fit/early_stopping.h"
#include "luxtorch/fit/reduce_on_plateau.h"
#include "luxtorch/fit/saving.h"
#include "luxtorch/fit/watchers.h"
#include "support/error_text.h"

namespace luxtorch::testing {
namespace {

struct Member {
  TrainState ts;
  data::DataLoader loader;
  History history;

  explicit Member(const Group& group)
      : ts(normed_model(), setup(Rng(1), normed_model()).first,
           setup(Rng(1), normed_model()).second, Adam(0.02), {.group = group}),
        loader(normed_data().data(), {.batch_size = 6, .shuffle = true, .part = group.part()},
               Rng(3)) {}

  void run(std::vector<Callback> callbacks, int64_t epochs = 6) {
    history = fit(ts, MSELoss{}, loader, {.epochs = epochs, .callbacks = std::move(callbacks)});
  }
};

std::vector<Callback> deciding(const std::filesystem::path& folder, const Group& group) {
  return {Scores{{3, 1, 2, 2, 2, 0}}, EarlyStopping{.monitor = "score", .patience = 3},
          ReduceOnPlateau{.monitor = "score", .patience = 0},
          SaveEvery{.folder = CheckpointFolder(folder, {.group = group}), .steps = 3}};
}

// The parameters of rank 0 after a run of 2 processes; all of them have the same.
Tree trained(const std::filesystem::path& folder, std::vector<Callback> also = {}) {
  Tree parameters;
  simulate(2, [&](const Group& group) {
    Member member(group);
    auto callbacks = deciding(folder, group);
    callbacks.insert(callbacks.end(), also.begin(), also.end());
    member.run(callbacks);
    EXPECT_TRUE(all_equal(group, member.ts.parameters()));
    EXPECT_TRUE(all_equal(group, Tree(member.ts.step)));
    if (group.is_root()) parameters = member.ts.parameters();
  });
  return parameters;
}

TEST(CallbacksOfAGroup, DecideAlikeAndResumeBitForBit) {
  const Tree undisturbed = trained(test::fresh_folder("group_undisturbed"));
  const auto folder = test::fresh_folder("group_stopped");
  trained(folder, {StopAfter{10}});
  EXPECT_SAME(trained(folder), undisturbed);
}

std::vector<int64_t> steps_of(const std::filesystem::path& folder) {
  std::vector<int64_t> steps;
  for (const auto& path : CheckpointFolder(folder).checkpoints())
    steps.push_back(load_checkpoint(path).step);
  return steps;
}

// What rank 0 cannot write is missing for all, and all go on.
TEST(CallbacksOfAGroup, GoOnTogetherWhereTheDiskIsFull) {
  const auto folder = test::fresh_folder("group_full");
  simulate(2, [&](const Group& group) {
    Member member(group);
    Notes notes;
    member.run({SaveEvery{.folder = CheckpointFolder(folder, {.keep = 99, .group = group})},
                FullDisk{5, 13}, std::ref(notes)});
    EXPECT_EQ(member.ts.step, 24);
    EXPECT_EQ(notes.all.size(), 1U);
    EXPECT_THAT(notes.all.at(0), ::testing::StartsWith("not saved at step 8: "));
    EXPECT_TRUE(all_equal(group, member.ts.parameters()));
  });
  EXPECT_THAT(steps_of(folder), ::testing::ElementsAre(24, 20, 16, 4));
}

// A limit of one process ends all of them, 16 steps later at the latest, and they save together.
TEST(CallbacksOfAGroup, TheClockOfOneProcessEndsAll) {
  const auto folder = test::fresh_folder("group_limit");
  simulate(2, [&](const Group& group) {
    std::chrono::steady_clock::time_point time{};
    const auto second = std::chrono::seconds(group.is_root() ? 0 : 1);
    Member member(group);
    member.run({TimeLimit{.limit = std::chrono::seconds(6), .now = [&] { return time += second; }},
                SaveEvery{.folder = CheckpointFolder(folder, {.group = group}), .epochs = 5}},
               9);
    EXPECT_EQ(member.ts.step, 8);  // the end of the epoch of step 6
    EXPECT_EQ(member.history.stop_reason, "TimeLimit: 6 s have passed, of 6.");
  });
  EXPECT_THAT(steps_of(folder), ::testing::ElementsAre(8));
}

TEST(CallbacksOfAGroup, TheClockOfRankZeroSaysWhenToSave) {
  const auto folder = test::fresh_folder("group_seconds");
  simulate(2, [&](const Group& group) {
    Member member(group);
    member.run({SaveEvery{.folder = CheckpointFolder(folder, {.keep = 9, .group = group}),
                          .epochs = 0,
                          .seconds = group.is_root() ? 1e-9 : 1e9}});
  });
  EXPECT_THAT(steps_of(folder), ::testing::ElementsAre(24, 16));
}

TEST(CallbacksOfAGroup, AFolderOfOneProcessIsRefused) {
  const auto folder = test::fresh_folder("group_of_one");
  simulate(2, [&](const Group& group) {
    Member member(group);
    EXPECT_THAT(
        text_of([&] { member.run({CheckpointFolder(folder)}); }),
        ::testing::HasSubstr("expected a folder of the 2 processes that train, got one of 1. "
                             "Give it their group: CheckpointFolder(path, {.group = group})."));
  });
}

}  // namespace
}  // namespace luxtorch::testing
