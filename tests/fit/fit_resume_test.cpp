// A run that was stopped anywhere and went on from a checkpoint gives what an undisturbed one gives.
#include <gtest/gtest.h>

#include <filesystem>

#include "fit/fit_cases.h"
#include "luxtorch/core/error.h"
#include "luxtorch/metrics/classes.h"
#include "support/error_text.h"
#include "support/files.h"

namespace luxtorch {
namespace {

using namespace testing;
using test::fresh_folder;

// Stops at a step and saves there; starts from what is in the folder.
struct StopAndSave {
  CheckpointFolder folder;
  int64_t step;
  bool at_end = false;
  void on_resume(Event& e) const {
    if (auto found = folder.resume().checkpoint) e.restore_(*found);
  }
  void on_step(Event& e) const {
    if (e.ts.step == step) e.stop("as the test wants");
    if (e.ts.step == step && !at_end) folder.save(e.ts, e.extras());
  }
  void on_end(Event& e) const {
    if (at_end) folder.save(e.ts, e.extras());
  }
};

// A callback whose decisions depend on what it has seen.
struct Counting {
  double sum = 0;
  void on_step(const Event& e) { sum += e.loss(); }
  void on_epoch(Event& e) {
    if (sum > 12) adjust_(e.ts, {.lr = 0.01});
  }
  Tree state() const { return named({{"sum", sum}}); }
  void set_state_(const Tree& t) { sum = t["sum"].scalar<double>(); }
};

struct Outcome {
  TrainState ts;
  History history;
  Tree position;
  double sum;
};

Outcome run(const std::vector<Callback>& more) {
  TrainState ts = small_training(OptimiserChain(AccumGrad(2), Adam(0.02)));
  auto train = training_batches(), valid = validation_batches();
  Counting counting;
  FitOptions options{.epochs = 3,
                     .validation = &valid,
                     .metrics = {{"accuracy", metrics::Accuracy{.threshold = 0}}},
                     .training_metrics = true,
                     .callbacks = {std::ref(counting)}};
  options.callbacks.insert(options.callbacks.end(), more.begin(), more.end());
  auto history = fit(ts, kLoss, train, options);
  return {ts, history, train.position(), counting.sum};
}

Tree without_times(const Tree& history) {
  return history.without("seconds").without("samples_per_second");
}

TEST(FitResume, GivesTheBitsOfAnUndisturbedRunFromEveryStep) {
  const Outcome whole = run({});
  EXPECT_EQ(learning_rate(whole.ts), 0.01);  // Counting has acted
  for (int64_t step = 1; step <= 21; ++step) {
    for (const bool at_end : {false, true}) {
      SCOPED_TRACE(::testing::Message() << "stopped at step " << step << ", saved "
                                        << (at_end ? "in on_end" : "in on_step"));
      const auto folder = fresh_folder("fit_resume_1");
      const StopAndSave stop{CheckpointFolder(folder), step, at_end};
      const Outcome first = run({stop});
      EXPECT_EQ(first.ts.step, step);
      const StopAndSave go_on{CheckpointFolder(folder), -1, false};
      const Outcome rest = run({go_on});
      EXPECT_TRUE(tree::equal(rest.ts.parameters(), whole.ts.parameters()));
      EXPECT_TRUE(tree::equal(rest.ts.states(), whole.ts.states()));
      EXPECT_TRUE(tree::equal(rest.ts.optimizer_state(), whole.ts.optimizer_state()));
      EXPECT_TRUE(tree::equal(without_times(rest.history), without_times(whole.history)));
      EXPECT_TRUE(tree::equal(rest.position, whole.position));
      EXPECT_EQ(rest.sum, whole.sum);
    }
  }
}

TEST(FitResume, ABatchWhoseStepFailedComesAgain) {
  const auto folder = fresh_folder("fit_resume_2");
  struct SaveAtEnd {
    CheckpointFolder folder;
    void on_end(Event& e) const { folder.save(e.ts, e.extras()); }
  };
  auto trained = [](const Objective& objective, TrainState& ts, const Callback& c) {
    auto train = training_batches();
    return fit(ts, objective, train,
               {.epochs = 1,
                .metrics = {{"accuracy", metrics::Accuracy{.threshold = 0}}},
                .training_metrics = true,
                .callbacks = {c}});
  };
  int calls = 0;
  auto fails = [&](const Layer& model, const Tree& ps, const Tree& st, const Tree& batch) {
    auto out = Objective(kLoss)(model, ps, st, batch);
    if (++calls == 5) throw std::runtime_error("the network is down");
    return out;
  };
  TrainState ts = small_training(), resumed = small_training(), plain = small_training();
  EXPECT_THROW(trained(fails, ts, SaveAtEnd{CheckpointFolder(folder)}), std::runtime_error);
  EXPECT_EQ(ts.step, 4);
  const auto rest = trained(kLoss, resumed, StopAndSave{CheckpointFolder(folder), -1, false});
  const auto whole = trained(kLoss, plain, Counting{});
  EXPECT_TRUE(tree::equal(resumed.parameters(), plain.parameters()));
  EXPECT_TRUE(tree::equal(without_times(rest), without_times(whole)));
}

TEST(FitResume, RefusesACheckpointOfAnotherProgram) {
  const auto folder = fresh_folder("fit_resume_3");
  CheckpointFolder checkpoints(folder);
  checkpoints.save(small_training(OptimiserChain(AccumGrad(2), Adam(0.02))));
  const auto text = text_of([&] { run({StopAndSave{checkpoints, -1, false}}); });
  EXPECT_NE(text.find("expected a checkpoint that fit has saved"), std::string::npos) << text;
}

}  // namespace
}  // namespace luxtorch
