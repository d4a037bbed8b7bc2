// Sequences of several lengths, reversed sequences and tokens, against a loop over each row's own
// steps.
#include <gtest/gtest.h>

#include <cmath>

#include "luxtorch/autodiff/grad.h"
#include "ops/recurrent_kinds.h"
#include "support/compare.h"
#include "support/finite_differences.h"

namespace luxtorch::testing {
namespace {

constexpr int64_t kTime = 5, kIn = 2, kOut = 3;

Tensor features(int64_t batch) {
  return random::normal(Rng(5), {batch, kTime, kIn}, 0, 0.7, kFloat64);
}

// Each row by itself: its own steps one after another, zeros behind them. x: (batch, time, in).
Tree row_by_row(const RecurrentKind& kind, const Tensor& x, const Tree& t,
                const std::vector<int64_t>& lengths, bool reverse) {
  std::vector<Tensor> ys, hs, cs;
  auto w = recurrent_weights(t);
  for (int64_t r = 0; r < x.size(0); ++r) {
    auto n = lengths[static_cast<size_t>(r)];
    RecurrentState s{t["h"].tensor().narrow(0, r, 1), t["c"].tensor().narrow(0, r, 1)};
    std::vector<Tensor> steps(kTime, zeros({1, kOut}, {.dtype = kFloat64}));
    for (int64_t i = 0; i < n; ++i) {
      auto at = reverse ? n - 1 - i : i;
      s = kind.cell(x.narrow(0, r, 1).select(1, at), s, w);
      steps[static_cast<size_t>(at)] = s.h;
    }
    ys.push_back(stack(steps, 1)), hs.push_back(s.h);
    if (s.c.defined()) cs.push_back(s.c);
  }
  auto out = ops::SequenceOutput{cat(ys), cat(hs), {}};
  if (kind.name == "LSTM") out.c = cat(cs);
  return recurrent_output(out);
}

Tree at_once(const RecurrentKind& kind, const Tensor& x, const Tree& t,
             ops::SequenceOptions options) {
  auto turned = options.time_first ? x.transpose(0, 1) : x;
  auto out =
      kind.sequence(turned, {t["h"].tensor(), t["c"].tensor()}, recurrent_weights(t), options);
  if (options.time_first) out.y = out.y.transpose(0, 1);
  return recurrent_output(out);
}

Tensor beyond(const std::vector<int64_t>& lengths) {
  return arange(kTime).unsqueeze(0).ge(tensor(lengths).unsqueeze(1));
}

// Values and all gradients, with NaN wherever nothing should be looked at.
void expect_rows(const RecurrentKind& kind, const std::vector<int64_t>& lengths, bool reverse,
                 bool time_first, bool bias) {
  SCOPED_TRACE(kind.name + (reverse ? " reversed" : "") + (time_first ? " time first" : ""));
  auto batch = static_cast<int64_t>(lengths.size());
  auto at = recurrent_inputs(kind.gates, bias, batch, kIn, kOut).with("x", features(batch));
  auto missing = beyond(lengths);
  auto spoilt = at.with("x", at["x"].tensor().masked_fill(missing.unsqueeze(-1), std::nan("")));
  auto sum = [](const Tree& out) { return std::pair{weighted_sum(out), out}; };
  auto expected = value_and_grad(
      [&](const Tree& t) { return sum(row_by_row(kind, t["x"].tensor(), t, lengths, reverse)); },
      at);
  ops::SequenceOptions options{time_first, reverse, tensor(lengths)};
  auto got = value_and_grad(
      [&](const Tree& t) { return sum(at_once(kind, t["x"].tensor(), t, options)); }, spoilt);
  EXPECT_TREES_CLOSE(got.aux, expected.aux, kPlainFloat64);
  EXPECT_TREES_CLOSE(got.grads, expected.grads, kPlainFloat64);
  auto padding = got.grads["x"].tensor().masked_select(missing.unsqueeze(-1));
  EXPECT_SAME(padding, zeros({padding.numel()}, {.dtype = kFloat64}));
  auto y = got.aux[0].tensor().masked_select(missing.unsqueeze(-1));
  EXPECT_SAME(y, zeros({y.numel()}, {.dtype = kFloat64}));
}

TEST(RecurrentLengths, RunEachRowOverItsOwnStepsAndNeverLookBeyondThem) {
  const std::vector<std::vector<int64_t>> all{{3, 5, 0, 1}, {2, 1, 3, 3}, {5, 5}, {0, 0}, {2}};
  for (const auto& kind : recurrent_kinds()) {
    for (const auto& lengths : all) {
      for (bool reverse : {false, true}) {
        for (bool time_first : {false, true})
          expect_rows(kind, lengths, reverse, time_first, lengths.size() != 2);
      }
    }
  }
}

TEST(RecurrentLengths, LeaveTheCarryOfAnEmptyRowAsItWas) {
  for (const auto& kind : recurrent_kinds()) {
    SCOPED_TRACE(kind.name);
    auto at = recurrent_inputs(kind.gates, true, 2, kIn, kOut);
    auto out = at_once(kind, features(2), at, {.lengths = tensor({0, 4})});
    EXPECT_SAME(out[1].tensor().select(0, 0), at["h"].tensor().select(0, 0));
    if (out[2].is_none()) continue;
    EXPECT_SAME(out[2].tensor().select(0, 0), at["c"].tensor().select(0, 0));
  }
}

TEST(RecurrentLengths, ReverseAWholeSequence) {
  for (const auto& kind : recurrent_kinds()) {
    for (bool time_first : {false, true}) {
      for (bool bias : {false, true}) {
        SCOPED_TRACE(kind.name);
        auto at = recurrent_inputs(kind.gates, bias, 2, kIn, kOut).with("x", features(2));
        auto sum = [](const Tree& out) { return std::pair{weighted_sum(out), out}; };
        auto expected = value_and_grad(
            [&](const Tree& t) {
              return sum(row_by_row(kind, t["x"].tensor(), t, {kTime, kTime}, true));
            },
            at);
        auto got = value_and_grad(
            [&](const Tree& t) {
              return sum(
                  at_once(kind, t["x"].tensor(), t, {.time_first = time_first, .reverse = true}));
            },
            at);
        EXPECT_TREES_CLOSE(got.aux, expected.aux, kPlainFloat64);
        EXPECT_TREES_CLOSE(got.grads, expected.grads, kPlainFloat64);
      }
    }
  }
}

TEST(RecurrentLengths, HaveTheFirstAndSecondDerivativesThatFiniteDifferencesGive) {
  for (const auto& kind : recurrent_kinds()) {
    if (kind.name == "RNN with relu") continue;  // a kink near a step is no error
    SCOPED_TRACE(kind.name);
    auto at = recurrent_inputs(kind.gates, true, 3, kIn, kOut).with("x", features(3));
    auto f = [&](const Tree& t) {
      ops::SequenceOptions options{.reverse = true, .lengths = tensor({3, 0, 4})};
      return weighted_sum(at_once(kind, t["x"].tensor(), t, options));
    };
    EXPECT_TRUE(gradients_match(f, at, grad(f, at)));
    auto slope = [&](const Tree& t) {
      auto [value, grads] = value_and_grad(f, t, {.create_graph = true});
      auto sum = value.square();
      for (const auto& g : tree::tensors(grads)) sum = sum + g.square().sum();
      return sum;
    };
    EXPECT_TRUE(gradients_match(slope, at, grad(slope, at), {.elements = 12}));
  }
}

TEST(RecurrentTokens, AreTheProductWithOneHotRows) {
  constexpr int64_t kSymbols = 7, kBatch = 3;
  auto tokens = tensor({3, 0, 6, 6, 1, 2, 2, 2, 0, 5, 6, 3, 4, 4, 0}).reshape({kBatch, kTime});
  auto one_hot = eye(kSymbols, {.dtype = kFloat64}).index_select(0, tokens.flatten());
  auto rows = one_hot.reshape({kBatch, kTime, kSymbols});
  auto sum = [](const Tree& out) { return std::pair{weighted_sum(out), out}; };
  for (const auto& kind : recurrent_kinds()) {
    for (bool bias : {true, false}) {
      SCOPED_TRACE(kind.name);
      auto at = recurrent_inputs(kind.gates, bias, kBatch, kSymbols, kOut);
      for (const auto& options :
           {ops::SequenceOptions{}, ops::SequenceOptions{.time_first = true, .reverse = true},
            ops::SequenceOptions{.lengths = tensor({4, 0, 5})}}) {
        auto run = [&](const Tensor& x) {
          return value_and_grad([&](const Tree& t) { return sum(at_once(kind, x, t, options)); },
                                at);
        };
        auto got = run(tokens), expected = run(rows);
        EXPECT_TREES_CLOSE(got.aux, expected.aux, kPlainFloat64);
        EXPECT_TREES_CLOSE(got.grads, expected.grads, kPlainFloat64);
      }
      auto step = [&](const Tensor& x) {
        return value_and_grad(
            [&](const Tree& t) {
              auto s = kind.cell(x, {t["h"].tensor(), t["c"].tensor()}, recurrent_weights(t));
              return sum(s.c.defined() ? tuple({s.h, s.c}) : tuple({s.h}));
            },
            at);
      };
      auto got = step(tokens.select(1, 0)), expected = step(rows.select(1, 0));
      EXPECT_TREES_CLOSE(got.aux, expected.aux, kPlainFloat64);
      EXPECT_TREES_CLOSE(got.grads, expected.grads, kPlainFloat64);
    }
  }
}

TEST(RecurrentTokens, AreNotLookedAtBeyondARowsLength) {
  auto kind = recurrent_kinds().back();
  auto at = recurrent_inputs(kind.gates, true, 2, 4, kOut);
  auto run = [&](const Tensor& tokens) {
    return at_once(kind, tokens, at, {.lengths = tensor({2, 5})});
  };
  EXPECT_SAME(run(tensor({1, 3, -1, 99, -7, 0, 1, 2, 3, 0}).reshape({2, kTime})),
              run(tensor({1, 3, 0, 0, 0, 0, 1, 2, 3, 0}).reshape({2, kTime})));
}

TEST(RecurrentLengths, TakeNoRows) {
  for (const auto& kind : recurrent_kinds()) {
    SCOPED_TRACE(kind.name);
    auto at = recurrent_inputs(kind.gates, true, 0, kIn, kOut);
    auto lengths = zeros({0}, {.dtype = kInt64});
    auto none = features(1).narrow(0, 0, 0);
    auto out = at_once(kind, none, at, {.lengths = lengths});
    EXPECT_EQ(out[0].tensor().sizes(), (std::vector<int64_t>{0, kTime, kOut}));
    EXPECT_EQ(out[1].tensor().sizes(), (std::vector<int64_t>{0, kOut}));
    auto tokens = zeros({0, kTime}, {.dtype = kInt64});
    EXPECT_SAME(at_once(kind, tokens, at, {}), out);
  }
}

}  // namespace
}  // namespace luxtorch::testing
