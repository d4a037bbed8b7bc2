// Layers compared with Python PyTorch: outputs, new states and all gradients, in float64 and in float32.
#include "layers/as_torch.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/recurrent.h"
#include "support/compare.h"
#include "support/golden.h"

namespace luxtorch::testing {
namespace {

const Tree& golden() {
  static const Tree all = load_golden("layers");
  return all;
}

const Tree no_rng = named({{"rng", Rng(0)}});

TEST(LayersGolden, DenseWithEveryActivation) {
  const Activation all[] = {identity,    sigmoid,   tanh,     relu,       relu6,      leakyrelu,
                            elu,         celu,      selu,     gelu,       gelu_tanh,  swish,
                            mish,        softplus,  softsign, softshrink, tanhshrink, logsigmoid,
                            hardsigmoid, hardswish, hardtanh, logcosh,    softmax,    logsoftmax};
  const auto& cases = golden()["dense"]["activations"];
  EXPECT_EQ(cases.size(), std::size(all));
  for (const auto& activation : all) {
    SCOPED_TRACE(activation.name());
    Dense layer(2, 4, activation);
    expect_as_torch(cases[activation.name()], [&](const Tree& in) -> std::pair<Tensor, Tree> {
      return {layer(in["x"].tensor(), in["ps"], named({})).first, tuple({})};
    });
  }
}

TEST(LayersGolden, DenseWithoutBias) {
  Dense layer(2, 4, {.use_bias = false});
  expect_as_torch(golden()["dense"]["no_bias"], [&](const Tree& in) -> std::pair<Tensor, Tree> {
    return {layer(in["x"].tensor(), in["ps"], named({})).first, tuple({})};
  });
}

// One cell against torch's: a step with a carry; a loop from zeros; the whole sequence with a carry,
// by Recurrence and by steps, in both orderings.
template <class Cell>
void expect_cell_as_torch(const Cell& cell, const Tree& cases) {
  {
    SCOPED_TRACE("step");
    expect_as_torch(cases["step"], [&](const Tree& in) -> std::pair<Tensor, Tree> {
      auto out = cell(in["x"].tensor(), in["carry"], in["ps"], no_rng).first;
      return {out.y, out.carry};
    });
  }
  auto steps = [&](const Tree& in) -> std::pair<Tensor, Tree> {
    Tree carry = in.contains("carry") ? in["carry"] : Tree();
    std::vector<Tensor> ys;
    for (const auto& x : in["x"].tensor().unbind(1)) {
      auto out = carry.is_none() ? cell(x, in["ps"], no_rng) : cell(x, carry, in["ps"], no_rng);
      ys.push_back(out.first.y), carry = out.first.carry;
    }
    return {stack(ys, 1), carry};
  };
  Recurrence whole(cell, {.return_sequence = true, .return_carry = true});
  Recurrence time_first(
      cell, {.ordering = Ordering::TimeFirst, .return_sequence = true, .return_carry = true});
  auto run = [&](const Recurrence& r, const Tensor& x, const Tree& in) {
    return in.contains("carry") ? r(x, in["carry"], in["ps"], no_rng).first
                                : r(x, in["ps"], no_rng).first;
  };
  for (const char* name : {"loop", "sequence"}) {
    SCOPED_TRACE(name);
    expect_as_torch(cases[name], steps);
    expect_as_torch(cases[name], [&](const Tree& in) -> std::pair<Tensor, Tree> {
      auto out = run(whole, in["x"].tensor(), in);
      return {out[0].tensor(), out[1]};
    });
    expect_as_torch(cases[name], [&](const Tree& in) -> std::pair<Tensor, Tree> {
      auto out = run(time_first, in["x"].tensor().transpose(0, 1), in);
      return {out[0].tensor().transpose(0, 1), out[1]};
    });
  }
}

TEST(LayersGolden, RNNCellAndItsSequences) {
  const auto& cases = golden()["recurrent"];
  expect_cell_as_torch(RNNCell(2, 4), cases["rnn_tanh"]);
  expect_cell_as_torch(RNNCell(2, 4, {.use_bias = false}), cases["rnn_tanh_no_bias"]);
  expect_cell_as_torch(RNNCell(2, 4, relu), cases["rnn_relu"]);
  expect_cell_as_torch(RNNCell(2, 4, relu, {.use_bias = false}), cases["rnn_relu_no_bias"]);
}

TEST(LayersGolden, LSTMCellAndItsSequences) {
  expect_cell_as_torch(LSTMCell(2, 4), golden()["recurrent"]["lstm"]);
  expect_cell_as_torch(LSTMCell(2, 4, {.use_bias = false}), golden()["recurrent"]["lstm_no_bias"]);
}

TEST(LayersGolden, GRUCellAndItsSequences) {
  expect_cell_as_torch(GRUCell(2, 4), golden()["recurrent"]["gru"]);
  expect_cell_as_torch(GRUCell(2, 4, {.use_bias = false}), golden()["recurrent"]["gru_no_bias"]);
}

TEST(LayersGolden, BatchNormInTrainingAndInTestMode) {
  BatchNorm layer(3, {.epsilon = 1e-3, .momentum = 0.3});
  for (const char* name :
       {"matrix_training", "matrix_test", "sequence_training", "sequence_test"}) {
    SCOPED_TRACE(name);
    const auto& expected = golden()["batch_norm"][name];
    bool training = std::string_view(name).ends_with("training");
    auto states = [&](const char* key, Dtype dtype) {
      return tree::to(expected[key].with("training", training), dtype);
    };
    expect_as_torch(expected, [&](const Tree& in) -> std::pair<Tensor, Tree> {
      auto dtype = in["x"].tensor().scalar_type();
      auto [y, st] = layer(in["x"].tensor(), in["ps"], states("states", dtype));
      EXPECT_TREES_CLOSE(st, states("new_states", dtype),
                         dtype == kFloat64 ? kGoldenFloat64 : kGoldenFloat32);
      return {y, tuple({})};
    });
  }
}

TEST(LayersGolden, BatchNormWithoutParametersAndStatistics) {
  BatchNorm layer(3, {.affine = false, .track_stats = false});
  for (const char* name : {"matrix_plain", "sequence_plain"}) {
    SCOPED_TRACE(name);
    for (bool training : {true, false}) {
      expect_as_torch(golden()["batch_norm"][name], [&](const Tree& in) -> std::pair<Tensor, Tree> {
        auto y = layer(in["x"].tensor(), in["ps"], named({{"training", training}})).first;
        return {y, tuple({})};
      });
    }
  }
}

}  // namespace
}  // namespace luxtorch::testing
