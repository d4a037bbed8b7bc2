#include "luxtorch/layers/reshape.h"

#include <gtest/gtest.h>

#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "support/compare.h"
#include "support/tiny_layers.h"

namespace luxtorch::testing {
namespace {

Tensor counted(Sizes shape) {
  int64_t n = 1;
  for (auto size : shape) n *= size;
  return arange(n).reshape(shape);
}

template <class L>
Tensor run(const L& layer, const Tensor& x) {
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_SAME(ps, kNone);
  auto [y, st2] = layer(x, ps, st);
  EXPECT_SAME(st2, kNone);
  return y;
}

TEST(ReshapeLayer, GivesEachRowAnotherShape) {
  auto x = counted({2, 6});
  EXPECT_SAME(run(ReshapeLayer({2, 3}), x), x.reshape({2, 2, 3}));
  EXPECT_SAME(run(ReshapeLayer({6}), x.reshape({2, 3, 2})), x);
  EXPECT_SAME(run(ReshapeLayer({}), counted({3, 1})), counted({3}));
}

TEST(ReshapeLayer, FindsOneSizeByItself) {
  auto x = counted({2, 12});
  EXPECT_SAME(run(ReshapeLayer({3, -1}), x), x.reshape({2, 3, 4}));
  EXPECT_EQ(run(ReshapeLayer({-1, 4}), zeros({0, 12})).sizes(), (Sizes{0, 3, 4}));
}

TEST(ReshapeLayer, SharesTheMemoryOfWhatItIsGiven) {
  auto x = counted({2, 6});
  EXPECT_EQ(run(ReshapeLayer({2, 3}), x).const_data_ptr(), x.const_data_ptr());
}

TEST(ReshapeLayer, RefusesRowsOfAnotherSize) {
  Chain model(field("shape", ReshapeLayer({2, 3})));
  EXPECT_ERROR(
      ShapeError,
      apply(model, zeros({4, 5}), kNone.with("shape", kNone), kNone.with("shape", kNone)),
      "[ReshapeLayer] at shape: expected x of shape (batch, ...) with 6 elements a row, got "
      "(4, 5).");
  EXPECT_ERROR(
      ShapeError, run(ReshapeLayer({2, -1}), zeros({4, 5})),
      "[ReshapeLayer] expected x of shape (batch, ...) with a multiple of 2 elements a row, "
      "got (4, 5).");
  EXPECT_ERROR(ShapeError, run(ReshapeLayer({1}), zeros({})),
               "[ReshapeLayer] expected x of shape (batch, ...), got ().");
}

TEST(ReshapeLayer, RefusesSizesThatCannotBe) {
  for (const Sizes& dims : {Sizes{2, 0}, Sizes{-2}, Sizes{-1, -1}}) {
    try {
      ReshapeLayer layer(dims);
      ADD_FAILURE() << "took " << layer.label();
    } catch (const ArgumentError& e) {
      EXPECT_TRUE(
          std::string(e.what()).starts_with("[ReshapeLayer] expected dims of at least 1, of which "
                                            "one may be -1 for what is left, got "
                                            "("))
          << e.what();
    }
  }
}

TEST(FlattenLayer, MakesOneDimensionOfAllButTheBatch) {
  auto x = counted({2, 3, 4, 5});
  EXPECT_SAME(run(FlattenLayer(), x), x.reshape({2, 60}));
  EXPECT_SAME(run(FlattenLayer(), counted({3, 4})), counted({3, 4}));
  EXPECT_SAME(run(FlattenLayer(), counted({3})), counted({3, 1}));
  EXPECT_EQ(run(FlattenLayer(), zeros({0, 3, 4})).sizes(), (Sizes{0, 12}));
}

TEST(FlattenLayer, MakesOneOfTheLastDimensionsAlone) {
  auto x = counted({2, 3, 4, 5});
  EXPECT_SAME(run(FlattenLayer({.dims = 2}), x), x.reshape({2, 3, 20}));
  EXPECT_SAME(run(FlattenLayer({.dims = 1}), x), x);
  EXPECT_SAME(run(FlattenLayer({.dims = 3}), x), x.reshape({2, 60}));
}

TEST(FlattenLayer, RefusesWhatHasNoBatchBesides) {
  EXPECT_ERROR(ShapeError, run(FlattenLayer(), zeros({})),
               "[FlattenLayer] expected x of shape (batch, ...), got ().");
  EXPECT_ERROR(
      ShapeError, run(FlattenLayer({.dims = 3}), zeros({2, 3, 4})),
      "[FlattenLayer] expected x with a batch before the 3 dimensions that become one, got "
      "(2, 3, 4).");
  EXPECT_ERROR(ArgumentError, FlattenLayer({.dims = 0}),
               "[FlattenLayer] expected .dims of at least 1, got 0.");
}

TEST(SelectDim, OfSeveralIndicesKeepsTheDimension) {
  const Tensor x = random::normal(Rng(1), {2, 5, 3});
  auto run = [&](const SelectDim& layer) { return layer(x, {}, {}).first; };
  EXPECT_SAME(run(SelectDim(1, {4, 0, -1})),
              stack({x.select(1, 4), x.select(1, 0), x.select(1, 4)}, 1));
  EXPECT_SAME(run(SelectDim(-1, {1})), x.narrow(2, 1, 1).contiguous());
  EXPECT_EQ(run(SelectDim(-1, 1)).sizes(), (Sizes{2, 5}));
  const std::vector<int64_t> both{0, 1};
  EXPECT_SAME(run(SelectDim(0, both)), x);
}

TEST(SelectDim, GivesOneIndexOfOneDimension) {
  auto x = counted({2, 3, 4});
  EXPECT_SAME(run(SelectDim(1, 0), x), x.select(1, 0));
  EXPECT_SAME(run(SelectDim(1, -1), x), x.select(1, 2));
  EXPECT_SAME(run(SelectDim(-1, 3), x), x.select(2, 3));
  EXPECT_SAME(run(SelectDim(0, 1), counted({2})), counted({2})[1]);
}

TEST(SelectDim, GivesAView) {
  auto x = counted({2, 3});
  EXPECT_EQ(run(SelectDim(0, 0), x).const_data_ptr(), x.const_data_ptr());
}

TEST(SelectDim, RefusesWhatIsNotThere) {
  auto x = zeros({2, 3});
  EXPECT_ERROR(ShapeError, run(SelectDim(2, 0), x),
               "[SelectDim] expected x with a dimension 2, got (2, 3).");
  EXPECT_ERROR(ShapeError, run(SelectDim(-3, 0), x),
               "[SelectDim] expected x with a dimension -3, got (2, 3).");
  EXPECT_ERROR(ShapeError, run(SelectDim(1, 3), x),
               "[SelectDim] expected x with an index 3 in dimension 1, got (2, 3).");
  EXPECT_ERROR(ShapeError, run(SelectDim(-1, -4), x),
               "[SelectDim] expected x with an index -4 in dimension -1, got (2, 3).");
}

TEST(ReverseSequence, TurnsTimeAround) {
  auto x = counted({2, 3, 2});
  auto y = run(ReverseSequence(), x);
  for (int64_t t = 0; t < 3; ++t) EXPECT_SAME(y.select(1, t), x.select(1, 2 - t));
  EXPECT_SAME(run(ReverseSequence(), counted({2, 2})), tensor({1, 0, 3, 2}).reshape({2, 2}));
  EXPECT_SAME(run(ReverseSequence(), counted({3})), tensor({2, 1, 0}));
}

TEST(ReverseSequence, TurnsAnyOtherDimensionAround) {
  auto x = counted({2, 3, 2});
  EXPECT_SAME(run(ReverseSequence({.dim = 0}), x), stack({x[1], x[0]}));
  EXPECT_SAME(run(ReverseSequence({.dim = -1}), x), x.flip(2));
  EXPECT_ERROR(ShapeError, run(ReverseSequence({.dim = 3}), x),
               "[ReverseSequence] expected x with a dimension 3, got (2, 3, 2).");
  EXPECT_ERROR(ShapeError, run(ReverseSequence(), zeros({})),
               "[ReverseSequence] expected x of shape (batch, time, ...), got ().");
}

TEST(ReshapingLayers, ArePrintedWithWhatTheyDo) {
  EXPECT_EQ(show(ReshapeLayer({2, -1})), "ReshapeLayer(output_dims = (:, 2, :))");
  EXPECT_EQ(show(FlattenLayer()), "FlattenLayer()");
  EXPECT_EQ(show(FlattenLayer({.dims = 2})), "FlattenLayer(N = 2)");
  EXPECT_EQ(show(SelectDim(1, -1)), "SelectDim(dim = 1, index = -1)");
  EXPECT_EQ(show(ReverseSequence()), "ReverseSequence()");
  EXPECT_EQ(show(ReverseSequence({.dim = 0})), "ReverseSequence(dim = 0)");
}

}  // namespace
}  // namespace luxtorch::testing
