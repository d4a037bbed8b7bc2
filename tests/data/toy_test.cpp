#include "luxtorch/data/toy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/tree.h"

namespace luxtorch::data {
namespace {

// Twice the area that the path encloses with the lines from the origin to its ends, positive when
// it turns anticlockwise.
double signed_area(const Tensor& path) {
  auto p = path.to(kFloat64).contiguous();
  const auto* xy = p.const_data_ptr<double>();
  double area = 0;
  for (int64_t i = 0; i + 1 < p.size(0); ++i) {
    area += xy[2 * i] * xy[2 * i + 3] - xy[2 * i + 2] * xy[2 * i + 1];
  }
  return area;
}

TEST(Spiral, FollowsTheFormula) {
  auto [x, y] = make_spiral(Rng(0), 50, {.a = 2, .theta = 7, .b = 60, .noise = 0});
  ASSERT_EQ(x.sizes(), Shape({100, 2}));
  ASSERT_EQ(x.scalar_type(), kFloat64);
  for (int64_t i : {0, 1, 13, 49}) {
    double angle = static_cast<double>(i) * std::numbers::pi / 7,
           radius = 2 * (60.0 - static_cast<double>(i)) / 60;
    EXPECT_NEAR(x[i][0].item<double>(), radius * std::sin(angle), 1e-14);
    EXPECT_NEAR(x[i][1].item<double>(), radius * std::cos(angle), 1e-14);
    EXPECT_NEAR(x[50 + i][0].item<double>(), -radius * std::sin(angle), 1e-14);
    EXPECT_NEAR(x[50 + i][1].item<double>(), -radius * std::cos(angle), 1e-14);
  }
}

TEST(Spiral, HasMLUtilsDefaults) {
  auto [x, y] = make_spiral(Rng(0), 97, {.noise = 0});
  // Python: i = 10; r = 6.5 * (104 - i) / 104; r * sin(i * pi / 16), r * cos(i * pi / 16)
  EXPECT_NEAR(x[10][0].item<double>(), 5.427792253503809, 1e-13);
  EXPECT_NEAR(x[10][1].item<double>(), -2.248265165144902, 1e-13);
  EXPECT_EQ(x[0][0].item<double>(), 0);
  EXPECT_EQ(x[0][1].item<double>(), 6.5);
  EXPECT_EQ(x[97][1].item<double>(), -6.5);
  EXPECT_EQ(make_spiral(Rng(0)).first.sizes(), Shape({194, 2}));
}

TEST(Spiral, LabelsTheFirstArmOneAndTheSecondZero) {
  auto [x, y] = make_spiral(Rng(0), 5);
  EXPECT_TRUE(tree::equal(y, tensor(std::vector<int64_t>{1, 1, 1, 1, 1, 0, 0, 0, 0, 0})));
}

TEST(Spiral, BothArmsTurnClockwise) {
  auto [x, y] = make_spiral(Rng(0), 50, {.noise = 0});
  EXPECT_NEAR(signed_area(x.narrow(0, 0, 50)), -243.5, 0.05);
  EXPECT_NEAR(signed_area(x.narrow(0, 50, 50)), -243.5, 0.05);
}

TEST(Spiral, MirroredArmsTurnOppositeWays) {
  auto [x, y] = make_spiral(Rng(0), 50, {.noise = 0, .mirrored = true});
  EXPECT_NEAR(signed_area(x.narrow(0, 0, 50)), -243.5, 0.05);
  EXPECT_NEAR(signed_area(x.narrow(0, 50, 50)), 243.5, 0.05);
  EXPECT_TRUE(tree::equal(x.narrow(0, 50, 50).select(1, 1), x.narrow(0, 0, 50).select(1, 1)));
}

TEST(Spiral, HasNoiseOfItsOwnForEveryCoordinate) {
  auto clean = make_spiral(Rng(3), 5000, {.b = 1e9, .noise = 0}).first;
  auto noise = (make_spiral(Rng(3), 5000, {.b = 1e9, .noise = 0.25}).first - clean).flatten();
  // 20,000 values: the mean's standard error is 0.0018, that of the deviation 0.00125.
  EXPECT_NEAR(noise.mean().item<double>(), 0, 0.009);
  EXPECT_NEAR(noise.std().item<double>(), 0.25, 0.00625);
  auto n = noise.numel();
  auto neighbours = (noise.narrow(0, 0, n - 1) * noise.narrow(0, 1, n - 1)).mean().item<double>();
  EXPECT_NEAR(neighbours, 0, 0.0023);  // five standard errors of 0.0625 / sqrt(20,000)
}

TEST(Spiral, DependsOnItsRngAlone) {
  EXPECT_TRUE(tree::equal(make_spiral(Rng(7), 20).first, make_spiral(Rng(7), 20).first));
  EXPECT_FALSE(tree::equal(make_spiral(Rng(7), 20).first, make_spiral(Rng(8), 20).first));
}

TEST(Spiral, RefusesWhatMakesNoSpiral) {
  EXPECT_THROW(make_spiral(Rng(0), 0), ArgumentError);
  EXPECT_THROW(make_spiral(Rng(0), 5, {.theta = 0}), ArgumentError);
  EXPECT_THROW(make_spiral(Rng(0), 5, {.b = 0}), ArgumentError);
  EXPECT_THROW(make_spiral(Rng(0), 5, {.noise = -1}), ArgumentError);
  EXPECT_THROW(spirals(Rng(0), 0), ArgumentError);
  EXPECT_THROW(spirals(Rng(0), 5, 0), ArgumentError);
}

TEST(Spirals, AreHalfFirstArmsAndHalfSecondOnes) {
  auto [x, y] = spirals(Rng(1));
  ASSERT_EQ(x.sizes(), Shape({1000, 50, 2}));
  ASSERT_EQ(x.scalar_type(), kFloat32);
  ASSERT_EQ(y.sizes(), Shape({1000}));
  ASSERT_EQ(y.scalar_type(), kFloat32);
  EXPECT_TRUE(tree::equal(y, cat({zeros({500}), ones({500})})));
  for (int64_t i : {0, 499, 500, 999}) {
    auto both = make_spiral(Rng(1).fold_in(static_cast<uint64_t>(i)), 50).first.to(kFloat32);
    EXPECT_TRUE(tree::equal(x[i].contiguous(), both.narrow(0, i < 500 ? 0 : 50, 50).contiguous()))
        << i;
  }
}

TEST(Spirals, TurnTheSameWayUnlessMirrored) {
  auto turned = [](bool mirrored) {
    auto x = spirals(Rng(1), 20, 50, {.mirrored = mirrored}).first;
    std::pair<int, int> anticlockwise{0, 0};
    for (int64_t i = 0; i < 20; ++i)
      (i < 10 ? anticlockwise.first : anticlockwise.second) += signed_area(x[i]) > 0;
    return anticlockwise;
  };
  EXPECT_EQ(turned(false), (std::pair{0, 0}));
  EXPECT_EQ(turned(true), (std::pair{0, 10}));
}

TEST(Spirals, OfAnOddCountHaveOneSecondArmMore) {
  EXPECT_TRUE(tree::equal(spirals(Rng(0), 3, 4).second, tensor({0.0, 1.0, 1.0})));
}

TEST(Moons, AreTwoHalfCircles) {
  auto [x, y] = make_moons(Rng(0), 101);
  ASSERT_EQ(x.sizes(), Shape({101, 2}));
  ASSERT_EQ(x.scalar_type(), kFloat64);
  EXPECT_EQ(y.sum().item<int64_t>(), 51);
  EXPECT_EQ(y[49].item<int64_t>(), 0);
  for (int64_t i = 0; i < 101; ++i) {
    const double a = x[i][0].item<double>(), b = x[i][1].item<double>();
    const bool second = y[i].item<int64_t>() == 1;
    EXPECT_NEAR(second ? std::hypot(a - 1, b - 0.5) : std::hypot(a, b), 1, 1e-12) << i;
    EXPECT_TRUE(second ? b <= 0.5 : b >= 0) << i;
  }
  EXPECT_NEAR(x.narrow(0, 0, 50).select(1, 0).mean().item<double>(), 0, 0.4);
}

TEST(Moons, HaveNoiseOfTheirRngAlone) {
  const Tensor noise = make_moons(Rng(1), 5000, 0.25).first - make_moons(Rng(1), 5000).first;
  EXPECT_NEAR(noise.std().item<double>(), 0.25, 0.009);
  EXPECT_TRUE(tree::equal(make_moons(Rng(1), 9, 0.1).first, make_moons(Rng(1), 9, 0.1).first));
  EXPECT_THROW(make_moons(Rng(0), 0), ArgumentError);
  EXPECT_THROW(make_moons(Rng(0), 5, -1), ArgumentError);
}

TEST(Sine, IsTheSineWithNoise) {
  auto [x, y] = make_sin(Rng(0), 5, 1, 3, 0);
  EXPECT_TRUE(tree::equal(x, tensor({1., 1.5, 2., 2.5, 3.}, {.dtype = kFloat64})));
  EXPECT_TRUE(tree::equal(y, x.sin()));
  auto [all, noisy] = make_sin(Rng(0), 5000);
  EXPECT_NEAR((noisy - all.sin()).std().item<double>(), 0.3, 0.015);
  EXPECT_THROW(make_sin(Rng(0), 0), ArgumentError);
  EXPECT_THROW(make_sin(Rng(0), 5, 0, 1, std::nan("")), ArgumentError);
}

TEST(Polynomial, HasItsHighestPowerFirst) {
  const Tensor x = tensor({0., 1., -2.});
  EXPECT_TRUE(
      tree::equal(make_poly(Rng(0), {2, -1, 3}, x, 0), tensor({3., 4., 13.}, {.dtype = kFloat64})));
  EXPECT_NEAR(make_poly(Rng(0), {0}, zeros({5000})).std().item<double>(), 0.1, 0.005);
  EXPECT_THROW(make_poly(Rng(0), {}, x), ArgumentError);
  EXPECT_THROW(make_poly(Rng(0), {1}, arange(3)), ShapeError);
}

}  // namespace
}  // namespace luxtorch::data
