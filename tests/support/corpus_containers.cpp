// The corpus' containers and utility layers.
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/function.h"
#include "luxtorch/layers/parallel.h"
#include "luxtorch/layers/reshape.h"
#include "support/corpus_rows.h"
#include "support/tensor_functions.h"

namespace luxtorch::testing {

namespace {

// A user's own: a layer of two tensors with parameters.
struct Gate {
  int64_t dims;
  Tree initial_parameters(Rng rng) const {
    return named({{"gate", init::Normal{}(rng.fold_in("gate"), {dims})}});
  }
  Tree initial_states(Rng) const { return named({{"calls", 0}}); }
  Out<Tensor> operator()(const Tensor& a, const Tensor& b, const Tree& ps, const Tree& st) const {
    auto g = ps["gate"].tensor().sigmoid();
    return {a * g + b * (1 - g), st.with("calls", st["calls"].scalar<int64_t>() + 1)};
  }
};

Tensor times(const Tensor& a, const Tensor& b) { return a * b; }

}  // namespace

void add_containers(std::vector<CorpusRow>& all) {
  auto x = input({4, 3});
  all.push_back(not_reporting(row("Function", [](const Tensor& t) { return t.sin(); }, x, {0, 0})));
  all.push_back(row("ChainEmpty", Chain(), x, {0, 0}));
  all.push_back(row("Chain",
                    Chain(Dense(3, 4, tanh), Dense(4, 2), [](const Tensor& y) { return y * y; }), x,
                    {26, 0}));
  all.push_back(
      row("ChainNamed",
          Chain(field("a", Dense(3, 4, swish)), field("b", Chain(Dropout(0.5), Dense(4, 1)))), x,
          {21, 2}));
  all.push_back(row("SkipConnection", SkipConnection(Dense(3, 3, tanh), add), x, {12, 0}));
  all.push_back(row("SkipConnectionByALayer",
                    SkipConnection(Chain(Dense(3, 3), Dropout(0.2)), Gate{3}), x, {15, 3}));
  all.push_back(row("Parallel", Parallel(add, Dense(3, 2), Dense(3, 2, tanh)), x, {16, 0}));
  all.push_back(row("ParallelTuple", Parallel(nullptr, Dense(3, 2), Dropout(0.5)), x, {8, 2}));
  all.push_back(row("ParallelOfATuple",
                    Parallel(Gate{2}, field("a", Dense(3, 2)), field("b", Dense(5, 2))),
                    tuple({x, input({4, 5}, 1)}), {22, 1}));

  all.push_back(row("BranchLayer", BranchLayer(Dense(3, 2), field("b", Dropout(0.5))), x, {8, 2}));
  all.push_back(
      row("BranchLayerFused",
          BranchLayer(Dense(3, 2), Dense(3, 2, tanh), Dense(3, 2))
              .fusion([](const Tensor& a, const Tensor& b, const Tensor& c) { return a * b + c; }),
          x, {24, 0}));
  all.push_back(row("BranchLayerFusedByALayer",
                    BranchLayer(field("a", Dense(3, 2)), Dense(3, 2)).fusion(Gate{2}), x, {18, 1}));
  all.push_back(row("BranchLayerOfATuple", BranchLayer(times, Gate{3}),
                    tuple({x, input({4, 3}, 1)}), {3, 1}));
  all.push_back(
      row("PairwiseFusion", PairwiseFusion(times, Dense(3, 3), Dense(3, 3, tanh)), x, {24, 0}));
  all.push_back(row("PairwiseFusionOfATuple",
                    PairwiseFusion(add, field("a", Dense(3, 2, tanh)), Dense(2, 5)),
                    tuple({x, input({4, 2}, 1), input({4, 5}, 2)}), {23, 0}));
  all.push_back(row("PairwiseFusionByALayer",
                    PairwiseFusion(Gate{3}, Dense(3, 3), Dropout(0.5), Dense(3, 3)), x, {27, 3}));
  all.push_back(row("Maxout", Maxout([] { return Dense(3, 2); }, 3), x, {24, 0}));
  all.push_back(row("MaxoutOfSeveralLayers",
                    Maxout(Dense(3, 2), field("b", Chain(Dense(3, 4, tanh), Dense(4, 2)))), x,
                    {8 + 16 + 10, 0}));
  all.push_back(row("RepeatedLayer", RepeatedLayer(Dense(3, 3, tanh), {.repeats = 3}), x, {12, 0}));
  all.push_back(row("RepeatedLayerWithStates",
                    RepeatedLayer(Chain(Dense(3, 3, tanh), Dropout(0.2)), {.repeats = 2}), x,
                    {12, 2}));
  all.push_back(row("RepeatedLayerWithInputInjected",
                    RepeatedLayer(Gate{3}, {.repeats = 4, .input_injection = true}), x, {3, 1}));
}

void add_reshaping(std::vector<CorpusRow>& all) {
  auto x = input({4, 5, 3});
  all.push_back(row("ReshapeLayer", ReshapeLayer({3, 1, 5}), x, {0, 0}));
  all.push_back(row("ReshapeLayerThatFindsASize", ReshapeLayer({-1, 5}), x, {0, 0}));
  all.push_back(row("FlattenLayer", FlattenLayer(), x, {0, 0}));
  all.push_back(row("FlattenLayerOfTwo", FlattenLayer({.dims = 2}), input({4, 2, 3, 2}), {0, 0}));
  all.push_back(row("SelectDim", SelectDim(1, -1), x, {0, 0}));
  all.push_back(row("SelectDimOfFeatures", SelectDim(-1, 0), x, {0, 0}));
  all.push_back(row("ReverseSequence", ReverseSequence(), x, {0, 0}));
  all.push_back(row("ReverseSequenceOfFeatures", ReverseSequence({.dim = -1}), x, {0, 0}));
  all.push_back(row("NoOpLayer", NoOpLayer(), x, {0, 0}));
  all.push_back(row("NoOpLayerOfATuple", NoOpLayer(), tuple({x, input({4, 2}, 1)}), {0, 0}));
  all.push_back(row("WrappedFunction",
                    WrappedFunction("sine", [](const Tensor& t) { return t.sin(); }), x, {0, 0}));
  all.push_back(
      row("WrappedFunctionOfTwo", WrappedFunction(times), tuple({x, input({4, 5, 3}, 1)}), {0, 0}));
}

}  // namespace luxtorch::testing
