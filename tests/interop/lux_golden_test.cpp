// Models of Lux, loaded: what they compute here is what Lux's formulas give in NumPy.
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/lux_layout.h"
#include "luxtorch/io/jld2.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/sequence.h"
#include "support/compare.h"
#include "support/files.h"
#include "support/golden.h"

namespace luxtorch::testing {
namespace {

struct SpiralClassifier {
  LSTMCell lstm_cell{2, 2};
  Dense classifier{2, 1, sigmoid};
  LUXTORCH_LAYERS(lstm_cell, classifier)

  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto steps = x.unbind(1);
    auto [out, st_cell] = lstm_cell(steps[0], ps["lstm_cell"], st["lstm_cell"]);
    for (size_t t = 1; t < steps.size(); ++t)
      std::tie(out, st_cell) = lstm_cell(steps[t], out.carry, ps["lstm_cell"], st_cell);
    auto [y, st_head] = classifier(out.y, ps["classifier"], st["classifier"]);
    return {y.squeeze(-1), named({{"lstm_cell", st_cell}, {"classifier", st_head}})};
  }
};

TEST(LuxGolden, TheTrainedModelsOfJuliaComputeHereWhatTheyDidThere) {
  SpiralClassifier model;
  auto cases = load_golden("lux")["trained"];
  EXPECT_EQ(cases.size(), 36U);
  for (const auto& c : cases.elements()) {
    auto file = c["file"].scalar<std::string>();
    SCOPED_TRACE(file);
    // Some hold a generator of Julia's that this library does not have.
    jld2::Report report;
    auto tree = jld2::load(test::golden_folder() + "/jld2/" + file, {.report = &report});
    auto [ps, st] = from_lux(model, tree);
    check_parameters(model, ps);
    check_states(model, st);
    EXPECT_EQ(ps["lstm_cell"]["weight_hh"].tensor().scalar_type(), kFloat32);
    for (auto dtype : {kFloat64, kFloat32}) {
      auto y = apply<Tensor>(model, c["x"].tensor().to(dtype), tree::to(ps, dtype), st).first;
      EXPECT_CLOSE(y, c["y"].tensor().to(dtype),
                   dtype == kFloat64 ? kGoldenFloat64 : kGoldenFloat32);
    }
    auto [ps_lux, st_lux] = to_lux(model, ps, st);
    EXPECT_SAME(ps_lux, tree["ps_trained"]);
  }
}

TEST(LuxGolden, EmbeddingsAndBothDirectionsInLuxsLayout) {
  auto c = load_golden("lux")["one"];
  Layer model = Chain(
      Embedding(7, 2), BidirectionalRNN(LSTMCell(2, 3)),
      [](const Tensor& y) { return y.select(1, -1); }, Dense(6, 1));
  auto [ps, st] = from_lux(model, c["ps"], c["st"]);
  EXPECT_CLOSE(predict<Tensor>(model, c["x"], ps, st), c["y"].tensor(), kGoldenFloat64);
  EXPECT_SAME(to_lux(model, ps, st).first, c["ps"]);
}

TEST(LuxGolden, CellsAndDenseLayersOfLuxZeroFive) {
  auto cases = load_golden("lux")["zero_five"];
  std::vector<std::pair<std::string, Layer>> models{{"lstm", Recurrence(LSTMCell(2, 3))},
                                                    {"gru", Recurrence(GRUCell(2, 3))},
                                                    {"rnn", Recurrence(RNNCell(2, 3))}};
  for (const auto& [kind, recurrent] : models) {
    SCOPED_TRACE(kind);
    Layer model = Chain(recurrent, Dense(3, 1));
    auto c = cases[kind];
    auto [ps, st] = from_lux(model, named({{"ps", c["ps"]}}));
    check_parameters(model, ps);
    EXPECT_CLOSE(predict<Tensor>(model, c["x"], ps, st), c["y"].tensor(), kGoldenFloat64);
    // A bias of Lux 0.5 is one of ours and zeros, so that nothing rounds on the way back.
    EXPECT_SAME(to_lux(model, ps, st, {.version = LuxVersion::V0_5}).first, c["ps"]);
  }
}

TEST(LuxGolden, WhatIsWrittenForLuxZeroFiveComputesTheSame) {
  auto x = load_golden("lux").at("zero_five.gru.x");
  for (const Layer& cell :
       {Layer(LSTMCell(2, 3)), Layer(GRUCell(2, 3, {.init_bias = init::glorot_uniform})),
        Layer(RNNCell(2, 3))}) {
    SCOPED_TRACE(cell.label());
    Layer model = Recurrence(cell);
    auto [ps32, st] = setup(Rng(3), model);
    auto ps = tree::map_tensors([](const Tensor& t) { return t.to(kFloat64) + 0.25; }, ps32);
    auto old = to_lux(model, ps, st, {.version = LuxVersion::V0_5});
    auto [ps2, st2] = from_lux(model, old.first, old.second);
    EXPECT_FALSE(tree::equal(ps, ps2));  // the biases were added up
    EXPECT_CLOSE(predict<Tensor>(model, x, ps2, st2), predict<Tensor>(model, x, ps, st),
                 kGoldenFloat64);
  }
}

}  // namespace
}  // namespace luxtorch::testing
