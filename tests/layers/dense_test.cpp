#include "luxtorch/layers/dense.h"

#include <gtest/gtest.h>

#include <sstream>

#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

TEST(Dense, IsAnAffineMapAndAnActivation) {
  auto ps = named({{"weight", tensor({1., 2., 3., 4., 5., 6.}).reshape({3, 2})},
                   {"bias", tensor({0.5, 0., -20.})}});
  auto x = tensor({1., -1., 2., 0.}).reshape({2, 2});
  auto y = Dense(2, 3, relu)(x, ps, named({})).first;
  EXPECT_SAME(y, tensor({0., 0., 0., 2.5, 6., 0.}).reshape({2, 3}));
}

TEST(Dense, DrawsWeightAndBiasLikeTorchFromTheInverseRootOfTheInputs) {
  auto ps = setup(Rng(1), Dense(25, 400)).first;
  EXPECT_EQ(ps.keys(), (std::vector<std::string>{"weight", "bias"}));
  EXPECT_EQ(ps["weight"].tensor().sizes(), (std::vector<int64_t>{400, 25}));
  EXPECT_EQ(ps["bias"].tensor().sizes(), (std::vector<int64_t>{400}));
  for (const auto& t : tree::tensors(ps)) {
    EXPECT_LE(t.abs().max().item<double>(), 0.2);
    EXPECT_GT(t.max().item<double>(), 0.19);
    EXPECT_LT(t.min().item<double>(), -0.19);
  }
  EXPECT_NEAR(ps["weight"].tensor().mean().item<double>(), 0, 0.004);  // 3.5 deviations of the mean
}

TEST(Dense, StartsFromWhatItsInitialisersGive) {
  DenseOptions options{.init_weight = init::glorot_normal, .init_bias = init::Constant{3}};
  auto ps = initial_parameters(Dense(4, 2, tanh, options), Rng(7));
  EXPECT_SAME(ps["weight"], init::glorot_normal(Rng(7).fold_in("weight"), {2, 4}));
  EXPECT_SAME(ps["bias"], full({2}, 3));
}

TEST(Dense, RefusesAnInitialiserThatGivesAnotherShape) {
  DenseOptions options{.init_weight = [](Rng, Shape) { return ones({4, 2}); }};
  EXPECT_ERROR(ShapeError, setup(Rng(0), Dense(4, 2, options)),
               "[Dense] expected the initialiser of weight to give (2, 4), got (4, 2).");
}

TEST(Dense, SaysItsSizesAndOptions) {
  auto text = [](const Dense& d) { return d.label(); };
  EXPECT_EQ(text(Dense(2, 3)), "Dense(2 => 3)");
  EXPECT_EQ(text(Dense(2, 3, relu)), "Dense(2 => 3, relu)");
  EXPECT_EQ(text(Dense(2, 3, relu, {.use_bias = false})), "Dense(2 => 3, relu, use_bias=false)");
  std::ostringstream out;
  out << Dense(2, 3);
  EXPECT_EQ(out.str(), "Dense(2 => 3)                # 9 parameters");
}

TEST(Dense, RefusesInputsOfAnotherSizeDtypeOrRank) {
  Dense layer(4, 2);
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_ERROR(ShapeError, apply(layer, ones({3, 5}), ps, st),
               "[Dense] expected x of shape (..., 4), got (3, 5).");
  EXPECT_ERROR(ShapeError, apply(layer, ones({}), ps, st),
               "[Dense] expected x of shape (..., 4), got ().");
  EXPECT_ERROR(ShapeError, apply(layer, ones({3, 4}, {.dtype = kFloat64}), ps, st),
               "[Dense] expected x of dtype float32 like the parameters, got float64. Convert one "
               "of them: x.to(...) or tree::to(ps, ...).");
  EXPECT_ERROR(ShapeError, apply(layer, ones({3, 4}, {.dtype = kInt64}), ps, st),
               "[Dense] expected x of dtype float32 like the parameters, got int64. Convert one "
               "of them: x.to(...) or tree::to(ps, ...).");
}

TEST(Dense, RefusesSizesBelowOne) {
  EXPECT_ERROR(ArgumentError, Dense(0, 2), "[Dense] expected in_dims of at least 1, got 0.");
  EXPECT_ERROR(ArgumentError, Dense(2, -3), "[Dense] expected out_dims of at least 1, got -3.");
}

TEST(Dense, SaysWhichParametersAreMissing) {
  EXPECT_ERROR(
      TreeError, apply(Dense(4, 2), ones({3, 4}), named({{"weight", ones({2, 4})}}), named({})),
      "[Tree] expected a key \"bias\", got the keys weight. The parameters do not fit the layer: "
      "missing bias.");
}

}  // namespace
}  // namespace luxtorch::testing
