// Recurrence.
#include <gtest/gtest.h>

#include <sstream>

#include "layers/counting_cell.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/recurrent.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

template <class C>
std::pair<Tensor, Tree> by_hand(const C& cell, const Tensor& x, const Tree& ps, Tree st) {
  Tree carry;
  std::vector<Tensor> ys;
  for (const auto& step : x.unbind(1)) {
    auto [out, st2] = carry.is_none() ? cell(step, ps, st) : cell(step, carry, ps, st);
    ys.push_back(out.y), carry = out.carry, st = st2;
  }
  return {stack(ys, 1), tuple({carry, st})};
}

// The two ways agree in values and in the gradients of everything.
template <class C>
void expect_as_by_hand(const C& cell) {
  Recurrence whole(cell, {.return_sequence = true, .return_carry = true});
  auto [ps32, st] = setup(Rng(3), whole);
  auto at = tree::to(named({{"ps", ps32}, {"x", random::normal(Rng(1), {3, 6, 2})}}), kFloat64);
  auto weight = random::normal(Rng(2), {3, 6, 2}, 0, 1, kFloat64);
  auto states = st;
  auto f = [&](const Tree& t) {
    auto [y, rest] = by_hand(cell, t["x"].tensor(), t["ps"], states);
    return std::pair{(y * weight).sum(), tuple({y, rest})};
  };
  auto g = [&](const Tree& t) {
    auto [out, st2] = whole(t["x"].tensor(), t["ps"], states);
    return std::pair{(out[0].tensor() * weight).sum(), tuple({out[0], tuple({out[1], st2})})};
  };
  auto hand = value_and_grad(f, at), run = value_and_grad(g, at);
  EXPECT_TREES_CLOSE(run.aux, hand.aux, kPlainFloat64);
  EXPECT_TREES_CLOSE(run.grads, hand.grads, kPlainFloat64);
}

TEST(Recurrence, OfAStockCellIsTheLoopOverIt) {
  expect_as_by_hand(RNNCell(2, 2));
  expect_as_by_hand(RNNCell(2, 2, relu));
  expect_as_by_hand(RNNCell(2, 2, softplus, {.use_bias = false}));
  expect_as_by_hand(LSTMCell(2, 2));
  expect_as_by_hand(LSTMCell(2, 2, {.use_bias = false, .train_state = true, .train_memory = true}));
  expect_as_by_hand(LSTMCell(2, 2, {.init_state = init::randn, .init_memory = init::randn}));
  expect_as_by_hand(GRUCell(2, 2));
  expect_as_by_hand(GRUCell(2, 2, {.use_bias = false, .train_state = true}));
}

TEST(Recurrence, OfAUsersCellIsTheLoopOverIt) { expect_as_by_hand(CountingCell{2}); }

TEST(Recurrence, GivesTheLastOutputTheSequenceTheCarryOrBoth) {
  LSTMCell cell(3, 2);
  auto [ps, st] = setup(Rng(0), cell);
  auto x = random::normal(Rng(1), {4, 5, 3});
  auto run = [&, ps = ps, st = st](RecurrenceOptions o) {
    return Recurrence(cell, o)(x, ps, st).first;
  };
  auto all = run({.return_sequence = true, .return_carry = true});
  auto ys = all[0].tensor();
  EXPECT_EQ(ys.sizes(), (Sizes{4, 5, 2}));
  EXPECT_SAME(run({.return_sequence = true}), Tree(ys));
  EXPECT_SAME(run({}), Tree(ys.select(1, 4).contiguous()));
  EXPECT_SAME(run({.return_carry = true}), tuple({ys.select(1, 4).contiguous(), all[1]}));
  auto [step, st2] = apply<Step>(Recurrence(cell, {.return_carry = true}), x, ps, st);
  EXPECT_SAME(step.carry, all[1]);
}

TEST(Recurrence, GoesOnFromACarryWhereItStopped) {
  for (const Layer& cell : {Layer(LSTMCell(2, 2)), Layer(GRUCell(2, 2)), Layer(RNNCell(2, 2)),
                            Layer(CountingCell{2})}) {
    Layer run = Recurrence(cell, {.return_sequence = true, .return_carry = true});
    auto [ps, st] = setup(Rng(0), run);
    auto x = random::normal(Rng(1), {4, 6, 2});
    auto whole = run(x, ps, st).first;
    auto [first, st2] = run(Tensor(x.narrow(1, 0, 2)), ps, st);
    auto second = run(tuple({Tensor(x.narrow(1, 2, 4)), first[1]}), ps, st2).first;
    EXPECT_CLOSE(cat({first[0].tensor(), second[0].tensor()}, 1), whole[0].tensor(), 1e-6);
    EXPECT_TREES_CLOSE(second[1], whole[1], 1e-6);
  }
}

