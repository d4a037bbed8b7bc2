// Integers as the input of the stock cells and of what runs them.
#include <gtest/gtest.h>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/recurrent.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

constexpr int64_t kSymbols = 6;

std::vector<Layer> cells_of_symbols() {
  return {RNNCell(kSymbols, 3, relu), RNNCell(kSymbols, 3, {.use_bias = false}),
          LSTMCell(kSymbols, 3, {.train_state = true}), GRUCell(kSymbols, 3)};
}

Tensor tokens() { return tensor({5, 0, 1, 3, 3, 3, 2, 5}).reshape({2, 4}); }
Tensor one_hot(const Tensor& t) {
  auto rows = eye(kSymbols, {.dtype = kFloat64}).index_select(0, t.to(kInt64).flatten());
  auto shape = t.sizes().vec();
  shape.push_back(kSymbols);
  return rows.reshape(shape);
}

TEST(Tokens, AreTheirOneHotRowsInValuesAndGradients) {
  for (const Layer& cell : cells_of_symbols()) {
    for (const Layer& layer :
         {cell, Layer(Recurrence(cell, {.return_sequence = true, .return_carry = true})),
          Layer(Recurrence(cell, {.ordering = Ordering::TimeFirst}))}) {
      auto [ps, st] = setup(Rng(0), layer);
      auto states = st;
      auto x = layer.is_cell() ? tokens().select(1, 0) : tokens();
      auto run = [&](const Tensor& x) {
        return value_and_grad(
            [&](const Tree& ps) {
              auto y = layer(x, ps, states).first;
              auto sum = zeros({}, {.dtype = kFloat64});
              for (const auto& part : tree::tensors(y)) sum = sum + part.square().sum();
              return std::pair{sum, y};
            },
            tree::to(ps, kFloat64));
      };
      auto got = run(x), expected = run(one_hot(x));
      EXPECT_TREES_CLOSE(got.aux, expected.aux, kPlainFloat64);
      EXPECT_TREES_CLOSE(got.grads, expected.grads, kPlainFloat64);
    }
  }
}

TEST(Tokens, MayBeOfAnyIntegerDtype) {
  Recurrence run(GRUCell(kSymbols, 3));
  auto [ps, st] = setup(Rng(0), run);
  auto expected = run(tokens(), ps, st).first;
  for (auto dtype : {Dtype::Byte, Dtype::Char, Dtype::Short, Dtype::Int})
    EXPECT_SAME(run(tokens().to(dtype), ps, st).first, expected);
}

TEST(Tokens, OfAnUnbatchedCallHaveOneDimensionFewer) {
  for (const Layer& cell : cells_of_symbols()) {
    auto [ps, st] = setup(Rng(0), cell);
    auto step = cell(tokens()[0][0], ps, st).first;
    EXPECT_EQ(step[0].tensor().sizes(), (Sizes{3}));
    EXPECT_CLOSE(step[0].tensor(), cell(tokens()[0].narrow(0, 0, 1), ps, st).first[0].tensor()[0],
                 1e-6);
    for (auto ordering : {Ordering::BatchFirst, Ordering::TimeFirst}) {
      Recurrence run(cell, {ordering, true});
      int64_t batch = ordering == Ordering::TimeFirst ? 1 : 0;
      auto y = run(tokens()[0], ps, st).first.tensor();
      EXPECT_EQ(y.sizes(), (Sizes{4, 3}));
      EXPECT_CLOSE(y, run(tokens()[0].unsqueeze(batch), ps, st).first.tensor().squeeze(batch),
                   1e-6);
    }
  }
}

TEST(Tokens, AreStepsOfAStream) {
  StatefulRecurrentCell stream(LSTMCell(kSymbols, 3));
  auto [ps, st] = setup(Rng(0), stream);
  auto expected =
      Recurrence(LSTMCell(kSymbols, 3), {.return_sequence = true})(tokens(), ps, st["cell"]).first;
  for (int64_t t = 0; t < 4; ++t) {
    auto [y, next] = stream(tokens().select(1, t), ps, st);
    EXPECT_CLOSE(y, expected.tensor().select(1, t), 1e-6);
    st = next;
  }
}

