// RNNCell, LSTMCell and GRUCell: parameters, initial states and steps.
#include <gtest/gtest.h>

#include <cmath>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/recurrent.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

const Strings kWeights{"weight_ih", "weight_hh", "bias_ih", "bias_hh"};

// An initialiser of a gate's own: the key goes into the numbers.
Initializer marked(double mark) {
  return [mark](Rng rng, Shape shape) { return random::uniform(rng, shape) + mark; };
}

void expect_within(const Tensor& t, double bound) {
  EXPECT_LE(t.abs().max().item<double>(), bound);
  EXPECT_GT(t.max().item<double>(), 0.9 * bound);
  EXPECT_LT(t.min().item<double>(), -0.9 * bound);
}

TEST(Cells, NameAndStackTheirParametersAsLuxAndTorch) {
  auto check = [](const Tree& ps, int64_t rows) {
    EXPECT_EQ(ps.keys(), kWeights);
    EXPECT_EQ(ps["weight_ih"].tensor().sizes(), (Sizes{rows, 3}));
    EXPECT_EQ(ps["weight_hh"].tensor().sizes(), (Sizes{rows, 5}));
    EXPECT_EQ(ps["bias_ih"].tensor().sizes(), (Sizes{rows}));
    EXPECT_EQ(ps["bias_hh"].tensor().sizes(), (Sizes{rows}));
  };
  check(setup(Rng(0), RNNCell(3, 5)).first, 5);
  check(setup(Rng(0), LSTMCell(3, 5)).first, 20);
  check(setup(Rng(0), GRUCell(3, 5)).first, 15);
}

TEST(Cells, HaveNoBiasesWhenToldSo) {
  Strings weights{"weight_ih", "weight_hh"};
  EXPECT_EQ(setup(Rng(0), RNNCell(3, 5, {.use_bias = false})).first.keys(), weights);
  EXPECT_EQ(setup(Rng(0), LSTMCell(3, 5, {.use_bias = false})).first.keys(), weights);
  EXPECT_EQ(setup(Rng(0), GRUCell(3, 5, {.use_bias = false})).first.keys(), weights);
}

TEST(Cells, RNNAndLSTMDrawEverythingFromTheInverseRootOfTheirOutputs) {
  auto rnn = setup(Rng(1), RNNCell(30, 400)).first, lstm = setup(Rng(2), LSTMCell(30, 100)).first;
  for (const auto& key : kWeights) {
    SCOPED_TRACE(key);
    expect_within(rnn[key].tensor(), 0.05);
    expect_within(lstm[key].tensor(), 0.1);
  }
}

TEST(Cells, GRUDrawsGlorotForEachGateAndStartsFromZeroBiases) {
  auto ps = setup(Rng(1), GRUCell(30, 20)).first;
  for (int gate = 0; gate < 3; ++gate) {
    expect_within(ps["weight_ih"].tensor().narrow(0, 20 * gate, 20), std::sqrt(6.0 / 50));
    expect_within(ps["weight_hh"].tensor().narrow(0, 20 * gate, 20), std::sqrt(6.0 / 40));
  }
  EXPECT_SAME(ps["bias_ih"], zeros({60}));
  EXPECT_SAME(ps["bias_hh"], zeros({60}));
}

TEST(Cells, GiveEachGateWhatItsInitialiserGivesForItsKey) {
  LSTMCellOptions options{.init_weight = {marked(0), marked(10), marked(20), marked(30)},
                          .init_bias = {marked(1), marked(2), marked(3), marked(4)}};
  auto ps = initial_parameters(LSTMCell(3, 5, options), Rng(9));
  for (uint64_t g = 0; g < 4; ++g) {
    auto block = [&](const char* key) { return ps[key].tensor().narrow(0, 5 * int64_t(g), 5); };
    auto key = [&](const char* name) { return Rng(9).fold_in(name).fold_in(g); };
    double mark = 10.0 * double(g);
    EXPECT_SAME(block("weight_ih"), marked(mark)(key("weight_ih"), {5, 3}));
    EXPECT_SAME(block("weight_hh"), marked(mark)(key("weight_hh"), {5, 5}));
    EXPECT_SAME(block("bias_ih"), marked(1 + double(g))(key("bias_ih"), {5}));
    EXPECT_SAME(block("bias_hh"), marked(1 + double(g))(key("bias_hh"), {5}));
  }
}

