#include "luxtorch/layers/embedding.h"

#include <gtest/gtest.h>

#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/lux_layout.h"
#include "luxtorch/layers/containers.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

Tree weights() { return named({{"weight", tensor({0., 1., 10., 11., 20., 21.}).reshape({3, 2})}}); }
Tensor run(const Tensor& tokens) { return Embedding(3, 2)(tokens, weights(), named({})).first; }

TEST(Embedding, GivesEachTokenItsRow) {
  EXPECT_SAME(run(tensor({2, 0})), tensor({20., 21., 0., 1.}).reshape({2, 2}));
  EXPECT_SAME(
      run(tensor({2, 0, 1, 1, 1, 2}).reshape({2, 3})),
      tensor({20., 21., 0., 1., 10., 11., 10., 11., 10., 11., 20., 21.}).reshape({2, 3, 2}));
}

TEST(Embedding, TakesTokensOfAnyShapeAndIntegerDtype) {
  EXPECT_SAME(run(full({}, 1, {.dtype = kInt64})), tensor({10., 11.}));
  EXPECT_EQ(run(zeros({2, 3, 4}, {.dtype = kInt64})).sizes(), (Sizes{2, 3, 4, 2}));
  EXPECT_EQ(run(zeros({0, 3}, {.dtype = kInt64})).sizes(), (Sizes{0, 3, 2}));
  for (auto dtype : {Dtype::Byte, Dtype::Char, Dtype::Short, Dtype::Int})
    EXPECT_SAME(run(tensor({2, 1}).to(dtype)), run(tensor({2, 1})));
  auto strided = tensor({2, 0, 1, 0}).reshape({2, 2}).select(1, 0);
  EXPECT_SAME(run(strided), run(tensor({2, 1})));
}

TEST(Embedding, AddsUpTheGradientsOfATokensPlaces) {
  auto tokens = tensor({2, 0, 2, 2}).reshape({2, 2});
  auto by_place = tensor({1., 2., 4., 8.}).reshape({2, 2, 1});
  auto f = [&](const Tree& ps) {
    return (Embedding(3, 2)(tokens, ps, named({})).first * by_place).sum();
  };
  auto g = grad(f, weights());
  EXPECT_SAME(g["weight"], tensor({2., 2., 0., 0., 13., 13.}).reshape({3, 2}));
}

TEST(Embedding, StartsFromTheNormalDistributionUnlessToldOtherwise) {
  auto weight = setup(Rng(3), Embedding(400, 50)).first["weight"].tensor();
  EXPECT_EQ(weight.sizes(), (Sizes{400, 50}));
  EXPECT_NEAR(weight.mean().item<double>(), 0, 0.025);  // 3.5 deviations of the mean
  EXPECT_NEAR(weight.std().item<double>(), 1, 0.02);
  auto chosen = initial_parameters(Embedding(4, 2, {.init_weight = init::rand}), Rng(7));
  EXPECT_SAME(chosen["weight"], init::rand(Rng(7).fold_in("weight"), {4, 2}));
  EXPECT_ERROR(
      ShapeError,
      setup(Rng(0), Embedding(4, 2, {.init_weight = [](Rng, Shape) { return ones({2}); }})),
      "[Embedding] expected the initialiser of weight to give (4, 2), got (2,).");
}

TEST(Embedding, StartsWithZerosForThePadding) {
  const Tensor weight =
      setup(Rng(3), Embedding(4, 2, {.init_weight = init::ones, .padding_idx = 2}))
          .first["weight"]
          .tensor();
  EXPECT_SAME(weight, tensor({1., 1., 1., 1., 0., 0., 1., 1.}).reshape({4, 2}));
}

