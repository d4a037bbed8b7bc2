// The helpers that other tests stand on can fail.
#include <cmath>

#include "luxtorch/core/ops.h"
#include "support/compare.h"
#include "support/finite_differences.h"

namespace luxtorch::testing {
namespace {

const TensorOptions kDouble{.dtype = kFloat64};

TEST(Support, RelativeDifferenceIsTheLargestDifferenceOverTheLargestExpectedValue) {
  EXPECT_DOUBLE_EQ(relative_difference(tensor({1, -4.5}), tensor({1.5, -4})), 0.125);
  EXPECT_EQ(relative_difference(tensor({1., 2.}), tensor({1., 2.})), 0);
  EXPECT_EQ(relative_difference(tensor({0.25}), tensor({0.0})), 0.25);
  EXPECT_EQ(relative_difference(zeros({0, 3}), zeros({0, 3})), 0);
}

TEST(Support, RelativeDifferenceIsInfiniteForOtherShapesAndForNaN) {
  EXPECT_TRUE(std::isinf(relative_difference(zeros({2, 3}), zeros({3, 2}))));
  EXPECT_TRUE(std::isinf(relative_difference(tensor({NAN, 1}), tensor({0.0, 1}))));
  EXPECT_TRUE(std::isinf(relative_difference(tensor({0.0, 1}), tensor({NAN, 1}))));
  EXPECT_TRUE(std::isinf(relative_difference(tensor({INFINITY, 1}), tensor({0.0, 1}))));
  EXPECT_TRUE(std::isinf(relative_difference(Tensor(), tensor({0.0}))));
  EXPECT_EQ(relative_difference(tensor({NAN, INFINITY}), tensor({NAN, INFINITY})), 0);
}

TEST(Support, CloseRefusesAnotherDtypeAndNamesTheWorstElement) {
  EXPECT_CLOSE(tensor({1, 2.00001}), tensor({1., 2.}), 1e-5);
  EXPECT_FALSE(close("a", "b", "", tensor({1.}), tensor({1}, kDouble), 1));
  auto result = close("a", "b", "", tensor({1, 2.5}), tensor({1., 2.}), 1e-5);
  ASSERT_FALSE(result);
  EXPECT_NE(std::string(result.message()).find("element 1 is 2.5 and 2"), std::string::npos)
      << result.message();
}

TEST(Support, TreesCloseNamesThePath) {
  auto a = named({{"w", tensor({1., 2.})}, {"n", 3}}), b = a.with("w", tensor({1., 3.}));
  EXPECT_TREES_CLOSE(a, a, 0);
  auto result = trees_close("a", "b", "", a, b, 1e-3);
  ASSERT_FALSE(result);
  EXPECT_NE(std::string(result.message()).find("at w: "), std::string::npos) << result.message();
  EXPECT_FALSE(trees_close("a", "b", "", a, a.with("n", 4), 1));
  EXPECT_FALSE(same("a", "b", a, b));
  EXPECT_SAME(a, a.with("w", tensor({1., 2.})));
}

TEST(Support, FiniteDifferencesOfACubeAreItsDerivative) {
  auto at = named({{"x", tensor({1, 2, -3}, kDouble)}, {"n", 7}});
  auto cube = [](const Tree& t) { return t["x"].tensor().pow(3).sum(); };
  EXPECT_TREES_CLOSE(finite_differences(cube, at), at.with("x", tensor({3, 12, 27}, kDouble)),
                     1e-8);
  EXPECT_TRUE(gradients_match(cube, at, at.with("x", tensor({3, 12, 27}, kDouble))));
}

TEST(Support, GradientsMatchFailsForAWrongElementAMissingGradientAndNaN) {
  auto at = named({{"x", tensor({1, 2, -3}, kDouble)}});
  auto cube = [](const Tree& t) { return t["x"].tensor().pow(3).sum(); };
  EXPECT_FALSE(gradients_match(cube, at, named({{"x", tensor({3, 12.001, 27}, kDouble)}})));
  EXPECT_FALSE(gradients_match(cube, at, named({{"x", Tree()}})));
  EXPECT_FALSE(gradients_match(cube, at, named({{"x", tensor({NAN, 12, 27}, kDouble)}})));
  EXPECT_FALSE(gradients_match(cube, at, named({{"x", tensor({3, 12}, kDouble)}})));
  EXPECT_TRUE(gradients_match([](const Tree& t) { return (t["x"].tensor() * 0).sum(); }, at,
                              named({{"x", Tree()}})));
}

}  // namespace
}  // namespace luxtorch::testing
