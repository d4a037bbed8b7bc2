#include "luxtorch/layers/embedding.h"

#include <gtest/gtest.h>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
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