TEST(Cells, OrderGatesAsTorchAndCuDNN) {
  // One unit, so that each gate's bias alone decides: c' = sigmoid(f) c + sigmoid(i) tanh(g).
  auto only = [](std::vector<double> gates) {
    auto n = int64_t(gates.size());
    return named({{"weight_ih", zeros({n, 1})},
                  {"weight_hh", zeros({n, 1})},
                  {"bias_ih", tensor(gates)},
                  {"bias_hh", zeros({n})}});
  };
  auto c = [&](std::vector<double> gates) {
    auto carry = tuple({zeros({1, 1}), ones({1, 1})});
    auto st = named({{"rng", Rng(0)}});
    return LSTMCell(1, 1)(zeros({1, 1}), carry, only(gates), st).first.carry[1].tensor();
  };
  EXPECT_NEAR(c({-50, 50, 50, -50}).item<double>(), 1, 1e-6);  // i shut, f open: c stays
  EXPECT_NEAR(c({50, -50, 50, -50}).item<double>(), 1, 1e-6);  // i open, f shut: tanh(g) = 1
  EXPECT_NEAR(c({50, -50, -50, -50}).item<double>(), -1, 1e-6);
  auto h = [&](std::vector<double> gates) {
    auto st = named({{"rng", Rng(0)}});
    return GRUCell(1, 1)(zeros({1, 1}), tuple({full({1, 1}, 3)}), only(gates), st).first.y;
  };
  EXPECT_NEAR(h({0, 50, 0}).item<double>(), 3, 1e-6);    // z open: h stays
  EXPECT_NEAR(h({0, -50, 50}).item<double>(), 1, 1e-6);  // z shut: n = tanh(50)
}

TEST(Cells, GiveTheRecurrentWeightItsOwnInitialiser) {
  GRUCellOptions options{.init_weight = marked(0), .init_recurrent_weight = marked(10)};
  auto ps = setup(Rng(9), GRUCell(3, 5, options)).first;
  EXPECT_LT(ps["weight_ih"].tensor().max().item<double>(), 1);
  EXPECT_GE(ps["weight_hh"].tensor().min().item<double>(), 10);
}

TEST(Cells, TrainTheirInitialStatesAsParameters) {
  LSTMCellOptions options{.train_state = true,
                          .train_memory = true,
                          .init_state = init::Constant{0.5},
                          .init_memory = init::Constant{-2}};
  LSTMCell cell(3, 2, options);
  auto [ps, st] = setup(Rng(0), cell);
  EXPECT_SAME(ps["hidden_state"], full({2}, 0.5));
  EXPECT_SAME(ps["memory"], full({2}, -2));

  auto x = random::normal(Rng(1), {4, 3});
  auto [out, st2] = cell(x, ps, st);
  EXPECT_SAME(st2, st) << "nothing is drawn";
  auto carry = tuple({full({4, 2}, 0.5), full({4, 2}, -2)});
  EXPECT_SAME(to_tree(out), to_tree(cell(x, carry, ps, st).first));

  auto states = st;
  auto grads = grad([&](const Tree& p) { return cell(x, p, states).first.y.sum(); }, ps);
  for (const char* key : {"hidden_state", "memory"}) {
    EXPECT_EQ(grads[key].tensor().sizes(), (Sizes{2}));
    EXPECT_GT(grads[key].tensor().abs().min().item<double>(), 0);
  }
}