TEST(Embedding, LeavesThePaddingOutOfEveryDerivative) {
  const Embedding layer(3, 2, {.padding_idx = -2});
  const Tensor tokens = tensor({1, 0, 1, 2});
  auto f = [&](const Tree& ps) { return layer(tokens, ps, named({})).first.pow(3).sum(); };
  const Tree ps = weights(),
             ones_of = tree::map_tensors([](const Tensor& w) { return w * 0 + 1; }, ps);
  // y has the row itself, as PyTorch gives it.
  EXPECT_SAME(layer(tokens, ps, named({})).first[0], tensor({10., 11.}));
  EXPECT_SAME(grad(f, ps)["weight"], tensor({0., 3., 0., 0., 1200., 1323.}).reshape({3, 2}));
  EXPECT_NEAR(jvp(f, ps, ones_of).dy.item<double>(), 3 + 1200 + 1323, 1e-3);
  auto slopes = [&](const Tree& at) {
    return value_and_grad(f, at, {.create_graph = true}).grads["weight"].tensor().sum();
  };
  const Tensor second = tensor({0., 6., 0., 0., 120., 126.}).reshape({3, 2});
  EXPECT_SAME(grad(slopes, ps)["weight"], second);
  auto tangent = [&](const Tree& at) { return jvp(f, at, ones_of).dy; };
  EXPECT_NEAR(jvp(tangent, ps, ones_of).dy.item<double>(), 6 + 120 + 126, 1e-4);
}

TEST(Embedding, OfSeveralVocabulariesHasARowForEachCombination) {
  const Embedding layer({2, 3}, 2);
  EXPECT_EQ(layer.vocabulary(), 6);
  const Tensor weight = setup(Rng(1), layer).first["weight"].tensor();
  EXPECT_EQ(weight.sizes(), (Sizes{2, 3, 2}));
  const Tensor hours = tensor({1, 0, 1}), days = tensor({2, 1, 0});
  const auto y = layer(hours, days, named({{"weight", weight}}), named({})).first;
  EXPECT_SAME(y, stack({weight[1][2], weight[0][1], weight[1][0]}));
  const auto [lux, st] = to_lux(layer, named({{"weight", weight}}), named({}));
  EXPECT_EQ(lux["weight"].tensor().sizes(), (Sizes{2, 2, 3}));
  EXPECT_SAME(lux["weight"].tensor().select(1, 1).select(1, 2), weight[1][2]);
}

TEST(Embedding, RefusesATokenOutsideWithItsValueAndItsPlace) {
  Chain model(field("words", Embedding(3, 2)));
  auto [ps, st] = setup(Rng(0), model);
  EXPECT_ERROR(
      ShapeError, apply(model, tensor({0, 1, 2, 3, 0, 9}).reshape({2, 3}), ps, st),
      "[Embedding] at words: expected tokens from 0 to 2, vocabulary being 3, got 3 at (1, "
      "0).");
  EXPECT_ERROR(ShapeError, apply(model, tensor({0, -1}), ps, st),
               "[Embedding] at words: expected tokens from 0 to 2, vocabulary being 3, got -1 at "
               "(1,).");
  EXPECT_ERROR(ShapeError, run(full({}, 5, {.dtype = kInt64})),
               "[Embedding] expected tokens from 0 to 2, vocabulary being 3, got 5.");
}

TEST(Embedding, RefusesWhatIsNoInteger) {
  EXPECT_ERROR(ShapeError, run(ones({2, 3})),
               "[Embedding] expected tokens, integers from 0 to 2, got float32 of shape (2, 3). "
               "x.to(kInt64) makes integers.");
  EXPECT_ERROR(ShapeError, run(ones({2}, {.dtype = kBool})),
               "[Embedding] expected tokens, integers from 0 to 2, got bool of shape (2,). "
               "x.to(kInt64) makes integers.");
}

TEST(Embedding, RefusesSizesBelowOneAndSaysItsOwn) {
  EXPECT_ERROR(ArgumentError, Embedding(0, 2),
               "[Embedding] expected vocabulary of at least 1, got 0.");
  EXPECT_ERROR(ArgumentError, Embedding(2, 0), "[Embedding] expected dims of at least 1, got 0.");
  EXPECT_EQ(show(Embedding(1000, 50)), "Embedding(1000 => 50)        # 50_000 parameters");
}

}  // namespace
}  // namespace luxtorch::testing
