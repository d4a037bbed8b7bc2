#include "luxtorch/core/ops.h"

#include <gtest/gtest.h>

#include "luxtorch/core/functions.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

TEST(Ops, FactoriesMakeFloat32OnTheCpuUnlessTold) {
  for (const auto& t : {zeros({2, 3}), ones({2, 3}), full({2, 3}, 7)}) {
    EXPECT_EQ(t.scalar_type(), kFloat32);
    EXPECT_TRUE(t.device().is_cpu());
    EXPECT_EQ(t.sizes(), Shape({2, 3}));
  }
  EXPECT_EQ(zeros({}).dim(), 0);
  EXPECT_EQ(zeros({2}, {.dtype = kFloat64}).scalar_type(), kFloat64);
  EXPECT_EQ(full({2}, 7)[1].item<float>(), 7);
  EXPECT_EQ(ones({2}).sum().item<float>(), 2);
}

TEST(Ops, TensorHasTheTypeOfItsValues) {
  EXPECT_EQ(tensor({1, 2}).scalar_type(), kInt64);
  EXPECT_EQ(tensor({1L, 2L}).scalar_type(), kInt64);
  EXPECT_EQ(tensor({1., 2.}).scalar_type(), kFloat32);
  EXPECT_EQ(tensor({1, 2.5}).scalar_type(), kFloat32);
  EXPECT_EQ(tensor({true, false}).scalar_type(), kBool);
  EXPECT_EQ(tensor({1, 2}, {.dtype = kFloat64}).scalar_type(), kFloat64);
  EXPECT_EQ(tensor(std::vector<double>{1, 2}).scalar_type(), kFloat32);
  EXPECT_EQ(tensor(std::vector<int64_t>{1, 2}).scalar_type(), kInt64);
  EXPECT_EQ(tensor({1, 2.5})[1].item<float>(), 2.5);
  EXPECT_EQ(tensor({3, 4})[1].item<int64_t>(), 4);
  EXPECT_EQ(tensor({(int64_t{1} << 53) + 1})[0].item<int64_t>(), (int64_t{1} << 53) + 1);
  EXPECT_EQ(tensor(std::vector<double>{}).numel(), 0);
}

TEST(Ops, TensorCopiesItsValues) {
  std::vector<double> v{1, 2};
  auto t = tensor(v, {.dtype = kFloat64});
  v[0] = 7;
  EXPECT_EQ(t[0].item<double>(), 1);
}

TEST(Ops, RangesAndMatricesAreTorchs) {
  EXPECT_SAME(arange(3), tensor({0, 1, 2}));
  EXPECT_SAME(linspace(0, 1, 3), tensor({0, 0.5, 1}));
  EXPECT_SAME(eye(2), tensor({1., 0., 0., 1.}).reshape({2, 2}));
}

TEST(Ops, JoinsAndChoicesAreTorchs) {
  auto a = tensor({1., 2.}), b = tensor({3., 4.});
  EXPECT_SAME(cat({a, b}), tensor({1., 2., 3., 4.}));
  EXPECT_SAME(stack({a, b}), tensor({1., 2., 3., 4.}).reshape({2, 2}));
  EXPECT_SAME(stack({a, b}, -1), tensor({1., 3., 2., 4.}).reshape({2, 2}));
  EXPECT_SAME(where(tensor({true, false}), a, b), tensor({1., 4.}));
  EXPECT_SAME(einsum("i,j->ij", {a, b}), tensor({3., 4., 6., 8.}).reshape({2, 2}));
}

}  // namespace
}  // namespace luxtorch
