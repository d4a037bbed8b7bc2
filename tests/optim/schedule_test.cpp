#include "luxtorch/optim/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <sstream>

#include "support/compare.h"

namespace luxtorch::schedule {
namespace {

using std::numbers::pi;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

template <class F>
void expect_formula(const Schedule& s, F formula, int64_t steps = 100) {
  for (int64_t t = 1; t <= steps; ++t) {
    double expected = formula(static_cast<double>(t));
    EXPECT_NEAR(s(t), expected, 1e-14 * (1 + std::abs(expected))) << s << " at " << t;
  }
}
void expect_values(const Schedule& s, const std::vector<double>& values) {
  for (size_t i = 0; i < values.size(); ++i)
    EXPECT_DOUBLE_EQ(s(static_cast<int64_t>(i) + 1), values[i]) << s << " at " << i + 1;
}

TEST(Schedule, DecaysFollowTheirFormulas) {
  expect_values(Constant(0.3), {0.3, 0.3, 0.3});
  expect_values(Step(8, 0.5, 2), {8, 8, 4, 4, 2, 2, 1});
  expect_values(Step(8, 0.5, {1, 3, 2}), {8, 4, 4, 4, 2, 2, 2, 2, 2});
  expect_values(Exp(8, 0.5), {8, 4, 2, 1});
  expect_values(Poly(8, 2, 4), {8, 4.5, 2, 0.5, 0, 0, 0});
  expect_values(Inv(8, 1, 1), {8, 4, 8. / 3, 2});
  expect_formula(Inv(0.3, 0.2, 1.7),
                 [](double t) { return 0.3 / std::pow(1 + (t - 1) * 0.2, 1.7); });
}

TEST(Schedule, WavesFollowTheirFormulas) {
  auto tri = [](double t) { return 2 / pi * std::abs(std::asin(std::sin(pi * (t - 1) / 8))); };
  auto sine = [](double t) { return std::abs(std::sin(pi * (t - 1) / 8)); };
  auto number = [](double t) { return std::floor((t - 1) / 8); };
  // asin loses half of the digits at the top of a wave, so that the formula is the less exact one.
  for (int64_t t = 1; t <= 100; ++t) {
    auto at = static_cast<double>(t);
    EXPECT_NEAR(Triangle(0.2, 1.2, 8)(t), tri(at) + 0.2, 1e-7);
    EXPECT_NEAR(TriangleDecay2(1.2, 0.2, 8)(t), tri(at) / std::exp2(number(at)) + 0.2, 1e-7);
    EXPECT_NEAR(TriangleExp(0.2, 1.2, 8, 0.9)(t), tri(at) * std::pow(0.9, at - 1) + 0.2, 1e-7);
  }
  expect_values(Triangle(0, 1, 8), {0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0, 0.25});
  expect_values(Triangle(0, 1, 3), {0, 1 - 1. / 3, 1 - 1. / 3, 0});
  expect_formula(Sin(0.2, 1.2, 8), [&](double t) { return sine(t) + 0.2; });
  expect_formula(SinDecay2(1.2, 0.2, 8),
                 [&](double t) { return sine(t) / std::exp2(number(t)) + 0.2; });
  expect_formula(SinExp(0.2, 1.2, 8, 0.9),
                 [&](double t) { return sine(t) * std::pow(0.9, t - 1) + 0.2; });
}

TEST(Schedule, CosAnnealGoesFromTheLargerToTheSmallerAndBeginsAgain) {
  for (auto s : {CosAnneal(0.2, 1.2, 10), CosAnneal(1.2, 0.2, 10)}) {
    expect_formula(
        s, [](double t) { return (1 + std::cos(pi * std::fmod(t - 1, 10) / 10)) / 2 + 0.2; });
  }
  expect_formula(CosAnneal(1.2, 0.2, 10, {.restart = false}),
                 [](double t) { return (1 + std::cos(pi * (t - 1) / 10)) / 2 + 0.2; });
  EXPECT_DOUBLE_EQ(CosAnneal(1.2, 0.2, 10, {.restart = false})(11), 0.2);
  EXPECT_DOUBLE_EQ(CosAnneal(1.2, 0.2, 10)(11), 1.2);
}

TEST(Schedule, OneCycleGoesUpAndDownInHalfCosines) {
  OneCycle s(10, 1, {.startval = 0.2, .endval = 0.1});  // ceil(2.5) = 3 steps up, 7 down
  expect_formula(
      s,
      [](double t) {
        return t <= 3 ? 1 - 0.8 * (1 + std::cos(pi * (t - 1) / 3)) / 2
                      : 0.1 + 0.9 * (1 + std::cos(pi * (t - 4) / 7)) / 2;
      },
      10);
  EXPECT_DOUBLE_EQ(s(1), 0.2);
  EXPECT_DOUBLE_EQ(s(4), 1);
  expect_formula(Shifted(s, 11), [](double) { return 0.1; }, 30);
  EXPECT_NEAR(OneCycle(100, 5)(1), 5. / 25, 1e-14);
  EXPECT_DOUBLE_EQ(OneCycle(100, 5)(101), 5. / 1e5);
  EXPECT_DOUBLE_EQ(OneCycle(4, 1, {.percent_start = 0})(1), 1);
  EXPECT_DOUBLE_EQ(OneCycle(4, 1, {.percent_start = 1})(5), 1e-5);
}

TEST(Schedule, ASequenceGivesEachStageItsOwnClockAndTheLastNoEnd) {
  expect_values(Sequence({{Exp(8, 0.5), 2}, {0.3, 1}, {Exp(1, 0.5), 2}}),
                {8, 4, 0.3, 1, 0.5, 0.25, 0.125});
  expect_values(Sequence({{7, 2}, {Exp(8, 0.5)}}), {7, 7, 8, 4, 2, 1});
  expect_values(Sequence({{Exp(8, 0.5)}}), {8, 4, 2});
}

TEST(Schedule, WarmupReachesTheFirstValueAndThenTheScheduleBegins) {
  expect_values(Warmup(4, Exp(8, 0.5)), {2, 4, 6, 8, 8, 4, 2});
  expect_values(Warmup(0, Exp(8, 0.5)), {8, 4, 2});
  expect_values(Ramp(1, 5, 4), {2, 3, 4, 5, 5, 5});
  auto lr = Warmup(100, CosAnneal(1e-2, 1e-4, 1900, {.restart = false}));
  EXPECT_DOUBLE_EQ(lr(1), 1e-4);
  EXPECT_DOUBLE_EQ(lr(100), 1e-2);
  EXPECT_DOUBLE_EQ(lr(101), 1e-2);
  EXPECT_DOUBLE_EQ(lr(2001), 1e-4);
}

// Steps up to the largest number that there is, and none beyond it.
TEST(Schedule, StepsDoNotOverflow) {
  constexpr int64_t last = std::numeric_limits<int64_t>::max();
  Schedule step([](int64_t t) { return static_cast<double>(t); });
  EXPECT_DOUBLE_EQ(Shifted(step, last)(1), static_cast<double>(last));
  EXPECT_THROW(Shifted(step, last)(2), ArgumentError);
  EXPECT_THROW(Shifted(step, 2)(last), ArgumentError);
  EXPECT_THROW(Interpolator(step, 1e-3)(last), ArgumentError);
  EXPECT_THROW(Interpolator(step, 1e-300)(1), ArgumentError);
  EXPECT_DOUBLE_EQ(OneCycle(last, 1, {.startval = 0.5, .percent_start = 1})(1), 0.5);
  EXPECT_DOUBLE_EQ(CosAnneal(1, 0, last, {.restart = false})(1), 1);
  EXPECT_NEAR(CosAnneal(1, 0, last, {.restart = false})(last), 0, 1e-12);
  EXPECT_NEAR(Triangle(0, 1, last)(last), 0, 1e-12);
  EXPECT_DOUBLE_EQ(Ramp(0, 1, last)(last), 1);
  EXPECT_DOUBLE_EQ(Shortened(step, last)(last), static_cast<double>(last));
  EXPECT_DOUBLE_EQ(Sequence({{step, last}, {step, last}})(last), static_cast<double>(last));
}

TEST(Schedule, SchedulesOfSchedules) {
  Exp s(8, 0.5);
  expect_values(Loop(s, 3), {8, 4, 2, 8, 4, 2, 8});
  expect_values(Interpolator(s, 2), {8, 8, 4, 4, 2});
  expect_values(Interpolator(s, 0.5), {4, 1});
  expect_values(Shifted(s, 3), {2, 1, 0.5});
  expect_values(Shifted(s, 1), {8, 4});
  expect_values(Shortened(s, 2), {8, 4, 4, 4});
  expect_values(ComposedSchedule([](auto p) { return Exp(p[0], p[1]); }, {Step(8, 2, 2), 0.5}),
                {8, 4, 4, 2});
  expect_values(Loop([](int64_t t) { return static_cast<double>(t); }, 2), {1, 2, 1});
}

TEST(Schedule, StatefulCountsForItself) {
  Stateful s(Exp(8, 0.5));
  EXPECT_EQ(s.next_(), 8);
  EXPECT_EQ(s.next_(), 4);
  EXPECT_EQ(s.step(), 3);
  s.reset_();
  EXPECT_EQ(s.next_(), 8);
  s.reset_(3);
  EXPECT_EQ(s.next_(), 2);
}

TEST(Schedule, FarStepsKeepTheirDigits) {
  const int64_t far = 1'000'000'007;
  EXPECT_DOUBLE_EQ(Triangle(0, 1, 8)(far + 1), 0.25);  // far = 7 mod 8
  EXPECT_DOUBLE_EQ(Sin(0, 1, 8)(far + 1), std::sin(pi * 7 / 8));
  EXPECT_DOUBLE_EQ(CosAnneal(0, 1, 8, {.restart = false})(far + 1), (1 + std::cos(pi * 7 / 8)) / 2);
}

TEST(Schedule, PrintsItself) {
  std::ostringstream out;
  out << Warmup(100, CosAnneal(0.01, 0, 1900, {.restart = false})) << "; "
      << Sequence({{0.1, 5}, {Step(0.1, 0.5, {1, 2})}}) << "; "
      << Interpolator(Loop(Exp(1, 0.5), 3), 2.5) << "; " << OneCycle(10, 0.5) << "; "
      << ComposedSchedule([](auto p) { return Constant(p[0]); }, {0.5, Exp(1, 0.5)}) << "; "
      << Schedule([](int64_t) { return 1.0; });
  EXPECT_EQ(out.str(),
            "Warmup(100, CosAnneal(0.01, 0, 1900, restart = false)); Sequence(0.1 for 5, Step(0.1, "
            "0.5, (1, 2))); Interpolator(Loop(Exp(1, 0.5), 3), 2.5); OneCycle(10, 0.5, startval = "
            "0.02, endval = 5e-06, percent_start = 0.25); ComposedSchedule(0.5, Exp(1, 0.5)); "
            "Function");
}

TEST(Schedule, RefusesBadArguments) {
  EXPECT_ERROR(ArgumentError, Step(0.1, 0.5, 0),
               "[Step] expected a step size of at least 1, got 0.");
  EXPECT_ERROR(ArgumentError, Exp(kNaN, 0.5), "[Exp] expected finite numbers, got nan.");
  EXPECT_ERROR(ArgumentError, CosAnneal(1, 0, -3),
               "[CosAnneal] expected a period of at least 1, got -3.");
  EXPECT_ERROR(ArgumentError, Exp(0.1, 0.5)(0),
               "[Exp(0.1, 0.5)] expected a step of at least 1, got 0.");
  EXPECT_THROW(Step(0.1, 0.5, std::vector<int64_t>{}), ArgumentError);
  EXPECT_THROW(Step(0.1, 0.5, {2, 0}), ArgumentError);
  EXPECT_THROW(Poly(1, 0, 3), ArgumentError);
  EXPECT_THROW(Poly(1, 1, 0), ArgumentError);
  EXPECT_THROW(Inv(1, -1, 1), ArgumentError);
  EXPECT_THROW(Triangle(0, 1, 0), ArgumentError);
  EXPECT_THROW(SinExp(0, 1, 2, kNaN), ArgumentError);
  EXPECT_THROW(OneCycle(0, 1), ArgumentError);
  EXPECT_THROW(OneCycle(5, 1, {.percent_start = 1.5}), ArgumentError);
  EXPECT_THROW(Ramp(0, 1, 0), ArgumentError);
  EXPECT_THROW(Sequence(std::vector<Stage>{}), ArgumentError);
  EXPECT_THROW(Sequence({{0.1, 0}, {0.2}}), ArgumentError);
  EXPECT_THROW(Warmup(-1, Exp(1, 0.5)), ArgumentError);
  EXPECT_THROW(Loop(Exp(1, 0.5), 0), ArgumentError);
  EXPECT_THROW(Interpolator(Exp(1, 0.5), 0), ArgumentError);
  EXPECT_THROW(Shifted(Exp(1, 0.5), 0), ArgumentError);
  EXPECT_THROW(Shortened(Exp(1, 0.5), 0), ArgumentError);
  EXPECT_THROW(Constant{kNaN}, ArgumentError);
  EXPECT_THROW(ComposedSchedule(nullptr, {}), ArgumentError);
}

}  // namespace
}  // namespace luxtorch::schedule
