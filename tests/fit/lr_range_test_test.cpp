// The learning rate range test.
#include "luxtorch/fit/lr_range_test.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "fit/callback_cases.h"
#include "luxtorch/optim/scheduler.h"
#include "support/error_text.h"

namespace luxtorch::testing {
namespace {

using ::testing::HasSubstr;

const LrRangeTestOptions kShort{.from = 1e-4, .to = 1, .steps = 30, .smoothing = 0.8};

TEST(LrRangeTest, IsATrainingWithGrowingRates) {
  auto ts = normed_training();
  const auto loader = normed_data();
  const auto test = lr_range_test(ts, MSELoss{}, loader, kShort);
  auto by_hand = normed_training();
  std::vector<double> losses;
  double mean = 0, weight = 0;
  for (uint64_t epoch = 0; epoch < 8 && losses.size() < test.lrs.size(); ++epoch)
    for (const Tree& batch : loader.batches(epoch)) {
      if (losses.size() == test.lrs.size()) break;
      const double rate = 1e-4 * std::pow(1e4, static_cast<double>(losses.size()) / 29);
      EXPECT_NEAR(test.lrs[losses.size()], rate, 1e-12);
      adjust_(by_hand, {.lr = test.lrs[losses.size()]});
      losses.push_back(single_train_step_(MSELoss{}, batch, by_hand).loss.item<double>());
      mean = 0.8 * mean + 0.2 * losses.back();
      weight = 0.8 * weight + 0.2;
      EXPECT_NEAR(test.smoothed[losses.size() - 1], mean / weight, 1e-12);
    }
  EXPECT_EQ(test.losses, losses);
}

TEST(LrRangeTest, ChangesNeitherTheTrainStateNorTheLoader) {
  auto ts = normed_training(), fresh = normed_training();
  auto loader = normed_data();
  lr_range_test(ts, MSELoss{}, loader, kShort);
  expect_same_training(ts, fresh);
  EXPECT_SAME(loader.position(), normed_data().position());
}

// Two parabolas in turn, (w - 2)^2 and (w - 4)^2, by gradient descent: it diverges near lr = 1.
TEST(LrRangeTest, SuggestsWhereTheLossFallsMostSteeplyAndEndsWhereItDiverges) {
  const Chain model(Dense(1, 1, {.use_bias = false}));
  const TrainState ts(model, named({{"layer_1", named({{"weight", zeros({1, 1})}})}}),
                      setup(Rng(0), model).second, Descent(0.1));
  const data::DataLoader loader(tuple({ones({4, 1}), tensor({2., 2., 4., 4.}).unsqueeze(1)}),
                                {.batch_size = 2});
  const auto test =
      lr_range_test(ts, MSELoss{}, loader, {.from = 1e-3, .to = 100, .smoothing = 0.5});
  EXPECT_TRUE(test.diverged);
  ASSERT_LT(test.lrs.size(), 100U);
  EXPECT_GT(test.lrs.back(), 0.5);
  const auto& y = test.smoothed;
  const auto least = std::min_element(y.begin(), y.end()) - y.begin();
  EXPECT_GT(y.back(), 4 * y[static_cast<size_t>(least)]);
  size_t steepest = y.size() / 10;
  for (size_t i = steepest; i < static_cast<size_t>(least); ++i)
    if (y[i + 1] - y[i - 1] < y[steepest + 1] - y[steepest - 1]) steepest = i;
  ASSERT_TRUE(test.suggestion);
  EXPECT_EQ(*test.suggestion, test.lrs[steepest]);
}

TEST(LrRangeTest, EndsAtALossThatIsNotFinite) {
  const auto ts = normed_training();
  auto left = std::make_shared<int>(5);
  const auto test = lr_range_test(
      ts,
      [left](const Tensor& y_hat, const Tensor& y) {
        const Tensor loss = MSELoss{}(y_hat, y);
        return --*left < 0 ? loss / 0 : loss;
      },
      normed_data(), kShort);
  EXPECT_TRUE(test.diverged);
  EXPECT_EQ(test.losses.size(), 5U);
}

TEST(LrRangeTest, WithoutADescentSuggestsNothing) {
  const auto test = lr_range_test(
      normed_training(), [](const Tensor& y_hat, const Tensor&) { return y_hat.mean() * 0 + 1; },
      normed_data(), kShort);
  EXPECT_FALSE(test.suggestion);
  std::ostringstream out;
  out << test;
  EXPECT_THAT(out.str(), HasSubstr("no suggestion: the loss does not fall anywhere\n"));
}

TEST(LrRangeTest, PrintsACurve) {
  std::ostringstream out;
  out << lr_range_test(normed_training(), MSELoss{}, normed_data(), kShort);
  EXPECT_THAT(out.str(), ::testing::StartsWith("smoothed loss"));
  EXPECT_THAT(out.str(), HasSubstr("learning rate\nsuggestion: "));
  EXPECT_EQ(std::ranges::count(out.str(), '\n'), 17);
}

TEST(LrRangeTest, RefusesWhatItCannotVary) {
  const auto loader = normed_data();
  auto refused = [&](const TrainState& ts, const LrRangeTestOptions& options) {
    return text_of([&] { lr_range_test(ts, MSELoss{}, loader, options); });
  };
  EXPECT_EQ(refused(normed_training(), {.from = 0}),
            "[lr_range_test] expected from finite and above 0, got 0.");
  EXPECT_EQ(refused(normed_training(), {.from = 1, .to = 1}),
            "[lr_range_test] expected to finite and above `from`, got 1.");
  EXPECT_EQ(refused(normed_training(), {.steps = 2}),
            "[lr_range_test] expected steps of at least 3, got 2.");
  EXPECT_THAT(refused(normed_training(Scheduler(Adam(), schedule::Exp(1e-2, 0.9))), {}),
              HasSubstr("It follows a schedule"));
}

TEST(LearningRateFinder, SetsTheRateOfTheRun) {
  auto ts = normed_training(), by_hand = normed_training();
  auto loader = normed_data(), same = normed_data();
  LearningRateFinder finder{.objective = MSELoss{}, .loader = &loader, .options = kShort};
  Notes notes;
  fit(ts, MSELoss{}, loader, {.epochs = 2, .callbacks = {std::ref(finder), std::ref(notes)}});
  ASSERT_TRUE(finder.test->suggestion);
  adjust_(by_hand, {.lr = *finder.test->suggestion});
  fit(by_hand, MSELoss{}, same, {.epochs = 2});
  expect_same_training(ts, by_hand);
  EXPECT_THAT(notes.all, ::testing::ElementsAre(HasSubstr("LearningRateFinder: learning rate ")));
}

TEST(LearningRateFinder, OnlySaysItWhereItIsTold) {
  auto ts = normed_training();
  auto loader = normed_data();
  Notes notes;
  fit(ts, MSELoss{}, loader,
      {.callbacks = {
           LearningRateFinder{
               .objective = MSELoss{}, .loader = &loader, .options = kShort, .apply = false},
           std::ref(notes)}});
  EXPECT_EQ(*learning_rate(ts), 0.02);
  EXPECT_THAT(notes.all, ::testing::ElementsAre(HasSubstr("LearningRateFinder: suggests ")));
}

}  // namespace
}  // namespace luxtorch::testing
