// RNN, LSTM and GRU compared with Python PyTorch's: outputs, carries and all gradients, in float64
// and in float32, in both orderings; packed sequences for the lengths.
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/sequence.h"
#include "support/compare.h"
#include "support/golden.h"

namespace luxtorch::testing {
namespace {

template <class L>
void expect_as_torch(const L& layer, const Tree& golden, bool time_first, Dtype dtype) {
  auto expected = tree::to(golden, dtype);
  auto tolerance = dtype == kFloat64 ? kGoldenFloat64 : kGoldenFloat32;
  auto st = initial_states(layer, Rng(0));
  const auto& lengths = golden["lengths"];
  auto run = [&](const Tree& in) {
    auto x = in["x"].tensor();
    if (time_first) x = x.transpose(0, 1);
    auto given = lengths.is_none() ? tuple({x, in["carry"]}) : tuple({x, in["carry"], lengths});
    auto [y, carry] = apply<Step>(layer, given, in["ps"], st).first;
    return Step{time_first ? y.transpose(0, 1) : y, carry};
  };
  auto loss = [&](const Tree& in) {
    auto out = run(in);
    auto sum = out.y.square().sum();
    for (const auto& part : tree::tensors(out.carry)) sum = sum + part.square().sum();
    return std::pair{sum * 0.5, to_tree(out)};
  };
  auto got = value_and_grad(loss, expected["inputs"]);
  EXPECT_TREES_CLOSE(got.aux, tuple({expected["y"], expected["last"]}), tolerance);
  EXPECT_TREES_CLOSE(got.grads, expected["grads"], tolerance);
}

// make(options): the layer with options of the golden case.
template <class Options, class Make>
void expect_all_as_torch(const char* name, const Make& make) {
  static const Tree golden = load_golden("sequences");
  ASSERT_GT(golden[name].size(), 0u);
  for (const auto& one : golden[name].elements()) {
    for (bool time_first : {false, true}) {
      SCOPED_TRACE(std::string(name) + " of " +
                   std::to_string(one["num_layers"].scalar<int64_t>()) + " layers");
      auto layer = make(Options{
          .num_layers = one["num_layers"].scalar<int64_t>(),
          .bidirectional = one["bidirectional"].scalar<bool>(),
          .use_bias = one["use_bias"].scalar<bool>(),
          .ordering = time_first ? Ordering::TimeFirst : Ordering::BatchFirst,
          .return_sequence = true,
          .return_carry = true,
      });
      auto fits = mismatches(initial_parameters(layer, Rng(0)), one["inputs"]["ps"]);
      EXPECT_EQ(fits, "");
      expect_as_torch(layer, one, time_first, kFloat64);
      expect_as_torch(layer, one, time_first, kFloat32);
    }
  }
}

TEST(SequenceGolden, RNN) {
  expect_all_as_torch<RNNOptions>("rnn_tanh", [](RNNOptions o) { return RNN(2, 2, o); });
  expect_all_as_torch<RNNOptions>("rnn_relu", [](RNNOptions o) { return RNN(2, 2, relu, o); });
}

TEST(SequenceGolden, LSTM) {
  expect_all_as_torch<LSTMOptions>("lstm", [](LSTMOptions o) { return LSTM(2, 2, o); });
}

TEST(SequenceGolden, GRU) {
  expect_all_as_torch<GRUOptions>("gru", [](GRUOptions o) { return GRU(2, 2, o); });
}

}  // namespace
}  // namespace luxtorch::testing
