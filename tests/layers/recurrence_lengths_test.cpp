// Recurrence over rows of several lengths, for stock cells and a user's own.
#include <gtest/gtest.h>

#include <cmath>

#include "layers/uneven_rows.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/compact.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/recurrent.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

const std::vector<int64_t> kLengths{3, 5, 1, 2};

// A user's own, whose carry has a tensor of rows and a number that is none.
struct NumberedCell {
  Tree initial_parameters(Rng rng) const {
    return named({{"weight", init::Normal{}(rng.fold_in("weight"), {kOut, kIn})}});
  }
  Out<Step> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    return (*this)(
        x, named({{"h", zeros({x.size(0), kOut}, {.dtype = x.scalar_type()})}, {"n", 0}}), ps, st);
  }
  Out<Step> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const {
    auto h = x.matmul(ps["weight"].tensor().t()).add(carry["h"].tensor().mul(0.5)).tanh();
    return {{h * 2, named({{"h", h}, {"n", carry["n"].scalar<int64_t>() + 1}})}, st};
  }
};

std::vector<Layer> cells_of_rows() {
  return {RNNCell(kIn, kOut), RNNCell(kIn, kOut, softplus), LSTMCell(kIn, kOut), GRUCell(kIn, kOut),
          NumberedCell{}};
}

Tree rows_of(const Tree& carry) {
  return tree::map([](const Tree& leaf) { return leaf.is_tensor() ? leaf : Tree(); }, carry);
}

TEST(RecurrenceLengths, GiveEachRowWhatItsOwnStepsGive) {
  for (const Layer& cell : cells_of_rows()) {
    for (bool time_first : {false, true}) {
      auto ordering = time_first ? Ordering::TimeFirst : Ordering::BatchFirst;
      Recurrence sequence(cell, {ordering, true, true}), last(cell, {ordering, false, true});
      auto [ps32, st] = setup(Rng(0), sequence);
      auto ps = tree::to(ps32, kFloat64);
      auto x = spoilt(features(), kLengths);
      auto turned = time_first ? x.transpose(0, 1) : x;
      auto all = sequence(turned, tensor(kLengths), ps, st).first;
      auto end = last(turned, tensor(kLengths), ps, st).first;
      auto y = time_first ? all[0].tensor().transpose(0, 1) : all[0].tensor();
      EXPECT_TREES_CLOSE(rows_of(end[1]), rows_of(all[1]), kPlainFloat64);
      for (int64_t r = 0; r < 4; ++r) {
        auto n = kLengths[static_cast<size_t>(r)];
        auto own = Recurrence(cell, {.return_sequence = true, .return_carry = true})(
                       x.narrow(0, r, 1).narrow(1, 0, n), ps, st)
                       .first;
        EXPECT_CLOSE(y.narrow(0, r, 1).narrow(1, 0, n), own[0].tensor(), kPlainFloat64);
        EXPECT_SAME(y.select(0, r).narrow(0, n, kTime - n),
                    zeros({kTime - n, kOut}, {.dtype = kFloat64}));
        EXPECT_CLOSE(end[0].tensor().narrow(0, r, 1), own[0].tensor().select(1, n - 1),
                     kPlainFloat64);
        auto row = [&](const Tensor& t) { return t.narrow(0, r, 1); };
        EXPECT_TREES_CLOSE(rows_of(tree::map_tensors(row, all[1])), rows_of(own[1]), kPlainFloat64);
      }
    }
  }
}

TEST(RecurrenceLengths, HaveTheGradientsOfTheRowsThemselvesAndNoneBeyondThem) {
  for (const Layer& cell : cells_of_rows()) {
    Recurrence run(cell, {.return_sequence = true});
    auto [ps, st] = setup(Rng(0), run);
    auto states = st;
    auto at = named({{"ps", tree::to(ps, kFloat64)}, {"x", features()}});
    auto weight = random::normal(Rng(2), {4, kTime, kOut}, 0, 1, kFloat64);
    auto expected = grad(
        [&](const Tree& t) {
          auto sum = zeros({}, {.dtype = kFloat64});
          for (int64_t r = 0; r < 4; ++r) {
            auto n = kLengths[static_cast<size_t>(r)];
            auto x = t["x"].tensor().narrow(0, r, 1).narrow(1, 0, n);
            auto y = run(x, t["ps"], states).first.tensor();
            sum = sum + (y * weight.narrow(0, r, 1).narrow(1, 0, n)).sum();
          }
          return sum;
        },
        at);
    auto got = grad(
        [&](const Tree& t) {
          auto y = run(t["x"].tensor(), tensor(kLengths), t["ps"], states).first.tensor();
          return (y * weight).sum();
        },
        at.with("x", spoilt(features(), kLengths)));
    EXPECT_TREES_CLOSE(got, expected, kPlainFloat64);
  }
}