TEST(Tokens, OutsideTheirRangeAreRefusedWithTheirPlace) {
  Chain model(field("rnn", Recurrence(LSTMCell(kSymbols, 3))));
  auto [ps, st] = setup(Rng(0), model);
  auto parameters = ps, states = st;
  auto run = [&](const Tree& x) { return apply(model, x, parameters, states); };
  EXPECT_ERROR(ShapeError, run(tensor({1, 2, 3, 4, 5, 6, 7, 0}).reshape({2, 4})),
               "[LSTMCell] at rnn: expected tokens from 0 to 5, in_dims being 6, got 6 at (1, 1).");
  EXPECT_ERROR(
      ShapeError, run(tensor({1, 2, 3, -1, 5, 6, 7, 0}).reshape({2, 4})),
      "[LSTMCell] at rnn: expected tokens from 0 to 5, in_dims being 6, got -1 at (0, 3).");
  EXPECT_ERROR(ShapeError, run(tensor({1, 2, 9})),
               "[LSTMCell] at rnn: expected tokens from 0 to 5, in_dims being 6, got 9 at (2,).");
  GRUCell cell(kSymbols, 3);
  auto [ps2, st2] = setup(Rng(0), cell);
  EXPECT_ERROR(ShapeError, apply(cell, tensor({1, 6}), ps2, st2),
               "[GRUCell] expected tokens from 0 to 5, in_dims being 6, got 6 at (1,).");
  EXPECT_ERROR(ShapeError, apply(cell, full({}, 8, {.dtype = kInt64}), ps2, st2),
               "[GRUCell] expected tokens from 0 to 5, in_dims being 6, got 8.");
}

TEST(Tokens, BeyondARowsLengthMayBeAnything) {
  Recurrence run(LSTMCell(kSymbols, 3));
  auto [ps, st] = setup(Rng(0), run);
  auto parameters = ps, states = st;
  auto lengths = tensor({2, 4});
  auto padded = tensor({1, 2, -100, 99, 3, 4, 5, 0}).reshape({2, 4});
  auto clean = tensor({1, 2, 0, 0, 3, 4, 5, 0}).reshape({2, 4});
  EXPECT_SAME(run(padded, lengths, ps, st).first, run(clean, lengths, ps, st).first);
  auto wrong = tensor({1, 2, -100, 99, 3, 7, 5, 0}).reshape({2, 4});
  EXPECT_ERROR(ShapeError, apply(run, tuple({wrong, lengths}), parameters, states),
               "[LSTMCell] expected tokens from 0 to 5, in_dims being 6, got 7 at (1, 1).");
}

TEST(Tokens, OfAnotherRankAreRefused) {
  LSTMCell cell(3, 2);
  auto [ps, st] = setup(Rng(0), cell);
  EXPECT_ERROR(ShapeError, apply(cell, ones({4, 3}, {.dtype = kInt64}), ps, st),
               "[LSTMCell] expected tokens of shape (batch,), or x of shape (batch, 3) and dtype "
               "float32, got int64 of shape (4, 3).");
  EXPECT_ERROR(ShapeError, apply(Recurrence(cell), ones({4, 5, 3}, {.dtype = kInt64}), ps, st),
               "[LSTMCell] expected tokens of shape (batch, time), or x of shape (batch, time, 3) "
               "and dtype float32, got int64 of shape (4, 5, 3).");
  EXPECT_ERROR(ShapeError, apply(cell, ones({4, 3}, {.dtype = kBool}), ps, st),
               "[LSTMCell] expected x of dtype float32 like the parameters, got bool. Convert one "
               "of them: x.to(...) or tree::to(ps, ...).");
}

TEST(Tokens, OfNoRowsGiveNoRows) {
  for (const Layer& cell : cells_of_symbols()) {
    Recurrence run(cell);
    auto [ps, st] = setup(Rng(0), run);
    EXPECT_EQ(run(zeros({0, 4}, {.dtype = kInt64}), ps, st).first.tensor().sizes(), (Sizes{0, 3}));
  }
}

}  // namespace
}  // namespace luxtorch::testing
