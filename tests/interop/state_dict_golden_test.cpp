// Models of Python's torch.nn, loaded: what they compute here is what they computed there.
#include "interop/torch_models.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/state_dict.h"
#include "support/compare.h"
#include "support/golden.h"

namespace luxtorch::testing {
namespace {

const Tree& cases() {
  static const Tree all = load_golden("state_dicts");
  return all;
}

// What to_torch does not know: how many batches there were.
Tree without_counts(const Tree& state) {
  return tree::map(
      [](const std::string& path, const Tree& leaf) {
        return path.ends_with("num_batches_tracked") ? Tree(zeros({}, {.dtype = kInt64})) : leaf;
      },
      state);
}

/// Loaded in both precisions, the model gives the module's outputs, and the state dict again bit for bit.
void expect_equal_to_its_module(const Layer& model, const Tree& c) {
  for (auto dtype : {kFloat64, kFloat32}) {
    SCOPED_TRACE(dtype == kFloat64 ? "float64" : "float32");
    auto tolerance = dtype == kFloat64 ? kGoldenFloat64 : kGoldenFloat32;
    auto expected = tree::to(c, dtype);
    auto [ps, st] = from_torch(model, expected["state"]);
    check_parameters(model, ps);
    check_states(model, st);
    auto y = predict<Tree>(model, expected["x"], ps, st);
    if (y.is_tuple()) y = y[0];  // of a cell
    EXPECT_CLOSE(y.tensor(), expected["y"].tensor(), tolerance);
    EXPECT_SAME(to_torch(model, ps, st), without_counts(expected["state"]));
  }
}

TEST(StateDictGolden, RnnLstmAndGruOfSeveralLayersAndDirections) {
  for (const auto& c : cases()["sequences"].elements()) {
    auto model = sequence_of(c);
    SCOPED_TRACE(model.label());
    expect_equal_to_its_module(model, c);
  }
}

TEST(StateDictGolden, ACellInARecurrenceOrInBothDirectionsIsAModuleOfOneLayer) {
  int count = 0;
  for (const auto& c : cases()["sequences"].elements()) {
    auto model = wrapped_cell_of(c);
    if (!model) continue;
    SCOPED_TRACE(show(*model));
    expect_equal_to_its_module(*model, c);
    ++count;
  }
  EXPECT_EQ(count, 12);
}

TEST(StateDictGolden, ACellByItselfIsTorchsCell) {
  for (const auto& [kind, c] : cases()["cells"].items()) {
    SCOPED_TRACE(kind);
    expect_equal_to_its_module(cell_of(kind), c);
  }
}

TEST(StateDictGolden, ACellThatKeepsItsCarryIsTorchsCell) {
  auto c = cases()["cells"]["gru"];
  expect_equal_to_its_module(StatefulRecurrentCell(GRUCell(2, 3)), c);
  expect_equal_to_its_module(Chain(StatefulRecurrentCell(GRUCell(2, 3))),
                             c.with("state", named({{"0", c["state"]}})));
}

TEST(StateDictGolden, ASequentialIsAChainWhoseFunctionsCount) {
  expect_equal_to_its_module(sequential(), cases()["sequential"]);
}

TEST(StateDictGolden, BatchNormTakesItsStatisticsAlong) {
  expect_equal_to_its_module(trained(), cases()["trained"]);
  EXPECT_EQ(cases().at("trained.state.1.num_batches_tracked").tensor().item<int64_t>(), 3);
}

TEST(StateDictGolden, AModuleOfOnesOwnIsAStructOfItsNames) {
  expect_equal_to_its_module(Tagger{}, cases()["tagger"]);
}

TEST(StateDictGolden, ALayerOfTypeAndAnErasedOneAreTheSame) {
  auto c = cases()["tagger"];
  Tagger model;
  auto [ps, st] = from_torch(model, c["state"]);
  auto [erased_ps, erased_st] = from_torch(Layer(model), c["state"]);
  EXPECT_SAME(ps, erased_ps);
  EXPECT_SAME(st, erased_st);
  EXPECT_CLOSE((predict<Tensor>(model, c["x"].tensor(), ps, st)), c["y"].tensor(), kGoldenFloat64);
}

}  // namespace
}  // namespace luxtorch::testing