TEST(RecurrenceLengths, OfZeroGiveZerosAndTheInitialCarry) {
  auto carry_of = [](const Layer& cell) {
    auto h = full({4, kOut}, 0.25, {.dtype = kFloat64});
    if (cell.as<NumberedCell>()) return named({{"h", h}, {"n", 0}});
    return cell.as<LSTMCell>() ? tuple({h, h * 2}) : tuple({h});
  };
  for (const Layer& cell : cells_of_rows()) {
    Recurrence run(cell, {.return_carry = true});
    auto [ps32, st] = setup(Rng(0), run);
    auto ps = tree::to(ps32, kFloat64);
    auto lengths = tensor({0, 2, 0, 5});
    auto carry = carry_of(cell);
    auto row = [](const Tensor& t) { return t.select(0, 2); };
    auto given = run(features(), carry, lengths, ps, st).first;
    EXPECT_SAME(given[0].tensor().select(0, 2), zeros({kOut}, {.dtype = kFloat64}));
    EXPECT_SAME(rows_of(tree::map_tensors(row, given[1])), rows_of(tree::map_tensors(row, carry)));
    auto fresh = run(features(), lengths, ps, st).first;
    EXPECT_SAME(fresh[0].tensor().select(0, 0), zeros({kOut}, {.dtype = kFloat64}));
    for (const auto& part : tree::tensors(fresh[1]))
      EXPECT_SAME(part.select(0, 0), zeros({kOut}, {.dtype = kFloat64}));
    auto none = run(features(), zeros({4}, {.dtype = kInt64}), ps, st).first;
    EXPECT_SAME(none[0], zeros({4, kOut}, {.dtype = kFloat64}));
  }
}

TEST(RecurrenceLengths, AreTakenAsArgumentsAsATupleAndErasedAlike) {
  for (const Layer& cell : cells_of_rows()) {
    Recurrence run(cell, {.return_carry = true});
    auto [ps32, st] = setup(Rng(0), run);
    auto ps = tree::to(ps32, kFloat64);
    auto x = features();
    auto lengths = tensor(kLengths);
    auto expected = run(x, lengths, ps, st).first;
    EXPECT_SAME(apply(run, tuple({x, lengths}), ps, st).first, expected);
    EXPECT_SAME(Layer(run)(tuple({x, lengths}), ps, st).first, expected);
    EXPECT_SAME(run(x, Tree(), lengths, ps, st).first, expected);
    EXPECT_SAME(run(x, lengths.to(Dtype::Short), ps, st).first, expected);
    auto second = run(x, expected[1], lengths, ps, st).first;
    EXPECT_SAME(apply(run, tuple({x, expected[1], lengths}), ps, st).first, second);
    EXPECT_SAME(Layer(run)(tuple({x, expected[1], lengths}), ps, st).first, second);
    auto model = compact(field("run", run)).forward([&](const Tensor& x, auto& run) -> Tree {
      return run(x, tensor(kLengths));
    });
    auto wrapped = apply(model, x, named({{"run", ps}}), named({{"run", st}})).first;
    EXPECT_SAME(wrapped, expected);
  }
}

TEST(RecurrenceLengths, ThatAreAllFullChangeNothing) {
  for (const Layer& cell : cells_of_rows()) {
    Recurrence run(cell, {.return_sequence = true, .return_carry = true});
    auto [ps, st] = setup(Rng(0), run);
    auto x = features().to(kFloat32);
    EXPECT_SAME(run(x, tensor({5, 5, 5, 5}), ps, st).first, run(x, ps, st).first);
  }
}

