#include "luxtorch/layer_description.h"

#include <gtest/gtest.h>

#include <sstream>
#include <thread>

#include "luxtorch/compact.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/ops/activation.h"
#include "support/compare.h"
#include "support/tiny_layers.h"

namespace luxtorch {
namespace {

using testing::Counter;
using testing::Slope;
using testing::SumCell;
using testing::Two;
using testing::Wrapped;

template <class T>
std::string text(const T& t) {
  std::ostringstream out;
  out << t;
  return out.str();
}

// Fifty characters stand before a comment in a container, 29 in a line of its own.
TEST(Show, ALayerAloneIsOneLine) {
  EXPECT_EQ(show(Dense(2, 3, relu)), "Dense(2 => 3, relu)          # 9 parameters");
  EXPECT_EQ(show(Dense(2, 3, {.use_bias = false})),
            "Dense(2 => 3, use_bias=false)  # 6 parameters");
  EXPECT_EQ(show(LSTMCell(1, 32)),
            "LSTMCell(1 => 32)            # 4_480 parameters, plus 1 non-trainable");
  EXPECT_EQ(show(Counter{}), "Counter                      # 2 non-trainable");
  EXPECT_EQ(show(relu), "relu");
}

TEST(Show, AContainerHasALineForEachPartAndTheTotals) {
  EXPECT_EQ(
      show(Chain(Dense(2, 8, relu), LSTMCell(8, 16, {.use_bias = false}))),
      "Chain(\n"
      "    layer_1 = Dense(2 => 8, relu),                # 24 parameters\n"
      "    layer_2 = LSTMCell(8 => 16, use_bias=false),  # 1_536 parameters, plus 1 non-trainable\n"
      ")         # Total: 1_560 parameters,\n"
      "          #        plus 1 states.");
}

TEST(Show, ContainersNest) {
  EXPECT_EQ(show(Two{Chain(Slope{2}, Counter{}), Slope{1}}),
            "Two(\n"
            "    first = Chain(\n"
            "        layer_1 = Slope(2),                       # 2 parameters\n"
            "        layer_2 = Counter,                        # 2 non-trainable\n"
            "    ),\n"
            "    second = Slope(1),                            # 1 parameters\n"
            ")         # Total: 3 parameters,\n"
            "          #        plus 2 states.");
}

TEST(Show, NeighboursThatAreAlikeShareALine) {
  EXPECT_EQ(
      show(Chain(Slope{5}, Slope{500}, Slope{500}, Slope{500}, Counter{}, Counter{}, Slope{5})),
      "Chain(\n"
      "    layer_1 = Slope(5),                           # 5 parameters\n"
      "    layer_(2-4) = Slope(500),                     # 1_500 (500 x 3) parameters\n"
      "    layer_(5-6) = Counter,                        # 4 non-trainable\n"
      "    layer_7 = Slope(5),                           # 5 parameters\n"
      ")         # Total: 1_510 parameters,\n"
      "          #        plus 4 states.");
}

struct Everything {
  std::vector<Slope> blocks{Slope{1}, Slope{1}, Slope{2}};
  std::optional<Slope> head;
  Layer act = relu;
  Wrapped<Slope> wrapped{{3}};
  LUXTORCH_LAYERS(blocks, head, act, wrapped)
  Tree initial_parameters(Rng) const { return named({{"shift", ones({4})}}); }
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};

TEST(Show, VectorsOptionalsFunctionsAndWrappers) {
  EXPECT_EQ(show(Everything{}),
            "Everything(\n"
            "    blocks = (3 layers)(\n"
            "        (0-1) = Slope(1),                         # 2 (1 x 2) parameters\n"
            "        2 = Slope(2),                             # 2 parameters\n"
            "    ),\n"
            "    head = nothing,\n"
            "    act = relu,\n"
            "    wrapped = Wrapped(\n"
            "        layer = Slope(3),                         # 3 parameters\n"
            "    ),\n"
            ")         # Total: 11 parameters,\n"
            "          #        plus 0 states.");
}

TEST(Show, ACompactModelShowsItsLayers) {
  auto model = compact(field("scale", Slope{2}), param("shift", init::ones, {2}), state("n", 0))
                   .forward([](const Tensor& x, auto& scale, auto&, auto&) { return scale(x); });
  EXPECT_EQ(show(model),
            "Compact(\n"
            "    scale = Slope(2),                             # 2 parameters\n"
            ")         # Total: 4 parameters,\n"
            "          #        plus 1 states.");
}

TEST(Show, LibraryTypesAndErasedLayersGoToStreams) {
  EXPECT_EQ(text(Dense(2, 3)), show(Dense(2, 3)));
  EXPECT_EQ(text(Chain(Slope{2})), show(Chain(Slope{2})));
  EXPECT_EQ(text(Layer(Two{Slope{2}, Slope{2}})), show(Two{Slope{2}, Slope{2}}));
  EXPECT_EQ(text(relu), "relu");
}

TEST(Counts, StatesThatAreNoTensorsCountOne) {
  EXPECT_EQ(parameter_length(named({{"w", ones({2, 3})}, {"b", ones({3})}})), 9);
  EXPECT_EQ(state_length(named({{"rng", Rng(1)}, {"training", true}, {"mean", ones({5})}})), 7);
  EXPECT_EQ(state_length(named({{"carry", Tree()}})), 1);
  EXPECT_EQ(parameter_length(Dense(2, 3)), 9);
  EXPECT_EQ(state_length(LSTMCell(2, 3)), 1);
  EXPECT_EQ(parameter_length(Chain(Dense(2, 3), Dense(3, 1))), 13);
}

TEST(Summaries, HaveARowForEachLayerWithShapesCountsAndBytes) {
  Chain model(Dense(2, 8, tanh), Counter{}, Two{Slope{8}, Slope{8}});
  auto [ps, st] = setup(Rng(1), model);
  auto s = summary(model, ps, st, ones({32, 2}));
  EXPECT_EQ(text(s),
            "path            layer                output   parameters  states  bytes  flops\n"
            "------------------------------------------------------------------------------\n"
            "(model)         Chain                (32, 8)           0       0      0      0\n"
            "layer_1         Dense(2 => 8, tanh)  (32, 8)          24       0     96  1_024\n"
            "layer_2         Counter              (32, 8)           0       2      0      0\n"
            "layer_3         Two                  (32, 8)           0       0      0      0\n"
            "layer_3.first   Slope(8)                               8       0     32      0\n"
            "layer_3.second  Slope(8)                               8       0     32      0\n"
            "------------------------------------------------------------------------------\n"
            "total                                                 40       2    160  1_024\n");
}

TEST(Summaries, SeeTheFieldsOfACompactModelAndCountItsOwnParts) {
  auto model = compact(field("scale", Slope{2}), param("shift", init::ones, {2}), state("n", 0))
                   .forward([](const Tensor& x, auto& scale, auto& shift, auto& n) {
                     n += 1;
                     return std::pair{scale(x) + shift, x};
                   });
  auto [ps, st] = setup(Rng(1), model);
  auto s = summary(model, ps, st, ones({3, 2}));
  ASSERT_EQ(s.rows.size(), 2u);
  EXPECT_EQ(s.rows[0].output, "((3, 2), (3, 2))");
  EXPECT_EQ(s.rows[0].parameters, 2);
  EXPECT_EQ(s.rows[0].states, 1);
  EXPECT_EQ(s.rows[1].path, "scale");
  EXPECT_EQ(s.rows[1].output, "(3, 2)");
  EXPECT_EQ(s.parameters, 4);
}

TEST(Summaries, RunInTestModeWithoutAGraphAndChangeNothing) {
  struct Watching {
    bool* trained;
    bool* graph;
    Tree initial_states(Rng) const { return named({{"training", true}}); }
    Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
      *trained = st["training"].scalar<bool>();
      auto y = x * ps["w"].tensor();
      *graph = y.requires_grad();
      return {y, st};
    }
  };
  bool trained = true, graph = true;
  auto ps = named({{"w", ones({2}).set_requires_grad(true)}});
  auto st = named({{"training", true}});
  summary(Watching{&trained, &graph}, ps, st, ones({2}));
  EXPECT_FALSE(trained);
  EXPECT_FALSE(graph);
}

TEST(Summaries, OfTwoThreadsDoNotMix) {
  auto run = [](int64_t batch) {
    Chain model(Slope{2}, Counter{});
    auto [ps, st] = setup(Rng(1), model);
    for (int i = 0; i < 100; ++i) {
      for (const auto& row : summary(model, ps, st, ones({batch, 2})).rows) {
        if (row.output != "(" + std::to_string(batch) + ", 2)") return false;
      }
    }
    return true;
  };
  bool first = false;
  std::thread other([&] { first = run(3); });
  bool second = run(4);
  other.join();
  EXPECT_TRUE(first && second);
}

TEST(Summaries, AnErrorLeavesNothingBehind) {
  Chain model(Slope{3});
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_ERROR(ShapeError, summary(model, ps, st, ones({2})),
               "[Slope] at layer_1: expected x of shape (..., 3), got (..., 2).");
  EXPECT_EQ(detail::observers.load(), 0);
  EXPECT_EQ(summary(model, ps, st, ones({3})).rows[1].output, "(3,)");
}

TEST(Checks, AcceptTreesOfTheModelsStructureWhateverTheirDtypes) {
  Two model{Slope{2}, Counter{}};
  auto [ps, st] = setup(Rng(1), model);
  check_parameters(model, tree::to(ps, kFloat64));
  check_states(model, st.with("second.count", 1.5));
  EXPECT_EQ(mismatches(ps, ps), "");
}

TEST(Checks, ListEverythingThatDoesNotFit) {
  Two model{Slope{2}, Counter{}};
  auto [ps, st] = setup(Rng(1), model);
  EXPECT_ERROR(TreeError,
               check_parameters(model, named({{"first", named({{"wieght", ones({2})}})}})),
               "[check_parameters] expected parameters with the model's structure, got missing "
               "first.weight, "
               "unexpected first.wieght, missing second. Are they of another model or version?");
  EXPECT_ERROR(
      TreeError, check_states(model, st.without("second.count")),
      "[check_states] expected states with the model's structure, got missing second.count. Are "
      "they of another model or version?");
  EXPECT_EQ(mismatches(tuple({1, 2}), tuple({1, 2, 3})), "unexpected 2");
  EXPECT_EQ(mismatches(ps, Tree(3)),
            "the tree is the int64 3 in place of a named tree with the keys first, second");
  EXPECT_EQ(mismatches(named({{"w", ones({2})}}), named({{"w", Tree()}})),
            "w is nothing in place of a float32 tensor of shape (2,)");
  std::vector<Tree::Item> many;
  for (int i = 0; i < 15; ++i) many.emplace_back(std::string(1, static_cast<char>('a' + i)), 1);
  EXPECT_EQ(mismatches(named(many), named({})),
            "missing a, missing b, missing c, missing d, missing e, missing f, missing g, missing "
            "h, missing "
            "i, missing j, missing k, missing l, and 3 more");
}

}  // namespace
}  // namespace luxtorch
