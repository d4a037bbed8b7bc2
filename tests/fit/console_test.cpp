// Console in runs of fit.
#include "luxtorch/fit/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "fit/fit_cases.h"

namespace luxtorch {
namespace {

using testing::kLoss;
using testing::small_training;
using testing::training_batches;
using testing::validation_batches;

std::vector<std::string> lines(const std::ostringstream& out) {
  std::istringstream in(out.str());
  std::vector<std::string> all;
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

struct SayAt {
  int64_t step;
  void on_step(Event& e) const {
    if (e.ts.step == step) e.note("a \x1b[2Jnote");
  }
};
struct StopAfter {
  int64_t epoch;
  void on_epoch(Event& e) const {
    if (e.epoch == epoch) e.stop("enough of it");
  }
};

TEST(Console, PrintsALineAnEpochNotesAndTheEnd) {
  std::ostringstream out;
  auto ts = small_training();
  auto train = training_batches();
  const auto valid = validation_batches();
  const auto history = fit(ts, kLoss, train,
                           {.epochs = 4,
                            .validation = &valid,
                            .callbacks = {Console(out, {.utf8 = false}), SayAt{10}, StopAfter{3}}});
  const auto all = lines(out);
  ASSERT_EQ(all.size(), 7U) << out.str();
  EXPECT_EQ(all[0], "epoch       loss   val_loss  samples/s    ms/step       left");
  EXPECT_THAT(all[1], ::testing::StartsWith("  1/4"));
  EXPECT_EQ(all[2], "a ?[2Jnote");
  EXPECT_THAT(all[4], ::testing::StartsWith("  3/4"));
  EXPECT_EQ(all[5], "stopped in epoch 3 of 4, at step 21: enough of it");
  EXPECT_THAT(all[6], ::testing::HasSubstr("21 steps in "));
  // The mark is on each epoch that is better than all before.
  double best = INFINITY;
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    const auto loss = history["validation_loss"].tensor()[epoch].item<double>();
    EXPECT_EQ(all[static_cast<size_t>(epoch == 0 ? 1 : epoch + 2)].ends_with("  *"), loss < best);
    best = std::min(best, loss);
  }
}

TEST(Console, ATerminalHasABarThatLeavesNoTrace) {
  std::ostringstream out;
  auto ts = small_training();
  auto train = training_batches();
  struct Slow {  // so that bars are due
    void on_step(Event& e) const { e.seconds = static_cast<double>(e.ts.step); }
  };
  fit(ts, kLoss, train,
      {.epochs = 1,
       .callbacks = {
           Slow{}, Console(out, {.terminal = true, .color = false, .utf8 = false, .width = 60})}});
  const auto text = out.str();
  EXPECT_THAT(text, ::testing::StartsWith("\repoch 1/1 [==>  "));
  EXPECT_THAT(text, ::testing::HasSubstr("] 7/7, loss "));
  // Blanks over the bar before the epoch's line.
  EXPECT_THAT(text, ::testing::HasSubstr(" \repoch       loss"));
}

TEST(Console, LongEpochsHaveLinesElsewhere) {
  std::ostringstream out;
  auto ts = small_training();
  auto train = training_batches();
  struct Slow {
    void on_step(Event& e) const { e.seconds = static_cast<double>(e.ts.step); }
  };
  fit(ts, kLoss, train,
      {.epochs = 1, .callbacks = {Slow{}, Console(out, {.seconds = 3, .utf8 = false})}});
  const auto all = lines(out);
  ASSERT_EQ(all.size(), 5U) << out.str();
  EXPECT_THAT(all[0], ::testing::StartsWith("epoch 1/1, batch 3/7, loss "));
  EXPECT_THAT(all[1], ::testing::StartsWith("epoch 1/1, batch 6/7, loss "));
}

TEST(Console, SaysWhichErrorEndedTheRunAndThatNoEpochHasTheMetric) {
  std::ostringstream out;
  auto ts = small_training();
  auto train = training_batches();
  struct Broken {
    void on_epoch(const Event&) const { throw std::runtime_error("no luck"); }
  };
  EXPECT_THROW(fit(ts, kLoss, train,
                   {.epochs = 3,
                    .callbacks = {Console(out, {.monitor = "accuracy", .utf8 = false}), Broken{}}}),
               ArgumentError);
  const auto all = lines(out);
  ASSERT_EQ(all.size(), 4U) << out.str();
  EXPECT_THAT(all[2], ::testing::StartsWith("ended by an error in epoch 1 of 3, at step 7: "));
  EXPECT_THAT(all[3], ::testing::EndsWith(", no epoch has accuracy"));
}

TEST(Console, RefusesOptionsOutOfRange) {
  EXPECT_THROW(Console({.seconds = NAN}), ArgumentError);
  EXPECT_THROW(Console({.width = -1}), ArgumentError);
}

}  // namespace
}  // namespace luxtorch
