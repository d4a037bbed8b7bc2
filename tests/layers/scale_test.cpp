#include "luxtorch/layers/scale.h"

#include <gtest/gtest.h>

#include <sstream>

#include "luxtorch/core/ops.h"
#include "luxtorch/interop/lux_layout.h"
#include "luxtorch/interop/state_dict.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

TEST(Scale, MultipliesAddsAndActivatesElementByElement) {
  auto ps = named({{"weight", tensor({2., -1.})}, {"bias", tensor({0.5, 3.})}});
  auto x = tensor({1., 2., -4., 5.}).reshape({2, 2});
  EXPECT_SAME(Scale(2)(x, ps, named({})).first, tensor({2.5, 1., -7.5, -2.}).reshape({2, 2}));
  EXPECT_SAME(Scale(2, relu)(x, ps, named({})).first, tensor({2.5, 1., 0., 0.}).reshape({2, 2}));
  EXPECT_SAME(Scale(2, {.use_bias = false})(x, ps, named({})).first,
              tensor({2., -2., -8., -5.}).reshape({2, 2}));
}

TEST(Scale, StartsAsTheIdentityUnlessItIsToldOtherwise) {
  auto ps = setup(Rng(0), Scale({3, 2})).first;
  EXPECT_SAME(ps, named({{"weight", ones({3, 2})}, {"bias", zeros({3, 2})}}));
  ScaleOptions options{.init_weight = init::Constant{5}, .init_bias = init::Constant{7}};
  EXPECT_SAME(setup(Rng(0), Scale(2, options)).first,
              named({{"weight", full({2}, 5)}, {"bias", full({2}, 7)}}));
}

TEST(Scale, BroadcastsItsSizesAgainstTheLastDimensionsOfX) {
  auto ps = named({{"weight", tensor({2., 3., 4.}).reshape({3, 1})}});
  auto x = ones({5, 1, 2});
  auto y = Scale({3, 1}, {.use_bias = false})(x, ps, named({})).first;
  EXPECT_SAME(y, tensor({2., 2., 3., 3., 4., 4.}).reshape({1, 3, 2}).expand({5, 3, 2}));
}

TEST(Scale, SaysItsSizesAndOptions) {
  EXPECT_EQ(Scale(3).label(), "Scale(3)");
  EXPECT_EQ(Scale({4, 3}, tanh, {.use_bias = false}).label(), "Scale(4, 3, tanh, use_bias=false)");
  std::ostringstream out;
  out << Scale(3);
  EXPECT_EQ(out.str(), "Scale(3)                     # 6 parameters");
}

TEST(Scale, RefusesInputsOfAnotherShapeDtypeOrRank) {
  Scale layer({4, 3});
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_ERROR(ShapeError, apply(layer, ones({2, 4, 5}), ps, st),
               "[Scale] expected x of shape (..., 4, 3), got (2, 4, 5).");
  EXPECT_ERROR(ShapeError, apply(layer, ones({3}), ps, st),
               "[Scale] expected x of shape (..., 4, 3), got (3,).");
  EXPECT_ERROR(ShapeError, apply(layer, ones({4, 3}).to(kFloat64), ps, st),
               "[Scale] expected x of dtype float32 like the parameters, got float64. Convert one "
               "of them: x.to(...) or tree::to(ps, ...).");
}

TEST(Scale, RefusesNoSizesAndSizesBelowOne) {
  EXPECT_ERROR(ArgumentError, Scale(std::vector<int64_t>{}),
               "[Scale] expected dims of at least one size, got none.");
  EXPECT_ERROR(ArgumentError, Scale({4, 0}),
               "[Scale] expected sizes in dims of at least 1, got 0.");
}

TEST(Scale, HasReversedSizesInLuxAndItsOwnInTorch) {
  Scale layer({4, 3});
  auto ps = named({{"weight", arange(12).to(kFloat32).reshape({4, 3})}, {"bias", ones({4, 3})}});
  auto lux = to_lux(layer, ps, named({})).first;
  EXPECT_SAME(lux, named({{"weight", arange(12).to(kFloat32).reshape({4, 3}).t()},
                          {"bias", ones({3, 4})}}));
  EXPECT_SAME(from_lux(layer, lux, named({})).first, ps);
  EXPECT_SAME(from_torch(layer, to_torch(layer, ps, named({}))).first, ps);
}

}  // namespace
}  // namespace luxtorch::testing
