// A run with callbacks that is interrupted anywhere and resumed is the undisturbed run, bit for bit:
// its parameters, and what the callbacks decide and know.
#include <gmock/gmock.h>

#include "fit/callback_cases.h"
#include "luxtorch/fit/early_stopping.h"
#include "luxtorch/fit/lr_range_test.h"
#include "luxtorch/fit/reduce_on_plateau.h"
#include "luxtorch/fit/saving.h"
#include "luxtorch/fit/update_average.h"
#include "luxtorch/fit/watchers.h"
#include "luxtorch/io/sha256.h"

namespace luxtorch::testing {
namespace {

constexpr int64_t kEpochs = 7;

struct Death : std::runtime_error {
  Death() : std::runtime_error("killed") {}
};
// Ends a run as a kill does: nothing is saved.
struct DieAfter {
  int64_t step;
  void on_step(Event& event) const {
    if (event.ts.step == step) throw Death();
  }
};

std::string digest(const Tree& t) {
  std::string bytes;
  for (const auto& x : tree::tensors(t)) {
    const Tensor dense = x.contiguous();
    bytes.append(static_cast<const char*>(dense.const_data_ptr()), dense.nbytes());
  }
  return sha256(bytes);
}

// A program: everything is new in each process but the folders.
struct Program {
  TrainState ts = normed_training();
  data::DataLoader loader = normed_data();
  Ema ema{0.9, ts};
  Swa swa{ts};
  EarlyStopping stopping{.monitor = "score", .patience = 3};
  ReduceOnPlateau reducer{.monitor = "score", .factor = 0.5, .patience = 0};
  UpdateAverage averaging{&ema}, averaging_epochs{.average = &swa, .steps = 0, .epochs = 1};
  GradientNorms norms{.every = 3};
  LearningRateFinder finder{.objective = MSELoss{},
                            .loader = &loader,
                            .options = {.from = 1e-4, .to = 1, .steps = 20, .smoothing = 0.5}};
  SaveBest best;
  SaveEvery saving;
  History history;

  explicit Program(const std::filesystem::path& folder)
      : best{.folder = CheckpointFolder(folder / "best", {.keep = 1}), .monitor = "score"},
        saving{.folder = CheckpointFolder(folder), .steps = 3} {}

  // saving comes first, so that it must wait for the others.
  bool run(std::vector<Callback> also = {}) {
    std::vector<Callback> all{
        std::ref(saving),           std::ref(finder),  Scores{{5, 3, 2, 2.5, 2.5, 3, 1}},
        std::ref(stopping),         std::ref(reducer), std::ref(averaging),
        std::ref(averaging_epochs), std::ref(norms),   std::ref(best)};
    all.insert(all.end(), also.begin(), also.end());
    try {
      history = fit(ts, MSELoss{}, loader, {.epochs = kEpochs, .callbacks = all});
      return true;
    } catch (const ArgumentError&) {  // Death, with the callback's name
      return false;
    }
  }
};

void expect_same_program(const Program& a, const Program& b) {
  expect_same_training(a.ts, b.ts);
  EXPECT_EQ(digest(a.ts.parameters()), digest(b.ts.parameters()));
  EXPECT_SAME(a.stopping.state(), b.stopping.state());
  EXPECT_SAME(a.reducer.state(), b.reducer.state());
  EXPECT_SAME(a.ema.state(), b.ema.state());
  EXPECT_SAME(a.swa.state(), b.swa.state());
  EXPECT_SAME(a.norms.state(), b.norms.state());
  EXPECT_SAME(a.best.state(), b.best.state());
  EXPECT_SAME(a.history["loss"], b.history["loss"]);
  EXPECT_SAME(a.history["lr"], b.history["lr"]);
  EXPECT_SAME(load_checkpoint(a.best.folder.path()).parameters,
              load_checkpoint(b.best.folder.path()).parameters);
}

const Program& undisturbed() {
  static const auto* program = [] {
    auto* p = new Program(test::fresh_folder("undisturbed"));
    p->run();
    return p;
  }();
  return *program;
}

TEST(Resume, TheUndisturbedRunUsesAllOfThem) {
  const Program& p = undisturbed();
  EXPECT_TRUE(p.stopping.progress.stopped);
  EXPECT_EQ(p.stopping.progress.best_epoch, 3);
  EXPECT_EQ(p.ts.step, 24);
  EXPECT_TRUE(p.finder.test && p.finder.test->suggestion);
  EXPECT_EQ(p.ema.updates(), 24);
  EXPECT_EQ(p.swa.updates(), 6);
  EXPECT_EQ(p.norms.progress.steps.size(), 8U);
  EXPECT_LT(to_vector<double>(p.history["lr"].tensor()).back(), *p.finder.test->suggestion);
}

TEST(Resume, AfterAStopAtAnyStep) {
  for (int64_t step : {1, 4, 6, 11, 18, 23}) {
    SCOPED_TRACE(step);
    const auto folder = test::fresh_folder("stopped_run");
    Program first(folder), second(folder);
    first.run({StopAfter{step}});
    EXPECT_EQ(first.ts.step, step);
    second.run();
    expect_same_program(second, undisturbed());
  }
}

TEST(Resume, AfterDeathAtManySteps) {
  const auto folder = test::fresh_folder("killed_run");
  for (int64_t step : {2, 5, 7, 12, 13, 20, 23}) {
    Program dies(folder);
    EXPECT_FALSE(dies.run({DieAfter{step}}));
  }
  Program last(folder);
  last.run();
  expect_same_program(last, undisturbed());
}

TEST(Resume, ARunThatHasEndedEndsAgainWithTheSameParameters) {
  const auto folder = test::fresh_folder("ended_run");
  Program first(folder), again(folder);
  first.run();
  again.run();
  expect_same_program(again, undisturbed());
}

// As in a loop over folds: copies of a Callback are the same one.
TEST(Resume, ASecondRunWithTheSameCallbacksBeginsAnew) {
  const std::vector<Callback> callbacks{
      Scores{{5, 3, 4, 4, 4}}, EarlyStopping{.monitor = "score", .patience = 2},
      ReduceOnPlateau{.monitor = "score", .patience = 0}, GradientNorms{.every = 1}};
  auto run = [&] {
    auto ts = normed_training();
    auto loader = normed_data();
    fit(ts, MSELoss{}, loader, {.epochs = 5, .callbacks = callbacks});
    return std::pair{ts, callbacks[3].state()};
  };
  const auto [first, norms] = run();
  const auto [second, norms_again] = run();
  EXPECT_EQ(first.step, 16);
  expect_same_training(second, first);
  EXPECT_SAME(norms_again, norms);
}

// What is restored at the end is not what a later run goes on from.
TEST(Resume, ALongerRunGoesOnFromTheLastParameters) {
  const auto folder = test::fresh_folder("longer_run");
  auto run = [&](int64_t epochs) {
    auto ts = normed_training();
    auto loader = normed_data();
    fit(ts, MSELoss{}, loader,
        {.epochs = epochs,
         .callbacks = {Scores{{1, 2, 3, 0}}, EarlyStopping{.monitor = "score", .patience = 9},
                       SaveEvery{.folder = CheckpointFolder(folder), .epochs = 0}}});
    return ts;
  };
  auto undisturbed = normed_training();
  auto loader = normed_data();
  run(3);
  const auto resumed = run(4);
  fit(undisturbed, MSELoss{}, loader, {.epochs = 4});
  expect_same_training(resumed, undisturbed);
}

}  // namespace
}  // namespace luxtorch::testing
