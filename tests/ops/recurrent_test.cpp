// The recurrent operators against their equations, written with plain torch operators.
#include "luxtorch/ops/recurrent.h"

#include <gtest/gtest.h>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/rng.h"
#include "ops/recurrent_kinds.h"
#include "support/compare.h"
#include "support/finite_differences.h"

namespace luxtorch::testing {
namespace {

constexpr RecurrentSizes kSequence{.batch = 3, .time = 4, .in = 2, .out = 5};

Tensor drawn(const char* name, Shape shape) {
  return random::normal(Rng(1).fold_in(name), shape, 0, 0.7, kFloat64);
}

// Everything that a sequence takes, as one tree.
Tree sequence_inputs(int64_t gates, bool bias) {
  auto t = named({{"x", drawn("x", {kSequence.batch, kSequence.time, kSequence.in})},
                  {"h", drawn("h", {kSequence.batch, kSequence.out})},
                  {"c", drawn("c", {kSequence.batch, kSequence.out})},
                  {"w_ih", drawn("w_ih", {gates * kSequence.out, kSequence.in})},
                  {"w_hh", drawn("w_hh", {gates * kSequence.out, kSequence.out})}});
  return bias ? merge(t, named({{"b_ih", drawn("b_ih", {gates * kSequence.out})},
                                {"b_hh", drawn("b_hh", {gates * kSequence.out})}}))
              : t;
}
ops::CellWeights weights(const Tree& t) {
  auto get = [&](const char* key) { return t.contains(key) ? t[key].tensor() : Tensor(); };
  return {get("w_ih"), get("w_hh"), get("b_ih"), get("b_hh")};
}

Tensor affine(const Tensor& x, const Tensor& w, const Tensor& b) {
  auto y = x.matmul(w.t());
  return b.defined() ? y + b : y;
}

struct State {
  Tensor h, c;
};
using Cell = std::function<State(const Tensor& x, const State& s, const ops::CellWeights& w)>;
using Sequence = std::function<ops::SequenceOutput(
    const Tensor& x, const State& s, const ops::CellWeights& w, ops::SequenceOptions)>;

State lstm_by_hand(const Tensor& x, const State& s, const ops::CellWeights& w) {
  auto z = (affine(x, w.weight_ih, w.bias_ih) + affine(s.h, w.weight_hh, w.bias_hh)).chunk(4, 1);
  auto c = z[1].sigmoid() * s.c + z[0].sigmoid() * z[2].tanh();
  return {z[3].sigmoid() * c.tanh(), c};
}
State gru_by_hand(const Tensor& x, const State& s, const ops::CellWeights& w) {
  auto a = affine(x, w.weight_ih, w.bias_ih).chunk(3, 1);
  auto d = affine(s.h, w.weight_hh, w.bias_hh).chunk(3, 1);
  auto r = (a[0] + d[0]).sigmoid(), z = (a[1] + d[1]).sigmoid();
  auto n = (a[2] + r * d[2]).tanh();
  return {(1 - z) * n + z * s.h, {}};
}
Cell rnn_by_hand(const Activation& f) {
  return [f](const Tensor& x, const State& s, const ops::CellWeights& w) -> State {
    return {f(affine(x, w.weight_ih, w.bias_ih) + affine(s.h, w.weight_hh, w.bias_hh)), {}};
  };
}

// y, h and c of all steps as a tree, and a scalar of them that knows each element.
Tree loop(const Cell& cell, const Tree& t) {
  State s{t["h"].tensor(), t["c"].tensor()};
  std::vector<Tensor> ys;
  for (const auto& x : t["x"].tensor().unbind(1)) ys.push_back((s = cell(x, s, weights(t))).h);
  return tuple({stack(ys, 1), s.h, s.c.defined() ? Tree(s.c) : Tree()});
}
Tree run(const Sequence& sequence, const Tree& t, bool time_first) {
  auto x = t["x"].tensor();
  auto out = sequence(time_first ? x.transpose(0, 1) : x, {t["h"].tensor(), t["c"].tensor()},
                      weights(t), {.time_first = time_first});
  return tuple(
      {time_first ? out.y.transpose(0, 1) : out.y, out.h, out.c.defined() ? Tree(out.c) : Tree()});
}
Tensor scalar(const Tree& out) {
  auto sum = zeros({}, {.dtype = kFloat64});
  uint64_t i = 0;
  for (const auto& part : tree::tensors(out))
    sum = sum + (part * random::normal(Rng(i++), part.sizes(), 0, 1, kFloat64)).sum();
  return sum;
}

void expect_equations(int64_t gates, const Cell& by_hand, const Cell& cell,
                      const Sequence& sequence) {
  for (bool bias : {true, false}) {
    SCOPED_TRACE(bias ? "with biases" : "without biases");
    auto at = sequence_inputs(gates, bias);
    auto out_of = [](const Tree& out) { return std::pair{scalar(out), out}; };
    auto expected = value_and_grad([&](const Tree& t) { return out_of(loop(by_hand, t)); }, at);
    auto check = [&](const char* what, const std::function<Tree(const Tree&)>& f) {
      SCOPED_TRACE(what);
      auto got = value_and_grad([&](const Tree& t) { return out_of(f(t)); }, at);
      EXPECT_TREES_CLOSE(got.aux, expected.aux, kPlainFloat64);
      EXPECT_TREES_CLOSE(got.grads, expected.grads, kPlainFloat64);
    };
    check("by steps", [&](const Tree& t) { return loop(cell, t); });
    check("at once", [&](const Tree& t) { return run(sequence, t, false); });
    check("at once, time first", [&](const Tree& t) { return run(sequence, t, true); });

    auto slope = [&](const std::function<Tree(const Tree&)>& f) {
      return [f](const Tree& t) {
        auto [value, grads] =
            value_and_grad([&](const Tree& u) { return scalar(f(u)); }, t, {.create_graph = true});
        auto sum = value.square();
        for (const auto& g : tree::tensors(grads)) sum = sum + g.square().sum();
        return sum;
      };
    };
    auto second = grad(slope([&](const Tree& t) { return loop(by_hand, t); }), at);
    EXPECT_TREES_CLOSE(grad(slope([&](const Tree& t) { return loop(cell, t); }), at), second,
                       1e-10);
    EXPECT_TREES_CLOSE(grad(slope([&](const Tree& t) { return run(sequence, t, false); }), at),
                       second, 1e-10);
  }
}

TEST(RecurrentOps, RNNFollowsItsEquationForEveryActivation) {
  for (const auto& f : {tanh, relu, sigmoid}) {
    SCOPED_TRACE(f.name());
    expect_equations(
        1, rnn_by_hand(f),
        [&](auto& x, auto& s, auto& w) -> State { return {ops::rnn_cell(x, s.h, w, f), {}}; },
        [&](auto& x, auto& s, auto& w, auto o) { return ops::rnn_sequence(x, s.h, w, f, o); });
  }
}

TEST(RecurrentOps, LSTMFollowsItsEquations) {
  expect_equations(
      4, lstm_by_hand,
      [](auto& x, auto& s, auto& w) -> State {
        auto [h, c] = ops::lstm_cell(x, s.h, s.c, w);
        return {h, c};
      },
      [](auto& x, auto& s, auto& w, auto o) { return ops::lstm_sequence(x, s.h, s.c, w, o); });
}

TEST(RecurrentOps, GRUFollowsItsEquations) {
  expect_equations(
      3, gru_by_hand,
      [](auto& x, auto& s, auto& w) -> State { return {ops::gru_cell(x, s.h, w), {}}; },
      [](auto& x, auto& s, auto& w, auto o) { return ops::gru_sequence(x, s.h, w, o); });
}

TEST(RecurrentOps, AreTheSameInFloat32WithAndWithoutAGraph) {
  auto at = tree::to(sequence_inputs(4, true), kFloat32);
  auto f = [](const Tree& t) {
    auto out =
        ops::lstm_sequence(t["x"].tensor(), t["h"].tensor(), t["c"].tensor(), weights(t), {});
    return std::pair{out.y.sum(), tuple({out.y, out.h, out.c})};
  };
  EXPECT_TREES_CLOSE(f(at).second, value_and_grad(f, at).aux, kPlainFloat32);
}

TEST(RecurrentOps, TakeInputsThatAreNotContiguous) {
  auto at = sequence_inputs(4, true);
  auto strided = tree::map_tensors(
      [](const Tensor& t) {
        return t.dim() < 2 ? t : t.transpose(0, 1).contiguous().transpose(0, 1);
      },
      at);
  auto sequence = [](auto& x, auto& s, auto& w, auto o) {
    return ops::lstm_sequence(x, s.h, s.c, w, o);
  };
  EXPECT_TREES_CLOSE(run(sequence, strided, false), run(sequence, at, false), kPlainFloat64);
}

}  // namespace
}  // namespace luxtorch::testing
