// BidirectionalRNN: directions, merging, carries, lengths, names and errors.
#include <gtest/gtest.h>

#include <cmath>

#include "layers/uneven_rows.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/sequence.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

// A user's own, with a state that counts its calls.
struct CallCountingCell {
  Tree initial_parameters(Rng rng) const {
    return named({{"weight", init::Normal{}(rng.fold_in("weight"), {kOut, kIn})}});
  }
  Tree initial_states(Rng) const { return named({{"calls", 0}}); }
  Out<Step> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    return (*this)(x, zeros({x.size(0), kOut}, {.dtype = x.scalar_type()}), ps, st);
  }
  Out<Step> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const {
    auto h = x.matmul(ps["weight"].tensor().t()).add(carry.tensor().mul(0.5)).tanh();
    return {{h, h}, st.with("calls", st["calls"].scalar<int64_t>() + 1)};
  }
};

std::vector<Layer> cells_of_a_direction() {
  return {RNNCell(kIn, kOut), LSTMCell(kIn, kOut), GRUCell(kIn, kOut), CallCountingCell{}};
}

// Both directions of the rows one after another, by Recurrence over turned rows.
std::pair<Tensor, Tensor> both(const Layer& cell, const Tensor& x, const Tree& ps, const Tree& st) {
  Recurrence run(cell, {.return_sequence = true});
  auto forward = run(x, ps["forward_rnn"], st["forward_rnn"]).first.tensor();
  auto turned = run(x.flip({1}), ps["backward_rnn"], st["backward_rnn"]).first.tensor();
  return {forward, turned.flip({1})};
}

TEST(BidirectionalRNN, HasBothDirectionsAtEachStep) {
  for (const Layer& cell : cells_of_a_direction()) {
    BidirectionalRNN layer(cell);
    auto [ps32, st] = setup(Rng(0), layer);
    auto ps = tree::to(ps32, kFloat64);
    auto x = features();
    auto [forward, backward] = both(cell, x, ps, st);
    auto y = layer(x, ps, st).first.tensor();
    EXPECT_EQ(y.sizes(), (Sizes{4, kTime, 2 * kOut}));
    EXPECT_CLOSE(y, cat({forward, backward}, -1), kPlainFloat64);

    BidirectionalRNN time_first(cell, {.ordering = Ordering::TimeFirst});
    EXPECT_CLOSE(time_first(x.transpose(0, 1), ps, st).first.tensor().transpose(0, 1), y,
                 kPlainFloat64);
    auto one = layer(x.select(0, 1), ps, st).first.tensor();
    EXPECT_CLOSE(one, y.select(0, 1), kPlainFloat64);

    BidirectionalRNN ends(cell, {.return_sequence = false});
    EXPECT_CLOSE(ends(x, ps, st).first.tensor(),
                 cat({forward.select(1, kTime - 1), backward.select(1, 0)}, -1), kPlainFloat64);
  }
}

TEST(BidirectionalRNN, MergesAsItIsTold) {
  GRUCell cell(kIn, kOut);
  auto [ps32, st] = setup(Rng(0), BidirectionalRNN(cell));
  auto ps = tree::to(ps32, kFloat64);
  auto x = features();
  auto [f, b] = both(cell, x, ps, st);
  auto merged = [&, ps = ps, st = st](Merging merge) {
    return BidirectionalRNN(cell, {.merge = std::move(merge)})(x, ps, st).first;
  };
  EXPECT_TREES_CLOSE(merged(Merge::Concatenation), Tree(cat({f, b}, -1)), kPlainFloat64);
  EXPECT_TREES_CLOSE(merged(Merge::Sum), Tree(f + b), kPlainFloat64);
  EXPECT_TREES_CLOSE(merged(Merge::Product), Tree(f * b), kPlainFloat64);
  EXPECT_TREES_CLOSE(merged(Merge::Average), Tree((f + b) * 0.5), kPlainFloat64);
  EXPECT_TREES_CLOSE(merged(Merge::None), tuple({f, b}), kPlainFloat64);
  auto difference = [](const Tensor& f, const Tensor& b) { return f - b; };
  EXPECT_TREES_CLOSE(merged(difference), Tree(f - b), kPlainFloat64);
}

TEST(BidirectionalRNN, TakesAnotherCellForTheWayBack) {
  BidirectionalRNN layer(LSTMCell(kIn, 3), GRUCell(kIn, 4), {.return_carry = true});
  auto [ps, st] = setup(Rng(0), layer);
  auto out = layer(features().to(kFloat32), ps, st).first;
  EXPECT_EQ(out[0].tensor().sizes(), (Sizes{4, kTime, 7}));
  EXPECT_EQ(out[1]["forward_rnn"].size(), 2u);
  EXPECT_EQ(out[1]["backward_rnn"][0].tensor().sizes(), (Sizes{4, 4}));
}

TEST(BidirectionalRNN, TakesTheCarryThatItGives) {
  for (const Layer& cell : cells_of_a_direction()) {
    BidirectionalRNN layer(cell, {.return_carry = true});
    auto [ps32, st] = setup(Rng(0), layer);
    auto ps = tree::to(ps32, kFloat64);
    auto x = features();
    auto carry = layer(x, ps, st).first[1];
    auto run = [&](const char* key, const Tensor& x) {
      return Recurrence(cell, {.return_sequence = true, .return_carry = true})(
                 x, carry[key], tree::to(ps32, kFloat64)[key], initial_states(cell, Rng(0)))
          .first;
    };
    auto forward = run("forward_rnn", x), backward = run("backward_rnn", x.flip({1}));
    auto again = layer(x, carry, ps, st).first;
    EXPECT_CLOSE(again[0].tensor(), cat({forward[0].tensor(), backward[0].tensor().flip({1})}, -1),
                 kPlainFloat64);
    EXPECT_TREES_CLOSE(again[1],
                       named({{"forward_rnn", forward[1]}, {"backward_rnn", backward[1]}}),
                       kPlainFloat64);
  }
}