TEST(Recurrence, TakesTimeFirst) {
  for (const Layer& cell : {Layer(LSTMCell(2, 2)), Layer(GRUCell(2, 2)), Layer(RNNCell(2, 2, elu)),
                            Layer(CountingCell{2})}) {
    Layer batch_first = Recurrence(cell, {.return_sequence = true, .return_carry = true});
    Layer time_first = Recurrence(
        cell, {.ordering = Ordering::TimeFirst, .return_sequence = true, .return_carry = true});
    auto [ps, st] = setup(Rng(0), batch_first);
    auto x = random::normal(Rng(1), {3, 5, 2});
    auto a = batch_first(x, ps, st).first;
    auto b = time_first(x.transpose(0, 1).contiguous(), ps, st).first;
    EXPECT_CLOSE(b[0].tensor().transpose(0, 1), a[0].tensor(), 1e-6);
    EXPECT_TREES_CLOSE(b[1], a[1], 1e-6);
  }
}

TEST(Recurrence, TakesOneUnbatchedSequence) {
  for (const Layer& cell : {Layer(LSTMCell(2, 2)), Layer(RNNCell(2, 2)), Layer(CountingCell{2})}) {
    for (auto ordering : {Ordering::BatchFirst, Ordering::TimeFirst}) {
      for (bool sequence : {false, true}) {
        Layer run = Recurrence(cell, {ordering, sequence, true});
        auto [ps, st] = setup(Rng(0), run);
        auto x = random::normal(Rng(1), {5, 2});
        int64_t batch = ordering == Ordering::TimeFirst ? 1 : 0;
        auto one = run(x, ps, st).first;
        auto many = run(x.unsqueeze(batch), ps, st).first;
        EXPECT_EQ(one[0].tensor().sizes(), (sequence ? Sizes{5, 2} : Sizes{2}));
        EXPECT_CLOSE(one[0].tensor(), many[0].tensor().squeeze(sequence ? batch : 0), 1e-6);
        auto remove = [](const Tensor& t) { return t.squeeze(0); };
        EXPECT_TREES_CLOSE(one[1], tree::map_tensors(remove, many[1]), 1e-6);
        auto on = run(tuple({x, one[1]}), ps, st).first;
        EXPECT_CLOSE(on[0].tensor(),
                     run(tuple({x.unsqueeze(batch), many[1]}), ps, st)
                         .first[0]
                         .tensor()
                         .squeeze(sequence ? batch : 0),
                     1e-6);
      }
    }
  }
}

TEST(Recurrence, GivesAUsersCellTokensAndMapsOfFeatures) {
  CountingCell cell{2};
  Recurrence run(cell, {.return_sequence = true});
  auto [ps, st] = setup(Rng(0), run);
  auto w = ps["weight"].tensor();
  auto tokens = run(tensor({0, 1, 1, 0, 0, 0}).reshape({2, 3}), ps, st).first.tensor();
  EXPECT_EQ(tokens.sizes(), (Sizes{2, 3}));
  EXPECT_CLOSE(tokens.select(0, 0).select(0, 1), w.select(0, 1) + w.select(0, 0) * 0.5, 1e-6);
  EXPECT_EQ(run(ones({4, 3, 5, 2}), ps, st).first.tensor().sizes(), (Sizes{4, 3, 5, 2}));
}

TEST(Recurrence, ThreadsAUsersCellsStates) {
  Recurrence run(CountingCell{2});
  auto [ps, st] = setup(Rng(0), run);
  EXPECT_EQ(run(ones({4, 7, 2}), ps, st).second["calls"].scalar<int64_t>(), 7);
}

TEST(Recurrence, DrawsAnInitialStateOnceForASequence) {
  Recurrence run(GRUCell(2, 3, {.init_state = init::randn}));
  auto [ps, st] = setup(Rng(0), run);
  auto x = random::normal(Rng(1), {4, 5, 2});
  auto [y, st2] = run(x, ps, st);
  EXPECT_SAME(run(x, ps, st).first, y);
  EXPECT_FALSE(tree::equal(run(x, ps, st2).first, y));
  EXPECT_SAME(st2, GRUCell(2, 3, {.init_state = init::randn})(x.select(1, 0), ps, st).second);
}

