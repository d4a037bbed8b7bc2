// Where Lux's layout differs from ours, and what is said of trees that do not fit.
#include "luxtorch/interop/lux_layout.h"

#include <gmock/gmock.h>

#include "luxtorch/compact.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/conv.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/layer_norm.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/parallel.h"
#include "luxtorch/layers/rms_norm.h"
#include "luxtorch/layers/scale.h"
#include "luxtorch/layers/sequence.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

using ::testing::ElementsAre;

std::vector<Layer> models() {
  return {
      Chain(Embedding(7, 3),
            Recurrence(LSTMCell(3, 4, {.train_state = true, .train_memory = true})), BatchNorm(4),
            Dropout(0.5), Dense(4, 1)),
      Chain(BidirectionalRNN(GRUCell(2, 3)),
            LSTM(6, 2, {.num_layers = 2, .bidirectional = true, .dropout = 0.5})),
      Chain(StatefulRecurrentCell(GRUCell(2, 3)), tanh),
      Parallel(Dense(4, 1), Embedding(5, 2), BidirectionalRNN(RNNCell(2, 1), GRUCell(2, 1))),
      compact(field("words", std::vector<Embedding>(2, Embedding(5, 3))),
              field("head", Dense(3, 1)))
          .forward([](const Tensor& x, auto& words, auto& head) {
            return head(words[0](x) + words[1](x));
          }),
  };
}

TEST(LuxLayout, ThereAndBackIsTheSame) {
  for (const auto& model : models()) {
    SCOPED_TRACE(show(model));
    auto [ps, st] = setup(Rng(1), model);
    for (auto version : {LuxVersion::V1, LuxVersion::V0_5}) {
      // Without a second bias 0.5 has a place for all there is.
      auto given = version == LuxVersion::V1
                       ? ps
                       : tree::map(
                             [](const std::string& path, const Tree& leaf) {
                               return path.ends_with("bias_hh") || path.ends_with("bias_ih")
                                          ? Tree(zeros(leaf.tensor().sizes()))
                                          : leaf;
                             },
                             ps);
      auto lux = to_lux(model, given, st, {.version = version});
      auto [ps2, st2] = from_lux(model, lux.first, lux.second, Rng(9));
      EXPECT_SAME(ps2, given);
      EXPECT_SAME(st2, st);
    }
  }
}

TEST(LuxLayout, AnEmbeddingHasAColumnForEachToken) {
  Layer model = Chain(Embedding(7, 3));
  auto [ps, st] = setup(Rng(1), model);
  auto lux = to_lux(model, ps, st).first;
  EXPECT_SAME(lux.at("layer_1.weight"), Tree(ps.at("layer_1.weight").tensor().t()));
}

TEST(LuxLayout, TheBackwardDirectionHasItsReversals) {
  Layer model = LSTM(2, 3, {.num_layers = 2, .bidirectional = true});
  auto [ps, st] = setup(Rng(1), model);
  auto [ps_lux, st_lux] = to_lux(model, ps, st);
  EXPECT_THAT(ps_lux["layer_2"]["backward_rnn"].keys(), ElementsAre("rev1", "rnn", "rev2"));
  EXPECT_SAME(ps_lux.at("layer_2.backward_rnn.rnn"), ps.at("layer_2.backward_rnn"));
  EXPECT_SAME(ps_lux.at("layer_2.backward_rnn.rev1"), named({}));
  EXPECT_SAME(st_lux.at("layer_1.backward_rnn.rnn"), st.at("layer_1.backward_rnn"));
  EXPECT_SAME(ps_lux.at("layer_2.forward_rnn"), ps.at("layer_2.forward_rnn"));
}

