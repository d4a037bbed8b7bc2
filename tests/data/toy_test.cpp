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

}  // namespace
}  // namespace luxtorch::data