TEST(Recurrence, HasTheParametersOfItsCellAndNoLevelOfItsOwn) {
  EXPECT_SAME(setup(Rng(4), Recurrence(LSTMCell(3, 2))).first, setup(Rng(4), LSTMCell(3, 2)).first);
  EXPECT_EQ(
      show(Recurrence(LSTMCell(3, 2))),
      "Recurrence(\n"
      "    cell = LSTMCell(3 => 2),                      # 56 parameters, plus 1 non-trainable\n"
      ")         # Total: 56 parameters,\n"
      "          #        plus 1 states.");
}

TEST(Recurrence, RefusesInputsOfAnotherSizeRankOrDtypeAndSaysWhere) {
  Chain model(Dense(3, 3), Recurrence(LSTMCell(3, 2)));
  auto [ps, st] = setup(Rng(0), model);
  EXPECT_ERROR(ShapeError, apply(model, Tree(ones({4, 5, 6, 3})), ps, st),
               "[LSTMCell] at layer_2: expected x of shape (batch, time, 3), got (4, 5, 6, 3).");
  EXPECT_ERROR(ShapeError, apply(model, Tree(ones({3})), ps, st),
               "[LSTMCell] at layer_2: expected x of shape (batch, time, 3), got (3,).");
  Recurrence run(GRUCell(3, 2), {.ordering = Ordering::TimeFirst});
  auto [ps2, st2] = setup(Rng(0), run);
  EXPECT_ERROR(ShapeError, apply(run, ones({4, 5, 2}), ps2, st2),
               "[GRUCell] expected x of shape (time, batch, 3), got (4, 5, 2).");
  EXPECT_ERROR(ShapeError, apply(run, ones({5, 2}), ps2, st2),
               "[GRUCell] expected x of shape (time, batch, 3), got (5, 2).");
  EXPECT_ERROR(ShapeError, apply(run, ones({4, 5, 3}, {.dtype = kFloat64}), ps2, st2),
               "[GRUCell] expected x of dtype float32 like the parameters, got float64. Convert "
               "one of them: x.to(...) or tree::to(ps, ...).");
}

TEST(Recurrence, RefusesNoTimeSteps) {
  auto check = [](const Recurrence& run, const std::string& text) {
    auto [ps, st] = setup(Rng(0), run);
    EXPECT_ERROR(ShapeError, apply(run, ones({4, 0, 2}), ps, st), text);
  };
  for (const char* name : {"RNNCell", "LSTMCell", "GRUCell"}) {
    auto cell = name[0] == 'R'   ? Layer(RNNCell(2, 2))
                : name[0] == 'L' ? Layer(LSTMCell(2, 2))
                                 : Layer(GRUCell(2, 2));
    check(Recurrence(cell),
          "[" + std::string(name) + "] expected at least one time step, got x of shape (4, 0, 2).");
  }
  check(Recurrence(CountingCell{2}),
        "[Recurrence] expected x of shape (batch, time, ...) with at least one time step, got (4, "
        "0, 2).");
  Recurrence users(CountingCell{2});
  auto [ps, st] = setup(Rng(0), users);
  EXPECT_ERROR(ShapeError, apply(users, ones({0, 2}), ps, st),
               "[Recurrence] expected x of shape (batch, time, ...) with at least one time step, "
               "got (0, 2).");
}

TEST(Recurrence, RefusesACarryThatDoesNotFit) {
  Recurrence run(LSTMCell(3, 2));
  auto [ps, st] = setup(Rng(0), run);
  auto states = st;
  auto with = [&, ps = ps](const Tensor& x, const Tree& carry) {
    return apply(run, tuple({x, carry}), ps, states);
  };
  EXPECT_ERROR(ShapeError, with(ones({4, 5, 3}), tuple({ones({4, 2})})),
               "[LSTMCell] expected a carry of 2 tensors of shape (4, 2), got a tuple of 1.");
  EXPECT_ERROR(ShapeError, with(ones({4, 5, 3}), tuple({ones({5, 2}), ones({4, 2})})),
               "[LSTMCell] expected a carry of 2 tensors of shape (4, 2), got a float32 tensor of "
               "shape (5, 2).");
  EXPECT_ERROR(ShapeError, with(ones({5, 3}), tuple({ones({1, 2}), ones({1, 2})})),
               "[LSTMCell] expected a carry of 2 tensors of shape (2,), got a float32 tensor of "
               "shape (1, 2).");
}

TEST(Recurrence, RefusesALayerThatIsNoCell) {
  EXPECT_ERROR(ArgumentError, Recurrence(Layer(Dense(2, 3))),
               "[Recurrence] expected a cell, whose calls (x, ps, st) and (x, carry, ps, st) "
               "return Out<Step>, got Dense(2 => 3).");
}

}  // namespace
}  // namespace luxtorch::testing