TEST(LuxLayout, SeveralLayersOfACompactFieldAreCountedFromOne) {
  auto model = models().back();
  auto [ps, st] = setup(Rng(1), model);
  auto [ps_lux, st_lux] = to_lux(model, ps, st);
  EXPECT_THAT(ps_lux["words"].keys(), ElementsAre("1", "2"));
  EXPECT_SAME(ps_lux.at("words.2.weight"), Tree(ps.at("words.1.weight").tensor().t()));
  EXPECT_SAME(st_lux["words"], named({{"1", named({})}, {"2", named({})}}));
}

TEST(LuxLayout, ACarryIsTurnedAndTakenBack) {
  Layer model = StatefulRecurrentCell(LSTMCell(2, 3));
  auto [ps, st] = setup(Rng(1), model);
  auto used = model(random::normal(Rng(2), {4, 2}), ps, st).second;
  auto lux = to_lux(model, ps, used);
  EXPECT_SAME(lux.second["carry"][1], Tree(used["carry"][1].tensor().t()));
  EXPECT_SAME(from_lux(model, lux.first, lux.second).second, used);
}

TEST(LuxLayout, VersionZeroFiveHasItsNamesAndColumns) {
  Layer model = Chain(Recurrence(GRUCell(2, 3)), Dense(3, 1));
  auto [ps, st] = setup(Rng(1), model);
  auto lux = to_lux(model, ps, st, {.version = LuxVersion::V0_5}).first;
  EXPECT_THAT(lux["layer_1"].keys(), ElementsAre("weight_i", "weight_h", "bias_i", "bias_h"));
  EXPECT_THAT(lux.at("layer_1.bias_i").tensor().sizes(), ElementsAre(3, 1));
  EXPECT_THAT(lux.at("layer_1.bias_h").tensor().sizes(), ElementsAre(9, 1));
  EXPECT_THAT(lux.at("layer_2.bias").tensor().sizes(), ElementsAre(1, 1));
}

TEST(LuxLayout, EveryMisfitIsNamedAtOnceInTheFilesNames) {
  Layer model = Chain(Embedding(7, 3), BidirectionalRNN(LSTMCell(3, 4)), BatchNorm(8));
  auto [ps, st] = setup(Rng(1), model);
  auto [ps_lux, st_lux] = to_lux(model, ps, st);
  auto file = named({{"ps_trained", ps_lux.with("layer_1.weight", zeros({7, 3}))
                                        .without("layer_2.backward_rnn.rnn.bias_hh")
                                        .with("layer_2.forward_rnn.more", 1)},
                     {"st_trained", st_lux.without("layer_3.running_var")},
                     {"epoch", 3}});
  EXPECT_ERROR(
      TreeError, from_lux(model, file),
      "[from_lux] expected the model's parameters and states in Lux's layout, got "
      "ps_trained.layer_1.weight of shape (7, 3) in place of (3, 7), missing "
      "ps_trained.layer_2.backward_rnn.rnn.bias_hh, missing st_trained.layer_3.running_var, "
      "unexpected ps_trained.layer_2.forward_rnn.more.");
}

TEST(LuxLayout, ACellOfZeroFiveIsComparedInItsOwnNames) {
  Layer model = LSTMCell(2, 3);
  EXPECT_ERROR(
      TreeError,
      from_lux(model, named({{"weight_i", zeros({12, 3})}, {"bias", zeros({12, 1})}}), Tree()),
      "[from_lux] expected the model's parameters and states in Lux's layout, got "
      "ps.weight_i of shape (12, 3) in place of (12, 2), missing ps.weight_h.");
}

TEST(LuxLayout, AFileWithoutPsIsRefused) {
  EXPECT_ERROR(TreeError, from_lux(Dense(2, 1), named({{"model", 1}, {"epoch", 2}})),
               "[from_lux] expected a file's tree with ps and st, ps_trained and st_trained, or "
               "parameters and states, got one with model, epoch. Hand over both parts: "
               "from_lux(model, file[\"...\"], file[\"...\"]).");
}