TEST(Cells, DrawTheirInitialStatesFromTheirRngAndMoveItOn) {
  LSTMCell cell(3, 2, {.init_state = init::randn, .init_memory = init::Uniform{5, 6}});
  auto [ps, st] = setup(Rng(0), cell);
  auto x = random::normal(Rng(1), {4, 3});
  auto [out, st2] = cell(x, ps, st);
  auto [again, st2_again] = cell(x, ps, st);
  EXPECT_SAME(to_tree(out), to_tree(again));
  EXPECT_SAME(st2, st2_again);
  EXPECT_FALSE(tree::equal(st2, st));
  EXPECT_FALSE(tree::equal(to_tree(cell(x, ps, st2).first), to_tree(out)));
  EXPECT_EQ(ps.keys(), kWeights) << "drawn states are no parameters";

  auto states = st2;
  EXPECT_SAME(cell(x, out.carry, ps, states).second, states) << "a carry needs no draw";
}

TEST(Cells, HonourTheInitialiserOfTheMemory) {
  // Saturated gates: c' = c and h' = tanh(c).
  auto ps = named({{"weight_ih", zeros({4, 1})},
                   {"weight_hh", zeros({4, 1})},
                   {"bias_ih", tensor({-50., 50., 0., 50.})},
                   {"bias_hh", zeros({4})}});
  LSTMCell cell(1, 1, {.init_state = init::Constant{9}, .init_memory = init::Constant{0.25}});
  auto out = cell(zeros({2, 1}), ps, setup(Rng(0), cell).second).first;
  EXPECT_CLOSE(out.carry[1].tensor(), full({2, 1}, 0.25), 1e-6);
  EXPECT_CLOSE(out.y, full({2, 1}, std::tanh(0.25)), 1e-6);
}

TEST(Cells, GiveNoGradientToADrawnState) {
  GRUCell cell(3, 2, {.init_state = init::randn});
  auto [ps, st] = setup(Rng(0), cell);
  auto states = st;
  auto x = random::normal(Rng(1), {4, 3});
  Tree moved;
  auto grads = grad(
      [&](const Tree& p) {
        auto [out, st2] = cell(x, p, states);
        moved = st2;
        return out.y.sum();
      },
      ps);
  EXPECT_EQ(tree::difference(grads, ps), "");
  EXPECT_FALSE(tree::equal(moved, states));
}

TEST(Cells, TakeOneUnbatchedInput) {
  auto check = [](const auto& cell) {
    auto [ps, st] = setup(Rng(0), cell);
    auto x = random::normal(Rng(1), {3});
    auto one = cell(x, ps, st).first;
    auto two = cell(x, one.carry, ps, st).first;
    EXPECT_EQ(one.y.sizes(), (Sizes{2}));
    auto batched = cell(x.unsqueeze(0), ps, st).first;
    auto remove = [](const Tensor& t) { return t.squeeze(0); };
    EXPECT_SAME(to_tree(one), tree::map_tensors(remove, to_tree(batched)));
    batched = cell(x.unsqueeze(0), batched.carry, ps, st).first;
    EXPECT_SAME(to_tree(two), tree::map_tensors(remove, to_tree(batched)));
  };
  check(RNNCell(3, 2));
  check(LSTMCell(3, 2));
  check(GRUCell(3, 2, {.train_state = true, .init_state = init::randn}));
}

TEST(Cells, ReturnTheirHiddenStateAsTheOutput) {
  LSTMCell cell(3, 2);
  auto [ps, st] = setup(Rng(0), cell);
  auto out = cell(random::normal(Rng(1), {4, 3}), ps, st).first;
  EXPECT_EQ(out.carry.size(), 2u);
  EXPECT_SAME(out.y, out.carry[0].tensor());
}

TEST(Cells, SayTheirSizesAndOptionsAsLuxDoes) {
  EXPECT_EQ(RNNCell(2, 8).label(), "RNNCell(2 => 8)");
  EXPECT_EQ(RNNCell(2, 8, relu, {.use_bias = false}).label(),
            "RNNCell(2 => 8, relu, use_bias=false)");
  EXPECT_EQ(LSTMCell(2, 8, {.use_bias = false, .train_state = true, .train_memory = true}).label(),
            "LSTMCell(2 => 8, use_bias=false, train_state=true, train_memory=true)");
  EXPECT_EQ(GRUCell(2, 8, {.train_state = true}).label(), "GRUCell(2 => 8, train_state=true)");
}
}  // namespace
}  // namespace luxtorch::testing
