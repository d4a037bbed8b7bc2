#include "luxtorch/layers/parallel.h"

#include <gtest/gtest.h>

#include <sstream>

#include "layers/joining_layers.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "support/compare.h"
#include "support/tensor_functions.h"

namespace luxtorch::testing {
namespace {

TEST(Parallel, GivesOneInputToAllLayersAndEachOfATupleItsOwn) {
  auto layer = Parallel(nullptr, Dense(4, 2), twice);
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_EQ(ps.keys(), (Strings{"layer_1", "layer_2"}));
  auto x = x34();
  auto y = Dense(4, 2)(x, ps["layer_1"], st["layer_1"]).first;
  EXPECT_SAME(apply(layer, Tree(x), ps, st).first, tuple({y, x * 2}));
  EXPECT_SAME(apply(layer, tuple({x, ones({5})}), ps, st).first, tuple({y, full({5}, 2)}));
  EXPECT_ERROR(ShapeError, apply(layer, tuple({x, x, x}), ps, st),
               "[Parallel] expected a tuple of 2, one for each layer, got a tuple of 3.");
}

TEST(Parallel, JoinsByAFunctionOfAsManyTensorsAsLayers) {
  auto x = x34();
  auto join = [](const Tensor& a, const Tensor& b, const Tensor& c) {
    return a + b * 10 + c * 100;
  };
  auto layer = Parallel(join, twice, plus_one, twice);
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_CLOSE(apply<Tensor>(layer, x, ps, st).first, x * 212 + 10, 1e-6);
  auto of_a_tree = Parallel([](const Tree& ys) { return ys[1].tensor(); }, twice, plus_one);
  auto [ps2, st2] = setup(Rng(0), of_a_tree);
  EXPECT_SAME(apply<Tensor>(of_a_tree, x, ps2, st2).first, x + 1);
}

TEST(Parallel, JoinsByALayerWithItsOwnParametersAndStates) {
  auto layer = Parallel(Weighted{}, field("a", Dense(4, 2)), field("b", Dense(4, 2)));
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_EQ(ps.keys(), (Strings{"layers", "connection"}));
  EXPECT_EQ(ps["layers"].keys(), (Strings{"a", "b"}));
  auto x = x34();
  auto a = Dense(4, 2)(x, ps["layers"]["a"], named({})).first;
  auto b = Dense(4, 2)(x, ps["layers"]["b"], named({})).first;
  EXPECT_CLOSE(apply<Tensor>(layer, x, ps, st).first, a * 3 + b, 1e-6);

  auto counted = Parallel(CountedSum{}, twice, twice, twice, twice, twice);
  auto [ps2, st2] = setup(Rng(0), counted);
  auto [y, st3] = apply<Tensor>(counted, x, ps2, st2);
  EXPECT_CLOSE(y, x * 10, 1e-6);
  EXPECT_EQ(st3["connection"]["calls"].scalar<int64_t>(), 1);
}

TEST(Parallel, SaysWhichLayerRefusedItsInput) {
  auto layer = Parallel(Weighted{}, field("a", Dense(4, 2)), field("b", Dense(5, 2)));
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_ERROR(ShapeError, apply(layer, x34(), ps, st),
               "[Dense] at layers.b: expected x of shape (..., 5), got (3, 4).");
}

TEST(BranchLayer, GivesItsInputToEveryLayerAsItIs) {
  BranchLayer layer(Dense(4, 2), twice, field("last", plus_one));
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_EQ(ps.keys(), (Strings{"layer_1", "layer_2", "last"}));
  auto x = x34();
  auto y = Dense(4, 2)(x, ps["layer_1"], st["layer_1"]).first;
  EXPECT_SAME(apply(layer, x, ps, st).first, tuple({y, x * 2, x + 1}));
}

TEST(BranchLayer, GivesEvenATupleWhole) {
  BranchLayer layer(minus, [](const Tree& x) { return x[1].tensor(); });
  auto [ps, st] = setup(Rng(0), layer);
  auto x = x34();
  EXPECT_SAME(apply(layer, tuple({x * 3, x}), ps, st).first, tuple({x * 3 - x, x}));
}

TEST(BranchLayer, FusesByAFunctionOfAsManyTensorsAsLayers) {
  auto layer = BranchLayer(twice, plus_one).fusion(minus);
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_EQ(ps.keys(), (Strings{"layer_1", "layer_2"}));
  auto x = x34();
  EXPECT_SAME(apply<Tensor>(layer, x, ps, st).first, x * 2 - (x + 1));
}

TEST(BranchLayer, FusesByALayerWithItsOwnParametersAndStates) {
  auto layer = BranchLayer(Dense(4, 2), field("b", Dense(4, 2))).fusion(Weighted{});
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_EQ(ps.keys(), (Strings{"layers", "fusion"}));
  EXPECT_EQ(ps["layers"].keys(), (Strings{"layer_1", "b"}));
  auto x = x34();
  auto a = Dense(4, 2)(x, ps["layers"]["layer_1"], named({})).first;
  auto b = Dense(4, 2)(x, ps["layers"]["b"], named({})).first;
  EXPECT_CLOSE(apply<Tensor>(layer, x, ps, st).first, a * 3 + b, 1e-6);

  auto counted = BranchLayer(twice, Dropout(0.5), twice).fusion(CountedSum{});
  auto [ps2, st2] = setup(Rng(0), counted);
  auto st3 = apply(counted, x, ps2, st2).second;
  EXPECT_EQ(st3["fusion"]["calls"].scalar<int64_t>(), 1);
  EXPECT_FALSE(tree::equal(st3["layers"]["layer_2"], st2["layers"]["layer_2"]));
}

TEST(BranchLayer, IsPrintedWithItsBranchesAndItsFusion) {
  std::ostringstream out;
  out << BranchLayer(Dense(4, 2), Dense(4, 3)) << "\n"
      << BranchLayer(Dense(4, 2), Dense(4, 2)).fusion(Dense(2, 2));
  EXPECT_EQ(out.str(),
            "BranchLayer(\n"
            "    layer_1 = Dense(4 => 2),                      # 10 parameters\n"
            "    layer_2 = Dense(4 => 3),                      # 15 parameters\n"
            ")         # Total: 25 parameters,\n"
            "          #        plus 0 states.\n"
            "BranchLayer(\n"
            "    layers = Chain(\n"
            "        layer_(1-2) = Dense(4 => 2),              # 20 (10 x 2) parameters\n"
            "    ),\n"
            "    fusion = Dense(2 => 2),                       # 6 parameters\n"
            ")         # Total: 26 parameters,\n"
            "          #        plus 0 states.");
}

TEST(PairwiseFusion, JoinsEachLayersOutputWithTheNextOfATuple) {
  PairwiseFusion layer(minus, twice, plus_one);
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_EQ(ps.keys(), (Strings{"layer_1", "layer_2"}));
  auto a = full({2}, 10), b = full({2}, 3), c = full({2}, 100);
  // (10 * 2 - 3) + 1 - 100
  EXPECT_SAME(apply<Tensor>(layer, tuple({a, b, c}), ps, st).first, full({2}, -82));
  EXPECT_ERROR(
      ShapeError, apply(layer, tuple({a, b}), ps, st),
      "[PairwiseFusion] expected a tuple of 3, one more than there are layers, got a tuple "
      "of 2.");
}

TEST(PairwiseFusion, JoinsAnyOtherInputWithEachOutput) {
  PairwiseFusion layer(minus, twice, plus_one);
  auto [ps, st] = setup(Rng(0), layer);
  // (10 * 2 - 10) + 1 - 10
  EXPECT_SAME(apply<Tensor>(layer, full({2}, 10), ps, st).first, full({2}, 1));
}

TEST(PairwiseFusion, JoinsByALayerWithOneSetOfParametersAndStatesThatMoveOn) {
  PairwiseFusion weighted(Weighted{}, field("a", Dense(4, 4)), field("b", Dense(4, 4)));
  auto [ps, st] = setup(Rng(0), weighted);
  EXPECT_EQ(ps.keys(), (Strings{"layers", "connection"}));
  auto x = x34();
  auto y = Dense(4, 4)(x, ps["layers"]["a"], named({})).first * 3 + x;
  y = Dense(4, 4)(y, ps["layers"]["b"], named({})).first * 3 + x;
  EXPECT_CLOSE(apply<Tensor>(weighted, x, ps, st).first, y, 1e-6);

  PairwiseFusion counted(CountedSum{}, twice, twice, twice);
  auto [ps2, st2] = setup(Rng(0), counted);
  EXPECT_EQ(apply(counted, x, ps2, st2).second["connection"]["calls"].scalar<int64_t>(), 3);
}

TEST(Maxout, TakesTheGreatestOfItsLayersElementByElement) {
  Maxout layer(twice, plus_one, [](const Tensor& x) { return -x; });
  auto [ps, st] = setup(Rng(0), layer);
  auto x = tensor({-5., 0.5, 3., -0.5});
  EXPECT_SAME(apply<Tensor>(layer, x, ps, st).first, tensor({5., 1.5, 6., 0.5}));
}

TEST(Maxout, MakesItsLayersByAFunction) {
  Maxout layer([] { return Dense(4, 2); }, 3);
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_EQ(ps.keys(), (Strings{"layer_1", "layer_2", "layer_3"}));
  EXPECT_SAME(ps, setup(Rng(0), Maxout(Dense(4, 2), Dense(4, 2), Dense(4, 2))).first);
  EXPECT_FALSE(tree::equal(ps["layer_1"], ps["layer_2"]));
}

TEST(Maxout, GivesTheGradientToTheLayerThatWon) {
  Maxout layer(field("up", Dense(1, 1)), field("down", Dense(1, 1)));
  auto st = initial_states(layer, Rng(0));
  auto line = [](double slope) {
    return named({{"weight", full({1, 1}, slope)}, {"bias", zeros({1})}});
  };
  auto f = [&](const Tree& ps) {
    return apply<Tensor>(layer, tensor({3., -2.}).reshape({2, 1}), ps, st).first.sum();
  };
  auto g = grad(f, named({{"up", line(1)}, {"down", line(-1)}}));
  EXPECT_SAME(g["up"]["weight"], full({1, 1}, 3));
  EXPECT_SAME(g["down"]["weight"], full({1, 1}, -2));
}

TEST(Maxout, RefusesNoLayersAndOutputsOfSeveralShapes) {
  EXPECT_ERROR(ArgumentError, Maxout(),
               "[Maxout] expected a number of layers of at least 1, got 0.");
  EXPECT_ERROR(ArgumentError, Maxout([] { return Dense(2, 2); }, 0),
               "[Maxout] expected a number of layers of at least 1, got 0.");
  Chain model(field("most", Maxout(Dense(4, 2), Dense(4, 3))));
  auto [ps, st] = setup(Rng(0), model);
  EXPECT_ERROR(
      ShapeError, apply(model, x34(), ps, st),
      "[Maxout] at most: expected outputs of one shape, got (3, 2) from the first layer and "
      "(3, 3) from the layer at position 1.");
}

}  // namespace
}  // namespace luxtorch::testing