TEST(LuxLayout, StatesThatAreMissingAreANewModels) {
  Layer model = Chain(Dropout(0.5), Recurrence(RNNCell(2, 3)));
  auto [ps, st] = setup(Rng(4), model);
  auto empty = named({{"layer_1", named({{"training", false}})}, {"layer_2", named({})}});
  auto [ps2, st2] = from_lux(model, ps, empty, Rng(4));
  EXPECT_SAME(st2, st.with("layer_1.training", false));
  EXPECT_SAME(from_lux(model, named({{"parameters", ps}}), Rng(4)).second, st);
}

TEST(LuxLayout, OfLayerNormIsReversedWithAOneBehindIt) {
  const LayerNorm layer({2, 3});
  const Tensor scale = tensor({1., 2., 3., 4., 5., 6.}).reshape({2, 3});
  const Tree ps = named({{"bias", scale * 10}, {"scale", scale}});
  const Tree st = setup(Rng(0), layer).second;
  const Tree lux = to_lux(layer, ps, st).first;
  EXPECT_SAME(lux["scale"], Tree(scale.t().reshape({3, 2, 1}).contiguous()));
  EXPECT_SAME(from_lux(layer, lux, st).first, ps);
}

Tree reshaped(const Tree& lux, const Sizes& shape) {
  return tree::map_tensors([&](const Tensor& t) { return t.reshape(shape); }, lux);
}

TEST(LuxLayout, OnesBehindTheSizesOfWhatMeetsDataByElementMakeNoDifference) {
  auto expect_taken = [](const Layer& layer, const std::vector<Sizes>& shapes, const Sizes& back) {
    auto [drawn, st] = setup(Rng(3), layer);
    const Tree ps =
        tree::map_tensors([](const Tensor& t) { return random::normal(Rng(4), t.sizes()); }, drawn);
    const Tree lux = to_lux(layer, ps, st).first;
    for (const auto& t : tree::tensors(lux)) EXPECT_EQ(t.sizes(), back);
    for (const auto& shape : shapes)
      EXPECT_SAME(from_lux(layer, reshaped(lux, shape), st).first, ps);
  };
  // As models of sequences (F, T, B) have them in Lux.
  expect_taken(LayerNorm(3), {{3, 1, 1}, {3, 1}, {3}}, {3, 1});
  expect_taken(LayerNorm({2, 3}), {{3, 2, 1, 1}, {3, 2, 1}, {3, 2}}, {3, 2, 1});
  expect_taken(RMSNorm(3), {{3, 1}, {3}}, {3});
  expect_taken(Scale({2, 3}), {{3, 2, 1}, {3, 2}}, {3, 2});
  expect_taken(LayerNorm({1, 3}), {{3, 1, 1}, {3}}, {3, 1, 1});
}

TEST(LuxLayout, OtherSizesAndOnesOfKernelsDo) {
  const Chain norms(LayerNorm(3));
  auto [ps, st] = setup(Rng(0), norms);
  const Tree lux = to_lux(norms, ps, st).first;
  EXPECT_ERROR(TreeError, from_lux(norms, reshaped(lux, {1, 3, 1}), st),
               "[from_lux] expected the model's parameters and states in Lux's layout, got "
               "ps.layer_1.bias of shape (1, 3, 1) in place of (3, 1), ps.layer_1.scale of shape "
               "(1, 3, 1) in place of (3, 1).");
  // (3, 2, 1, 1) is the kernel of an image, with one channel: not that of a sequence with 2.
  const Conv conv({3}, 2, 1, {.use_bias = false});
  auto [ps2, st2] = setup(Rng(0), conv);
  EXPECT_THROW(from_lux(conv, reshaped(to_lux(conv, ps2, st2).first, {3, 2, 1, 1}), st2),
               TreeError);
  const Dense dense(1, 3, {.use_bias = false});
  auto [ps3, st3] = setup(Rng(0), dense);
  EXPECT_THROW(from_lux(dense, reshaped(ps3, {3}), st3), TreeError);
}

}  // namespace
}  // namespace luxtorch::testing
