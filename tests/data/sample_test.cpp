#include "luxtorch/data/sample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch::data {
namespace {

using ::testing::ElementsAre;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// How often each of n positions is drawn in `draws` draws of one row.
std::vector<double> counts(const std::vector<float>& logits, SampleOptions options,
                           int64_t draws = 100'000, uint64_t seed = 0) {
  Sampler sampler(options);
  std::vector<double> all(logits.size(), 0);
  for (int64_t i = 0; i < draws; ++i)
    ++all[static_cast<size_t>(sampler(Rng(seed), logits, static_cast<uint64_t>(i)))];
  return all;
}

// Pearson's statistic of counts against probabilities.
double chi_square(const std::vector<double>& counted, const std::vector<double>& probabilities) {
  double n = 0, sum = 0;
  for (double c : counted) n += c;
  for (size_t i = 0; i < counted.size(); ++i) {
    double expected = n * probabilities[i];
    if (expected > 0) sum += (counted[i] - expected) * (counted[i] - expected) / expected;
    if (expected == 0) {
      EXPECT_EQ(counted[i], 0) << i;
    }
  }
  return sum;
}

std::vector<double> softmax(std::vector<double> x, double temperature) {
  double sum = 0;
  for (double& v : x) sum += v = std::exp(v / temperature);
  for (double& v : x) v /= sum;
  return x;
}

std::set<int64_t> drawn(const std::vector<float>& logits, SampleOptions options) {
  auto all = counts(logits, options, 5000);
  std::set<int64_t> positions;
  for (size_t i = 0; i < all.size(); ++i)
    if (all[i] > 0) positions.insert(static_cast<int64_t>(i));
  return positions;
}

TEST(Sampler, FrequenciesFollowTheSoftmaxAtEveryTemperature) {
  const std::vector<double> logits{0.3, -1, 2, 0, 1.5, -4};
  for (double temperature : {0.5, 1.0, 2.0}) {
    auto counted = counts({0.3f, -1, 2, 0, 1.5f, -4}, {.temperature = temperature});
    // 99.9 % of the chi-square distribution with 5 degrees of freedom.
    EXPECT_LT(chi_square(counted, softmax(logits, temperature)), 20.5) << temperature;
    EXPECT_GT(chi_square(counted, softmax(logits, temperature * 1.1)), 100) << temperature;
  }
}

TEST(Sampler, FrequenciesWithinTheTopFollowTheirShare) {
  const std::vector<float> logits{std::log(0.1f), std::log(0.4f), std::log(0.2f), std::log(0.3f)};
  // 99.9 % of chi-square with 2 and 1 degrees of freedom.
  EXPECT_LT(chi_square(counts(logits, {.top_k = 3}), {0, 4. / 9, 2. / 9, 3. / 9}), 13.8);
  EXPECT_LT(chi_square(counts(logits, {.top_p = 0.65}), {0, 4. / 7, 0, 3. / 7}), 10.8);
  EXPECT_LT(chi_square(counts(logits, {.top_k = 3, .top_p = 0.7}), {0, 4. / 7, 0, 3. / 7}), 10.8);
}

TEST(Sampler, TakesTheUniformOfItsKeyAndNumber) {
  // With equal weights of 1000 positions the draw is floor(1000 u).
  std::vector<float> flat(1000, 0.5f);
  auto u = random::uniform(Rng(3), {50}, 0, 1, kFloat64);
  Sampler sampler;
  for (int64_t i = 0; i < 50; ++i) {
    EXPECT_EQ(sampler(Rng(3), flat, static_cast<uint64_t>(i)),
              static_cast<int64_t>(u.const_data_ptr<double>()[i] * 1000));
  }
}

TEST(Sampler, OnlyTheTopKAreDrawnAndOfEqualOnesTheFirst) {
  EXPECT_EQ(drawn({1, 3, 2, 0}, {.top_k = 2}), (std::set<int64_t>{1, 2}));
  EXPECT_EQ(drawn({1, 1, 1, 1}, {.top_k = 2}), (std::set<int64_t>{0, 1}));
  EXPECT_EQ(drawn({1, 3, 2, 0}, {.top_k = 1}), (std::set<int64_t>{1}));
  EXPECT_EQ(drawn({1, 3, 2, 0}, {.top_k = 9}), (std::set<int64_t>{0, 1, 2, 3}));
}

TEST(Sampler, OnlyTheNucleusIsDrawn) {
  const std::vector<float> logits{std::log(0.1f), std::log(0.4f), std::log(0.2f), std::log(0.3f)};
  EXPECT_EQ(drawn(logits, {.top_p = 0.39}), (std::set<int64_t>{1}));
  EXPECT_EQ(drawn(logits, {.top_p = 0.41}), (std::set<int64_t>{1, 3}));  // the one that crosses it
  EXPECT_EQ(drawn(logits, {.top_p = 0.89}), (std::set<int64_t>{1, 2, 3}));
  EXPECT_EQ(drawn(logits, {.top_p = 1}), (std::set<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(drawn(logits, {.top_p = 1e-300}), (std::set<int64_t>{1}));
  // Top-k first: of 0.4 and 0.3 the first has 4/7 = 0.571 of the probability.
  EXPECT_EQ(drawn(logits, {.top_k = 2, .top_p = 0.57}), (std::set<int64_t>{1}));
  EXPECT_EQ(drawn(logits, {.top_k = 2, .top_p = 0.58}), (std::set<int64_t>{1, 3}));
}

TEST(Sampler, MinusInfinityIsNeverDrawn) {
  EXPECT_EQ(drawn({-kInfinity, 0, -kInfinity, 0}, {}), (std::set<int64_t>{1, 3}));
  EXPECT_EQ(drawn({-kInfinity, 0, -kInfinity, 0}, {.top_k = 4, .top_p = 0.999}),
            (std::set<int64_t>{1, 3}));
  EXPECT_EQ(drawn({-kInfinity, -kInfinity, -5}, {.temperature = 100}), (std::set<int64_t>{2}));
}

TEST(Sampler, TemperatureZeroIsTheLargestAndTheFirstOfSeveral) {
  EXPECT_EQ(drawn({1, 3, 3, 0}, {.temperature = 0}), (std::set<int64_t>{1}));
  EXPECT_EQ(drawn({-kInfinity, -2}, {.temperature = 0}), (std::set<int64_t>{1}));
}

TEST(Sampler, ExtremeLogitsAndTemperaturesAreFine) {
  const float huge = std::numeric_limits<float>::max();
  EXPECT_EQ(drawn({huge, -huge, huge}, {}), (std::set<int64_t>{0, 2}));
  EXPECT_EQ(drawn({0, 1, -1}, {.temperature = 1e-300}), (std::set<int64_t>{1}));
  EXPECT_EQ(drawn({0, 50, -50}, {.temperature = 1e300}).size(), 3u);
  EXPECT_EQ(drawn({2}, {}), (std::set<int64_t>{0}));
}

TEST(Sampler, RefusesOptionsOutOfRange) {
  EXPECT_ERROR(ArgumentError, Sampler({.temperature = -0.5}),
               "[data::sample_logits] expected a temperature finite and at least 0, got -0.5.");
  EXPECT_THROW(Sampler({.temperature = kNaN}), ArgumentError);
  EXPECT_THROW(Sampler({.temperature = kInfinity}), ArgumentError);
  EXPECT_ERROR(ArgumentError, Sampler({.top_k = 0}),
               "[data::sample_logits] expected a top_k of at least 1, got 0.");
  EXPECT_ERROR(ArgumentError, Sampler({.top_p = 0}),
               "[data::sample_logits] expected a top_p above 0 and at most 1, got 0.");
  EXPECT_THROW(Sampler({.top_p = 1.1}), ArgumentError);
  EXPECT_THROW(Sampler({.top_p = kNaN}), ArgumentError);
}

TEST(Sampler, RefusesLogitsThatCannotBe) {
  for (double temperature : {0.0, 1.0}) {
    Sampler s({.temperature = temperature});
    auto draw = [&](const std::vector<float>& logits) { return s(Rng(0), logits); };
    EXPECT_ERROR(ArgumentError, draw({0, kNaN}),
                 "[data::sample_logits] expected logits below infinity, got nan at position 1. Has "
                 "the training diverged?");
    EXPECT_THROW(draw({kNaN}), ArgumentError);
    EXPECT_ERROR(ArgumentError, draw({0, kInfinity}),
                 "[data::sample_logits] expected logits below infinity, got inf at position 1. Has "
                 "the training diverged?");
    EXPECT_ERROR(ArgumentError, draw({-kInfinity, -kInfinity}),
                 "[data::sample_logits] expected a logit above minus infinity, got none.");
    EXPECT_ERROR(ArgumentError, draw({}),
                 "[data::sample_logits] expected at least one logit, got none.");
  }
}

TEST(SampleLogits, DrawsEachRowAndAsTheSamplerDoes) {
  auto logits = random::normal(Rng(1), {4, 5, 7});
  for (SampleOptions options : {SampleOptions{}, SampleOptions{.temperature = 0.7, .top_k = 3}}) {
    auto all = sample_logits(Rng(2), logits, options);
    EXPECT_EQ(all.sizes(), Shape({4, 5}));
    EXPECT_EQ(all.scalar_type(), kInt64);
    Sampler sampler(options);
    const auto* p = logits.const_data_ptr<float>();
    for (uint64_t i = 0; i < 20; ++i)
      EXPECT_EQ(all.const_data_ptr<int64_t>()[i], sampler(Rng(2), std::span(p + 7 * i, 7), i));
    EXPECT_SAME(sample_logits(Rng(2), logits.narrow(0, 0, 2), options), all.narrow(0, 0, 2));
  }
  EXPECT_EQ(sample_logits(Rng(0), zeros({3})).dim(), 0);
  EXPECT_SAME(sample_logits(Rng(0), tensor({1, 9, 2}, {.dtype = kFloat64}), {.temperature = 0}),
              full({}, 1, {.dtype = kInt64}));
  EXPECT_EQ(sample_logits(Rng(0), zeros({0, 3})).sizes(), Shape({0}));
}

TEST(SampleLogits, NamesTheRowThatCannotBeDrawn) {
  auto logits = cat({zeros({2, 3}), full({1, 3}, kNaN)});
  EXPECT_ERROR(
      ArgumentError, sample_logits(Rng(0), logits),
      "[data::sample_logits] at row 2: expected logits below infinity, got nan at position "
      "0. Has the training diverged?");
  EXPECT_THROW(sample_logits(Rng(0), zeros({})), ShapeError);
  EXPECT_THROW(sample_logits(Rng(0), arange(3)), ShapeError);
  EXPECT_THROW(sample_logits(Rng(0), zeros({2, 0})), ArgumentError);
}

TEST(Wsample, FrequenciesFollowTheWeights) {
  auto draws = wsample(Rng(0), tensor({2., 0., 1., 5.}).expand({100'000, 4}));
  std::vector<double> counted(4, 0);
  for (int64_t i = 0; i < draws.numel(); ++i)
    ++counted[static_cast<size_t>(draws.const_data_ptr<int64_t>()[i])];
  EXPECT_LT(chi_square(counted, {0.25, 0, 0.125, 0.625}), 13.8);
  const std::vector<double> weights{2, 0, 1, 5};
  EXPECT_EQ(wsample(Rng(0), weights, 17), draws.const_data_ptr<int64_t>()[17]);
}

TEST(Wsample, RefusesWeightsThatCannotBe) {
  EXPECT_ERROR(
      ArgumentError, wsample(Rng(0), tensor({1., -0.5})),
      "[data::wsample] expected weights finite and at least 0, got -0.5 at position 1. For "
      "logits there is sample_logits.");
  EXPECT_ERROR(ArgumentError, wsample(Rng(0), zeros({2, 3})),
               "[data::wsample] at row 0: expected weights with a sum above 0, got 3 with the sum "
               "0.");
  EXPECT_THROW(wsample(Rng(0), tensor({1., kNaN})), ArgumentError);
  EXPECT_THROW(wsample(Rng(0), tensor({1., kInfinity})), ArgumentError);
  EXPECT_THROW(wsample(Rng(0), zeros({0})), ArgumentError);
}

}  // namespace
}  // namespace luxtorch::data
