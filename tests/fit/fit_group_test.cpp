// fit over a group: losses and metrics are those of all parts, and all processes end together.
#include <gtest/gtest.h>

#include <mutex>

#include "distributed/simulated_group.h"
#include "fit/fit_cases.h"
#include "luxtorch/core/error.h"
#include "luxtorch/metrics/classes.h"
#include "luxtorch/metrics/scores.h"
#include "support/error_text.h"
#include "support/files.h"

namespace luxtorch {
namespace {

using namespace testing;

TrainState training_of(const Group& group) {
  Layer model = Chain(Dense(2, 8, relu), Dense(8, 1));
  auto [ps, st] = setup(Rng(3), model);
  return TrainState(model, ps, st, Adam(0.02), {.group = group});
}
data::DataLoader part_of_training(const Group& group) {
  return data::DataLoader(points(), {.batch_size = 9, .shuffle = true, .part = group.part()},
                          Rng(5));
}
FitOptions options(const data::DataLoader& valid) {
  return {.epochs = 3,
          .validation = &valid,
          .metrics = {{"accuracy", metrics::Accuracy{.threshold = 0}}, {"auroc", metrics::AUROC{}}},
          .training_metrics = true,
          .signals = false};
}

TEST(FitGroup, HasTheLossesAndMetricsOfOneProcess) {
  TrainState alone = training_of({});
  auto train = part_of_training({}), valid = data::DataLoader(points(2), {.batch_size = 10});
  const History whole = fit(alone, kLoss, train, options(valid));
  std::mutex mutex;
  std::vector<History> all;
  simulate(3, [&](const Group& group) {
    TrainState ts = training_of(group);
    auto own = part_of_training(group);
    auto own_valid = data::DataLoader(points(2), {.batch_size = 10, .part = group.part()});
    auto history = fit(ts, kLoss, own, options(own_valid));
    const std::lock_guard lock(mutex);
    all.push_back(history);
  });
  ASSERT_EQ(all.size(), 3u);
  for (const History& h : all) {
    for (const char* key : {"loss", "accuracy", "auroc", "validation_loss", "validation_accuracy",
                            "validation_auroc", "step"}) {
      EXPECT_TRUE(tree::all_close(h[key], whole[key], 1e-5, 1e-6)) << key << h[key] << whole[key];
      EXPECT_TRUE(tree::equal(h[key], all[0][key])) << key;
    }
  }
}

TEST(FitGroup, EndsTogetherWhereOneProcessStops) {
  struct Stop {
    int64_t rank;
    void on_step(Event& e) const {
      if (e.group().rank() == rank && e.ts.step == 3) e.stop("this process is tired");
    }
  };
  // Batches, and the step at which all end: of 7 steps an epoch its last one, of 20 the sixteenth.
  for (const auto& [batch_size, last] : {std::pair<int64_t, int64_t>{9, 7}, {3, 16}}) {
    std::atomic<int> ended = 0;
    simulate(3, [&](const Group& group) {
      TrainState ts = training_of(group);
      auto own = data::DataLoader(points(), {.batch_size = batch_size, .part = group.part()});
      auto history = fit(ts, kLoss, own, {.epochs = 50, .callbacks = {Stop{2}}, .signals = false});
      EXPECT_EQ(history.stop_reason, "this process is tired");
      EXPECT_EQ(ts.step, last);
      ++ended;
    });
    EXPECT_EQ(ended, 3);
  }
}

struct Prints {
  static constexpr bool root_only = true;
  std::atomic<int>* calls;
  void on_epoch(const Event& e) const {
    EXPECT_TRUE(e.group().is_root());
    ++*calls;
  }
};

TEST(FitGroup, OnlyTheRootHasCallbacksThatPrint) {
  std::atomic<int> calls = 0;
  simulate(3, [&](const Group& group) {
    TrainState ts = training_of(group);
    auto own = part_of_training(group);
    fit(ts, kLoss, own, {.epochs = 2, .callbacks = {Prints{&calls}}, .signals = false});
  });
  EXPECT_EQ(calls, 2);
}

TEST(FitGroup, ACallbackThatThrowsOnOneProcessEndsAll) {
  struct Broken {
    void on_epoch(const Event& e) const {
      if (e.group().rank() == 1) throw std::runtime_error("no space left");
    }
  };
  std::atomic<int> told = 0;
  const auto text = text_of([&] {
    simulate(3, [&](const Group& group) {
      TrainState ts = training_of(group);
      auto own = part_of_training(group);
      try {
        fit(ts, kLoss, own, {.epochs = 5, .callbacks = {Broken{}}, .signals = false});
      } catch (const DistributedError& e) {
        ++told;
        throw;
      }
    });
  });
  EXPECT_NE(text.find("the callback Broken failed in on_epoch"), std::string::npos) << text;
  EXPECT_EQ(told, 2);
}

TEST(FitGroup, TellsTheOthersWhatFailsOutsideOfAStep) {
  struct OnlyHere {
    int64_t rank;
    Tree init() const { return named({{"n", int64_t{0}}}); }
    Tree update(const Tree& state, const Tensor&, const Tensor&, const Tensor&) const {
      if (rank == 1) throw std::runtime_error("a label that nobody knows");
      return state;
    }
    Tree merge(const Tree& a, const Tree&) const { return a; }
    Tensor value(const Tree&) const { return zeros({}); }
  };
  for (const bool training : {false, true}) {
    std::atomic<int> told = 0;
    simulate(2, [&](const Group& group) {
      TrainState ts = training_of(group);
      auto own = part_of_training(group);
      auto valid = data::DataLoader(points(2), {.batch_size = 10, .part = group.part()});
      FitOptions options{.validation = training ? nullptr : &valid,
                         .metrics = {{"odd", OnlyHere{group.rank()}}},
                         .training_metrics = training,
                         .signals = false};
      const auto text = text_of_any([&] { fit(ts, kLoss, own, options); });
      EXPECT_NE(text.find("a label that nobody knows"), std::string::npos) << text;
      ++told;
    });
    EXPECT_EQ(told, 2);
  }
}

TEST(FitGroup, ResumesWithinAnEpochWithTheMetricsOfAll) {
  struct Saves {
    CheckpointFolder folder;
    int64_t stop_at;
    void on_resume(Event& e) const {
      if (auto found = folder.resume().checkpoint) e.restore_(*found);
    }
    void on_step(Event& e) const {
      if (e.ts.step != stop_at) return;
      folder.save(e.ts, e.extras());
      e.stop("saved");
    }
  };
  const auto folder = test::fresh_folder("fit_group");
  std::vector<History> all(3);
  for (const int run : {0, 1, 2}) {  // whole, stopped at the sixteenth of 20 steps, the rest
    simulate(2, [&](const Group& group) {
      TrainState ts = training_of(group);
      auto own = data::DataLoader(points(), {.batch_size = 3, .part = group.part()});
      std::vector<Callback> callbacks;
      if (run > 0)
        callbacks = {Saves{CheckpointFolder(folder, {.group = group}), run == 1 ? 16 : -1}};
      auto history = fit(ts, kLoss, own,
                         {.epochs = 1,
                          .metrics = {{"accuracy", metrics::Accuracy{.threshold = 0}}},
                          .training_metrics = true,
                          .callbacks = callbacks,
                          .signals = false});
      if (group.is_root()) all[static_cast<size_t>(run)] = history;
    });
  }
  EXPECT_EQ(all[1].stop_reason, "saved");
  for (const char* key : {"loss", "accuracy", "step"})
    EXPECT_TRUE(tree::equal(all[2][key], all[0][key])) << key << all[2][key] << all[0][key];
}

TEST(FitGroup, RefusesOtherOptionsOnOneProcess) {
  simulate(2, [&](const Group& group) {
    TrainState ts = training_of(group);
    auto own = part_of_training(group);
    const auto text = text_of(
        [&] { fit(ts, kLoss, own, {.epochs = group.is_root() ? 2 : 3, .signals = false}); });
    EXPECT_NE(text.find("epochs"), std::string::npos) << text;
  });
}

}  // namespace
}  // namespace luxtorch
