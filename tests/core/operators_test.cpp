#include "luxtorch/core/operators.h"

#include <gtest/gtest.h>

#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

const TensorOptions kAsBool{.dtype = kBool};

TEST(Operators, JoinTensorsElementwise) {
  auto a = tensor({1., 4.}), b = tensor({2., 2.});
  EXPECT_SAME(a + b, tensor({3., 6.}));
  EXPECT_SAME(a - b, tensor({-1., 2.}));
  EXPECT_SAME(a * b, tensor({2., 8.}));
  EXPECT_SAME(a / b, tensor({.5, 2.}));
  EXPECT_SAME(a < b, tensor({1, 0}, kAsBool));
  EXPECT_SAME(a > b, tensor({0, 1}, kAsBool));
  EXPECT_SAME(a <= a, tensor({1, 1}, kAsBool));
  EXPECT_SAME(a >= b, tensor({0, 1}, kAsBool));
  EXPECT_SAME(a == b, tensor({0, 0}, kAsBool));
  EXPECT_SAME(a != b, tensor({1, 1}, kAsBool));
  EXPECT_SAME((a < b) | (a > b), tensor({1, 1}, kAsBool));
  EXPECT_SAME((a < b) & (a > b), tensor({0, 0}, kAsBool));
  EXPECT_SAME(-a, tensor({-1., -4.}));
}

TEST(Operators, TakeANumberOnEitherSide) {
  auto a = tensor({1., 4.});
  EXPECT_SAME(a + 1, tensor({2., 5.}));
  EXPECT_SAME(1 + a, tensor({2., 5.}));
  EXPECT_SAME(a - 1, tensor({0., 3.}));
  EXPECT_SAME(1 - a, tensor({0., -3.}));
  EXPECT_SAME(2 * a * 0.5, a);
  EXPECT_SAME(a / 2, tensor({.5, 2.}));
  EXPECT_SAME(2 / a, tensor({2., .5}));
  EXPECT_SAME(a < 2, tensor({1, 0}, kAsBool));
  EXPECT_SAME(2 < a, tensor({0, 1}, kAsBool));
  EXPECT_SAME(2 > a, tensor({1, 0}, kAsBool));
  EXPECT_SAME(4 <= a, tensor({0, 1}, kAsBool));
  EXPECT_SAME(1 >= a, tensor({1, 0}, kAsBool));
  EXPECT_SAME(a == 4, tensor({0, 1}, kAsBool));
  EXPECT_SAME(4 == a, tensor({0, 1}, kAsBool));
  EXPECT_SAME(a != 4, tensor({1, 0}, kAsBool));
}

TEST(Operators, ANumberChangesNoDtype) {
  for (auto dtype : {kFloat32, kFloat64, Dtype::Half}) {
    auto a = ones({2}, {.dtype = dtype});
    for (const auto& y : {a + 1.5, 1.5 + a, 1.5 - a, a - 1.5, 1.5 * a, 1.5 / a, a / 1.5, 1 - a}) {
      EXPECT_EQ(y.scalar_type(), dtype);
    }
  }
  EXPECT_EQ((1 - tensor({1, 2})).scalar_type(), kInt64);
  EXPECT_EQ((1.5 - tensor({1, 2})).scalar_type(), kFloat32);
}

TEST(Operators, RecordTheirGradients) {
  auto x = tensor({2.}).set_requires_grad(true);
  (3 / x - 2 * x).sum().backward();
  EXPECT_CLOSE(x.grad(), tensor({-0.75 - 2}), 1e-7);
}

TEST(Operators, WorkFromAnotherNamespaceAndOnDerivedTypes) {
  struct Derived : Tensor {};
  Derived d{tensor({1., 2.})};
  EXPECT_SAME(d * d + 1, tensor({2., 5.}));
  EXPECT_SAME(1 - d, tensor({0., -1.}));
}

}  // namespace
}  // namespace luxtorch