TEST(BidirectionalRNN, TurnsEachRowWithinItsOwnLength) {
  const std::vector<int64_t> lengths{3, 5, 0, 2};
  auto missing = arange(kTime).unsqueeze(0).ge(tensor(lengths).unsqueeze(1)).unsqueeze(-1);
  for (const Layer& cell : cells_of_a_direction()) {
    BidirectionalRNN layer(cell), ends(cell, {.return_sequence = false});
    auto [ps32, st] = setup(Rng(0), layer);
    auto states = st;
    auto weight = random::normal(Rng(2), {4, kTime, 2 * kOut}, 0, 1, kFloat64);
    auto at = named({{"ps", tree::to(ps32, kFloat64)}, {"x", features()}});
    auto expected = value_and_grad(
        [&](const Tree& t) {
          std::vector<Tensor> rows;
          for (int64_t r = 0; r < 4; ++r) {
            auto n = lengths[static_cast<size_t>(r)];
            auto empty = zeros({1, kTime - n, 2 * kOut}, {.dtype = kFloat64});
            if (n == 0) {
              rows.push_back(empty);
              continue;
            }
            auto [f, b] =
                both(cell, t["x"].tensor().narrow(0, r, 1).narrow(1, 0, n), t["ps"], states);
            rows.push_back(cat({cat({f, b}, -1), empty}, 1));
          }
          auto y = cat(rows);
          return std::pair{(y * weight).sum(), y};
        },
        at);
    auto spoilt = at["x"].tensor().masked_fill(missing, std::nan(""));
    auto got = value_and_grad(
        [&](const Tree& t) {
          auto y = layer(t["x"].tensor(), tensor(lengths), t["ps"], states).first.tensor();
          return std::pair{(y * weight).sum(), y};
        },
        at.with("x", spoilt));
    EXPECT_CLOSE(got.aux, expected.aux, kPlainFloat64);
    EXPECT_TREES_CLOSE(got.grads, expected.grads, kPlainFloat64);
    auto turned = BidirectionalRNN(cell, {.ordering = Ordering::TimeFirst})(
                      spoilt.transpose(0, 1), tensor(lengths), at["ps"], st)
                      .first.tensor();
    EXPECT_CLOSE(turned.transpose(0, 1), expected.aux, kPlainFloat64);
    auto last = ends(spoilt, tensor(lengths), at["ps"], st).first.tensor();
    EXPECT_CLOSE(last.narrow(1, kOut, kOut), expected.aux.select(1, 0).narrow(1, kOut, kOut),
                 kPlainFloat64);
    EXPECT_CLOSE(last[0].narrow(0, 0, kOut), expected.aux[0][2].narrow(0, 0, kOut), kPlainFloat64);
    EXPECT_SAME(last.select(0, 2), zeros({2 * kOut}, {.dtype = kFloat64}));
  }
}

TEST(BidirectionalRNN, NamesItsDirectionsAndIsPrinted) {
  BidirectionalRNN layer(LSTMCell(kIn, kOut));
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_EQ(ps.keys(), (std::vector<std::string>{"forward_rnn", "backward_rnn"}));
  EXPECT_EQ(tree::difference(ps["forward_rnn"], setup(Rng(0), LSTMCell(kIn, kOut)).first), "");
  EXPECT_FALSE(tree::equal(ps["forward_rnn"], ps["backward_rnn"]));
  EXPECT_EQ(
      show(layer),
      "BidirectionalRNN(\n"
      "    forward_rnn = LSTMCell(2 => 3),               # 84 parameters, plus 1 non-trainable\n"
      "    backward_rnn = LSTMCell(2 => 3),              # 84 parameters, plus 1 non-trainable\n"
      ")         # Total: 168 parameters,\n"
      "          #        plus 2 states.");
}

TEST(BidirectionalRNN, SaysWhatIsWrongAndWhere) {
  Chain model(field("rnn", BidirectionalRNN(LSTMCell(kIn, kOut))));
  auto [ps, st] = setup(Rng(0), model);
  auto parameters = ps, states = st;
  auto run = [&](const Tree& x) { return apply(model, x, parameters, states); };
  auto x = features().to(kFloat32);
  EXPECT_ERROR(ShapeError, run(ones({4, 5, 3})),
               "[LSTMCell] at rnn.forward_rnn: expected x of shape (batch, time, 2), got (4, 5, "
               "3).");
  EXPECT_ERROR(TreeError, run(tuple({x, tuple({ones({4, 3})})})),
               "[BidirectionalRNN] at rnn: expected a carry with a part forward_rnn, as ps has, "
               "got a tuple of 1.");
  EXPECT_ERROR(ShapeError, run(tuple({x, tensor({1, 2, 3, 9})})),
               "[BidirectionalRNN] at rnn: expected lengths from 0 to 5, the steps of x, got 9 in "
               "row 3.");
  EXPECT_ERROR(ArgumentError, BidirectionalRNN(Layer(GRUCell(2, 3)), Layer(RNN(2, 3))),
               "[BidirectionalRNN] expected a cell, whose calls (x, ps, st) and (x, carry, ps, st) "
               "return Out<Step>, got RNN(2 => 3).");
}

}  // namespace
}  // namespace luxtorch::testing