TEST(RecurrenceLengths, OfOneUnbatchedSequenceHaveNoDimensions) {
  for (const Layer& cell : cells_of_rows()) {
    Recurrence run(cell, {.return_sequence = true, .return_carry = true});
    auto [ps32, st] = setup(Rng(0), run);
    auto ps = tree::to(ps32, kFloat64);
    auto x = features();
    auto one = run(x.select(0, 0), full({}, 3, {.dtype = kInt64}), ps, st).first;
    auto many = run(x.narrow(0, 0, 1), tensor({3}), ps, st).first;
    auto squeeze = [](const Tensor& t) { return t.squeeze(0); };
    EXPECT_TREES_CLOSE(rows_of(one), rows_of(tree::map_tensors(squeeze, many)), kPlainFloat64);
    Recurrence last(cell);
    EXPECT_SAME(last(x.select(0, 0), full({}, 0, {.dtype = kInt64}), ps, st).first,
                zeros({kOut}, {.dtype = kFloat64}));
  }
}

TEST(RecurrenceLengths, ThatDoNotFitAreRefused) {
  Chain model(field("rnn", Recurrence(GRUCell(kIn, kOut))));
  auto [ps, st] = setup(Rng(0), model);
  auto parameters = ps, states = st;
  auto with = [&](const Tree& lengths) {
    return apply(model, tuple({features().to(kFloat32), Tree(), lengths}), parameters, states);
  };
  EXPECT_ERROR(ShapeError, with(tensor({1, 2, 3})),
               "[Recurrence] at rnn: expected lengths of shape (4,), one for each row, got (3,).");
  EXPECT_ERROR(
      ShapeError, with(tensor({1, 2, 6, 3})),
      "[Recurrence] at rnn: expected lengths from 0 to 5, the steps of x, got 6 in row 2.");
  EXPECT_ERROR(
      ShapeError, with(tensor({1, -2, 5, 3})),
      "[Recurrence] at rnn: expected lengths from 0 to 5, the steps of x, got -2 in row 1.");
  EXPECT_ERROR(ShapeError, with(ones({4})),
               "[Recurrence] at rnn: expected lengths of an integer dtype, got float32.");
  auto mask = ones({4, 5}, {.dtype = kBool});
  EXPECT_ERROR(
      ShapeError, with(mask),
      "[Recurrence] at rnn: expected lengths of an integer dtype, got bool. A mask that is "
      "true at each row's steps has the lengths lux::sum(mask, 1).");
  EXPECT_ERROR(ShapeError, apply(model, tuple({features(), mask}), parameters, states),
               "[Recurrence] at rnn: expected a carry, or lengths of an integer dtype, got a bool "
               "tensor of shape (4, 5). A mask that is true at each row's steps has the lengths "
               "lux::sum(mask, 1).");
  EXPECT_ERROR(TreeError, apply(model, tuple({features()}), parameters, states),
               "[Recurrence] at rnn: takes a tensor x or a tuple (x, carry), (x, lengths) or (x, "
               "carry, lengths), got a tuple of 1.");
}

TEST(Recurrence, HandsOnACarryWithoutItsGraphForTruncatedBackPropagation) {
  for (const Layer& cell : cells_of_rows()) {
    Recurrence run(cell, {.return_carry = true});
    auto [ps32, st] = setup(Rng(0), run);
    auto at = tree::to(ps32, kFloat64);
    auto states = st;
    auto x = features();
    Tensor head = x.narrow(1, 0, 3), tail = x.narrow(1, 3, 2);
    auto gradient = [&](bool cut) {
      return grad(
          [&](const Tree& ps) {
            auto carry = apply<Step>(run, head, ps, states).first.carry;
            if (cut) carry = tree::detach(carry);
            return apply<Step>(run, tuple({tail, carry}), ps, states).first.y.sum();
          },
          at);
    };
    auto carry = apply<Step>(run, head, at, st).first.carry;
    auto alone = grad(
        [&](const Tree& ps) {
          return apply<Step>(run, tuple({tail, carry}), ps, states).first.y.sum();
        },
        at);
    EXPECT_TREES_CLOSE(gradient(true), alone, kPlainFloat64);
    EXPECT_GT(relative_difference(gradient(false), alone), 1e-3);
  }
}

}  // namespace
}  // namespace luxtorch::testing
