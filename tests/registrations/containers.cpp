// Containers.
#include "luxtorch/layers/containers.h"

#include "luxtorch/layers/checkpointed.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/parallel.h"
#include "support/registration.h"
#include "support/tensor_functions.h"

namespace luxtorch::testing {
namespace {

// A user's own layer of two tensors, with parameters.
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

Tensor product(const Tensor& a, const Tensor& b) { return a * b; }

const Registration registered_chain(+[] {
  auto x = input({4, 3});
  return LayerRegistration{
      .name = "Chain",
      .rows = {row("ChainEmpty", Chain(), x, {0, 0}),
               row("Chain",
                   Chain(Dense(3, 4, tanh), Dense(4, 2), [](const Tensor& y) { return y * y; }), x,
                   {26, 0}),
               row("ChainNamed",
                   Chain(field("a", Dense(3, 4, swish)),
                         field("b", Chain(Dropout(0.5), Dense(4, 1)))),
                   x, {21, 2})},
      .golden_in = "layers/containers_golden_test.cpp",
      .compared_in = "cases/dense.cpp",
      .digest = "478be56e1d5fc06d"};
});

const Registration registered_skip_connection(+[] {
  auto x = input({4, 3});
  return LayerRegistration{
      .name = "SkipConnection",
      .rows = {row("SkipConnection", SkipConnection(Dense(3, 3, tanh), add), x, {12, 0}),
               with_normals(row("SkipConnectionByALayer",
                                SkipConnection(Chain(Dense(3, 3), Dropout(0.2)), Gate{3}), x,
                                {15, 3}))},
      .no_golden = "it only calls the layer and a function",
      .compared_in = "cases/layers.cpp",
      .digest = "dc4aad1db7c51e8c"};
});

const Registration registered_parallel(+[] {
  auto x = input({4, 3});
  return LayerRegistration{
      .name = "Parallel",
      .rows = {row("Parallel", Parallel(add, Dense(3, 2), Dense(3, 2, tanh)), x, {16, 0}),
               row("ParallelTuple", Parallel(nullptr, Dense(3, 2), Dropout(0.5)), x, {8, 2}),
               with_normals(row("ParallelOfATuple",
                                Parallel(Gate{2}, field("a", Dense(3, 2)), field("b", Dense(5, 2))),
                                tuple({x, input({4, 5}, 1)}), {22, 1}))},
      .golden_in = "layers/embedding_golden_test.cpp",
      .no_comparison = "torch.nn has no such module",
      .digest = "5268bb7b45256a1d"};
});

const Registration registered_branch_layer(+[] {
  auto x = input({4, 3});
  return LayerRegistration{
      .name = "BranchLayer",
      .rows = {row("BranchLayer", BranchLayer(Dense(3, 2), field("b", Dropout(0.5))), x, {8, 2}),
               row("BranchLayerFused",
                   BranchLayer(Dense(3, 2), Dense(3, 2, tanh), Dense(3, 2))
                       .fusion([](const Tensor& a, const Tensor& b, const Tensor& c) {
                         return a * b + c;
                       }),
                   x, {24, 0}),
               with_normals(row("BranchLayerFusedByALayer",
                                BranchLayer(field("a", Dense(3, 2)), Dense(3, 2)).fusion(Gate{2}),
                                x, {18, 1})),
               with_normals(row("BranchLayerOfATuple", BranchLayer(product, Gate{3}),
                                tuple({x, input({4, 3}, 1)}), {3, 1}))},
      .golden_in = "layers/containers_golden_test.cpp",
      .no_comparison = "torch.nn has no such module",
      .digest = "8006cf994fd9cd1c"};
});

const Registration registered_pairwise_fusion(+[] {
  auto x = input({4, 3});
  return LayerRegistration{
      .name = "PairwiseFusion",
      .rows = {row("PairwiseFusion", PairwiseFusion(product, Dense(3, 3), Dense(3, 3, tanh)), x,
                   {24, 0}),
               row("PairwiseFusionOfATuple",
                   PairwiseFusion(add, field("a", Dense(3, 2, tanh)), Dense(2, 5)),
                   tuple({x, input({4, 2}, 1), input({4, 5}, 2)}), {23, 0}),
               with_normals(row("PairwiseFusionByALayer",
                                PairwiseFusion(Gate{3}, Dense(3, 3), Dropout(0.5), Dense(3, 3)), x,
                                {27, 3}))},
      .golden_in = "layers/containers_golden_test.cpp",
      .no_comparison = "torch.nn has no such module",
      .digest = "be0fdadb6871a243"};
});

const Registration registered_maxout(+[] {
  auto x = input({4, 3});
  return LayerRegistration{
      .name = "Maxout",
      .rows = {row("Maxout", Maxout([] { return Dense(3, 2); }, 3), x, {24, 0}),
               row("MaxoutOfSeveralLayers",
                   Maxout(Dense(3, 2), field("b", Chain(Dense(3, 4, tanh), Dense(4, 2)))), x,
                   {8 + 16 + 10, 0})},
      .golden_in = "layers/containers_golden_test.cpp",
      .no_comparison = "torch.nn has no such module",
      .digest = "8dfeab8df965b02b"};
});

const Registration registered_repeated_layer(+[] {
  auto x = input({4, 3});
  return LayerRegistration{
      .name = "RepeatedLayer",
      .rows = {row("RepeatedLayer", RepeatedLayer(Dense(3, 3, tanh), {.repeats = 3}), x, {12, 0}),
               row("RepeatedLayerWithStates",
                   RepeatedLayer(Chain(Dense(3, 3, tanh), Dropout(0.2)), {.repeats = 2}), x,
                   {12, 2}),
               with_normals(row("RepeatedLayerWithInputInjected",
                                RepeatedLayer(Gate{3}, {.repeats = 4, .input_injection = true}), x,
                                {3, 1}))},
      .golden_in = "layers/containers_golden_test.cpp",
      .no_comparison = "torch.nn has no such module",
      .digest = "265acabc86a51b29"};
});

const Registration registered_checkpointed(+[] {
  return LayerRegistration{
      .name = "Checkpointed",
      .rows = {row("Checkpointed", checkpointed(Chain(Dense(3, 4, tanh), Dense(4, 2))),
                   input({4, 3}), {26, 0})},
      .no_golden = "it gives what its layer gives",
      .compared_in = "cases/layers.cpp",
      .digest = "120485dc11aa9640"};
});

}  // namespace
}  // namespace luxtorch::testing
