// StopOnNaN, TimeLimit, GradientNorms and UpdateAverage.
#include "luxtorch/fit/watchers.h"

#include <gmock/gmock.h>

#include <cmath>

#include "fit/callback_cases.h"
#include "luxtorch/fit/update_average.h"
#include "luxtorch/train/freeze.h"
#include "support/error_text.h"

namespace luxtorch::testing {
namespace {

using ::testing::HasSubstr;

// An objective whose loss is NaN from some call on.
Objective failing_after(int64_t calls) {
  auto left = std::make_shared<int64_t>(calls);
  return Objective([left](const Tensor& y_hat, const Tensor& y) {
    const Tensor loss = MSELoss{}(y_hat, y);
    return (*left)-- > 0 ? loss : loss * std::nan("");
  });
}

TEST(StopOnNaN, MakesAStopOfALossThatIsNaN) {
  auto ts = normed_training(), same = normed_training();
  auto loader = normed_data(), same_data = normed_data();
  const auto history = fit(ts, failing_after(6), loader, {.epochs = 3, .callbacks = {StopOnNaN{}}});
  EXPECT_THAT(history.stop_reason, HasSubstr("StopOnNaN: [single_train_step_] at step 7: expected "
                                             "a finite loss, got nan."));
  EXPECT_EQ(history["loss"].tensor().size(0), 1);
  fit(same, MSELoss{}, same_data, {.epochs = 3, .callbacks = {StopAfter{6}}});
  expect_same_training(ts, same);
}

TEST(StopOnNaN, WithoutItTheErrorIsThrown) {
  auto ts = normed_training();
  auto loader = normed_data();
  EXPECT_THROW(fit(ts, failing_after(6), loader, {.epochs = 3}), NonFiniteError);
}

TEST(StopOnNaN, LeavesOtherErrorsAlone) {
  auto ts = normed_training();
  auto loader = normed_data();
  const Objective wrong([](const Tensor&, const Tensor&) -> Tensor {
    throw ArgumentError("wrong", "expected nothing.");
  });
  EXPECT_THROW(fit(ts, wrong, loader, {.callbacks = {StopOnNaN{}}}), ArgumentError);
}

// Poisons a parameter after a step.
struct Poison {
  int64_t step;
  void on_step(Event& event) const {
    if (event.ts.step != step) return;
    Tree ps = event.ts.parameters();
    event.ts.set_parameters_(ps.with("layer_3.bias", full({1}, INFINITY)));
  }
};

TEST(StopOnNaN, ReadsTheParametersAtEachSoManySteps) {
  auto ts = normed_training();
  auto loader = normed_data();
  const auto history = fit(ts, MSELoss{}, loader,
                           {.epochs = 3, .callbacks = {Poison{6}, StopOnNaN{.check_every = 3}}});
  EXPECT_EQ(history.stop_reason,
            "StopOnNaN: the parameter layer_3.bias is not finite after step 6.");
  EXPECT_EQ(ts.step, 6);
}

TEST(StopOnNaN, ReadsTheGradientsToo) {
  auto [ps, st] = setup(Rng(1), normed_model());
  TrainState ts(normed_model(), ps, st, Adam(0.02), {.check_finite = false});
  auto loader = normed_data();
  const auto history =
      fit(ts, failing_after(1), loader, {.callbacks = {StopOnNaN{.check_every = 2}}});
  EXPECT_EQ(history.stop_reason,
            "StopOnNaN: the gradient of layer_1.weight is not finite after step 2.");
}

// As on a GPU, where no step reads its loss.
TEST(StopOnNaN, StopsAfterAnEpochWhoseLossIsNotFinite) {
  auto [ps, st] = setup(Rng(1), normed_model());
  TrainState ts(normed_model(), ps, st, Adam(0.02), {.check_finite = false});
  auto loader = normed_data();
  const auto history = fit(ts, failing_after(6), loader, {.epochs = 9, .callbacks = {StopOnNaN{}}});
  EXPECT_EQ(history.stop_reason, "StopOnNaN: the mean loss of epoch 2 is not finite.");
  EXPECT_EQ(ts.step, 8);
}

TEST(TimeLimit, EndsAfterTheStepThatPassesIt) {
  auto ts = normed_training();
  auto loader = normed_data();
  std::chrono::steady_clock::time_point time{};
  const TimeLimit limit{.limit = std::chrono::minutes(1),
                        .now = [&time] { return time += std::chrono::seconds(9); }};
  const auto history = fit(ts, MSELoss{}, loader, {.epochs = 9, .callbacks = {limit}});
  EXPECT_EQ(ts.step, 7);  // after 63 s
  EXPECT_EQ(history.stop_reason, "TimeLimit: 63 s have passed, of 60.");
}

TEST(TimeLimit, RefusesALimitThatIsNone) {
  auto ts = normed_training();
  auto loader = normed_data();
  EXPECT_THAT(text_of([&] { fit(ts, MSELoss{}, loader, {.callbacks = {TimeLimit{}}}); }),
              HasSubstr("[TimeLimit] expected limit above 0 seconds, got 0."));
}

TEST(GradientNorms, AreThoseOfTheSteps) {
  for (bool by_parameter : {false, true}) {
    auto ts = normed_training(), by_hand = normed_training();
    auto loader = normed_data(), same = normed_data();
    GradientNorms norms{.every = 2, .by_parameter = by_parameter};
    Notes notes;
    fit(ts, MSELoss{}, loader, {.epochs = 2, .callbacks = {std::ref(norms), std::ref(notes)}});

    std::vector<double> total, of_first;
    for (int epoch = 0; epoch < 2; ++epoch)
      for (const Tree& batch : same) {
        const auto grads = single_train_step_(MSELoss{}, batch, by_hand).grads;
        if (by_hand.step % 2 != 0) continue;
        double all = 0, first = 0;
        tree::for_each(
            [&](const std::string& path, const Tree& leaf) {
              const double square = leaf.tensor().to(kFloat64).square().sum().item<double>();
              all += square;
              if (path.starts_with(by_parameter ? "layer_1.weight" : "layer_1.")) first += square;
            },
            grads);
        total.push_back(std::sqrt(all));
        of_first.push_back(std::sqrt(first));
      }
    const Tree table = norms.table();
    EXPECT_EQ(to_vector<int64_t>(table["step"].tensor()), Sizes({2, 4, 6, 8}));
    EXPECT_CLOSE(table["total"].tensor(), tensor(total, {.dtype = kFloat64}), kPlainFloat64);
    EXPECT_CLOSE(table["parts"].tensor().select(1, 0), tensor(of_first, {.dtype = kFloat64}),
                 kPlainFloat64);
    Strings names;
    for (const auto& name : table["names"].elements()) names.push_back(name.scalar<std::string>());
    EXPECT_EQ(names, by_parameter ? Strings({"layer_1.weight", "layer_1.bias", "layer_2.scale",
                                             "layer_2.bias", "layer_3.weight", "layer_3.bias"})
                                  : Strings({"layer_1", "layer_2", "layer_3"}));
    ASSERT_EQ(notes.all.size(), 2U);
    EXPECT_THAT(notes.all[1], ::testing::MatchesRegex("norm of the gradients from [0-9.e-]+ to "
                                                      "[0-9.e-]+ in steps 6 to 8, the largest part "
                                                      "at the end layer_.*"));
  }
}

TEST(GradientNorms, OfFrozenParametersAreNaN) {
  auto ts = freeze(normed_training(), "layer_2");
  auto loader = normed_data();
  GradientNorms norms{.every = 4};
  fit(ts, MSELoss{}, loader, {.callbacks = {std::ref(norms)}});
  const auto parts = to_vector<double>(norms.table()["parts"].tensor());
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_TRUE(std::isnan(parts[1]));
  EXPECT_NEAR(norms.progress.total[0], std::hypot(parts[0], parts[2]), 1e-12);
}

TEST(GradientNorms, TheLargestPartIsNoneWithoutAGradient) {
  auto ts = freeze(normed_training(), "layer_2");
  auto loader = normed_data();
  GradientNorms norms{.every = 4};
  Notes notes;
  const AfterStep enlarge{[&](const Event& event) {
    if (event.ts.step == 4) norms.progress.parts[0][0] += norms.progress.parts[0][2];
  }};
  fit(ts, MSELoss{}, loader, {.callbacks = {std::ref(norms), enlarge, std::ref(notes)}});
  EXPECT_TRUE(std::isnan(norms.progress.parts[0][1]));
  EXPECT_THAT(notes.all.at(0), ::testing::EndsWith("the largest part at the end layer_1"));
}

TEST(UpdateAverage, IsTheLoopByHand) {
  auto ts = normed_training(), by_hand = normed_training();
  auto loader = normed_data(), same = normed_data();
  Ema ema(0.9, ts), expected(0.9, by_hand);
  Swa swa(ts), expected_swa(by_hand);
  fit(ts, MSELoss{}, loader,
      {.epochs = 3,
       .callbacks = {UpdateAverage{&ema},
                     UpdateAverage{.average = &swa, .steps = 0, .epochs = 1, .after = 1}}});
  for (int epoch = 1; epoch <= 3; ++epoch) {
    for (const Tree& batch : same) {
      single_train_step_(MSELoss{}, batch, by_hand);
      expected.update_(by_hand);
    }
    if (epoch > 1) expected_swa.update_(by_hand);
  }
  EXPECT_SAME(ema.parameters(), expected.parameters());
  EXPECT_SAME(ema.states(), expected.states());
  EXPECT_SAME(swa.parameters(), expected_swa.parameters());
  EXPECT_EQ(swa.updates(), 2);
}

TEST(UpdateAverage, RefusesNoAverage) {
  auto ts = normed_training();
  auto loader = normed_data();
  EXPECT_THAT(
      text_of([&] { fit(ts, MSELoss{}, loader, {.callbacks = {UpdateAverage{}}}); }),
      HasSubstr("[UpdateAverage] expected an Ema or Swa, got nullptr: UpdateAverage{&ema}."));
}

}  // namespace
}  // namespace luxtorch::testing
