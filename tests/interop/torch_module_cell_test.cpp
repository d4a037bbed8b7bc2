// torch's recurrent cells, and a user's own, as cells of Recurrence and its kin.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>

#include "interop/torch_module_cases.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/torch_module.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/train/train_state.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

static_assert(Cell<FunctionalCell>);

// The cell of torch in Recurrence gives what our own gives with the same parameters: outputs and gradients.
template <class Theirs, class Ours>
void expect_equal_recurrences(const Theirs& theirs, const Ours& ours) {
  RecurrenceOptions options{.return_sequence = true, .return_carry = true};
  Layer expected = Recurrence(ours, options), layer = Recurrence(functional(theirs), options);
  auto [initial, st] = setup(Rng(1), layer);
  auto ps = leaves_with_gradients(initial), same = leaves_with_gradients(initial);
  auto x = normal(2, {3, 5, 2});
  auto y = layer(x, ps, st).first;
  auto y_expected = expected(x, same, setup(Rng(1), expected).second).first;
  EXPECT_TREES_CLOSE(tree::detach(y), tree::detach(y_expected), kPlainFloat32);
  loss_of(y).backward();
  loss_of(y_expected).backward();
  EXPECT_TREES_CLOSE(gradients(ps), gradients(same), kPlainFloat32);
}

TEST(FunctionalCells, RunInARecurrenceAsTheCellsOfOurOwn) {
  expect_equal_recurrences(nn::LSTMCell(2, 4), LSTMCell(2, 4));
  expect_equal_recurrences(nn::GRUCell(2, 4), GRUCell(2, 4));
  expect_equal_recurrences(nn::RNNCell(2, 4), RNNCell(2, 4));
}

TEST(FunctionalCells, TakeAndGiveCarriesAsTuples) {
  nn::LSTMCell lstm(2, 4);
  nn::GRUCell gru(2, 4);
  auto x = normal(1, {3, 2});
  {
    auto cell = functional(lstm, kKeep);
    auto [ps, st] = setup(Rng(0), cell);
    auto first = cell(x, ps, st).first;
    auto second = cell(x, first.carry, ps, st).first;
    auto [h, c] = lstm(x, lstm(x));
    EXPECT_EQ(first.carry.size(), 2u);
    EXPECT_SAME(second.y, h.detach());
    EXPECT_SAME(second.carry, tuple({h.detach(), c.detach()}));
  }
  {
    auto cell = functional(gru, kKeep);
    auto [ps, st] = setup(Rng(0), cell);
    auto first = cell(x, ps, st).first;
    EXPECT_EQ(first.carry.size(), 1u);
    EXPECT_SAME(cell(x, first.carry, ps, st).first.y, gru(x, gru(x)).detach());
  }
}

TEST(FunctionalCells, KeepTheirCarryInAStatefulRecurrentCell) {
  nn::GRUCell gru(2, 4);
  StatefulRecurrentCell layer(functional(gru, kKeep));
  auto [ps, st] = setup(Rng(0), layer);
  auto x = normal(1, {3, 2});
  auto [y, st2] = layer(x, ps, st);
  EXPECT_SAME(layer(x, ps, st2).first, gru(x, gru(x)).detach());
}

TEST(FunctionalCells, TakeSequencesOfSeveralLengths) {
  Layer model = Recurrence(functional(nn::LSTMCell(2, 4)));
  auto [ps, st] = setup(Rng(0), model);
  auto x = normal(1, {2, 5, 2});
  auto lengths = tensor({5.0, 3.0}).to(c10::kLong);
  auto y = model(tuple({x, lengths}), ps, st).first.tensor();
  auto shorter = model(x.narrow(0, 1, 1).narrow(1, 0, 3), ps, st).first.tensor();
  EXPECT_CLOSE(y.narrow(0, 1, 1), shorter, kPlainFloat32);
}

TEST(FunctionalCells, TrainInATrainState) {
  Layer model = Chain(Recurrence(functional(nn::LSTMCell(1, 8))), Dense(8, 1));
  auto [ps, st] = setup(Rng(0), model);
  auto x = normal(1, {64, 5, 1});
  auto batch = tuple({x, x.sum(1)});
  TrainState ts(model, ps, st, Adam(0.02));
  auto first = single_train_step_(MSELoss{}, batch, ts).loss.item<double>();
  for (int i = 0; i < 100; ++i) single_train_step_(MSELoss{}, batch, ts);
  EXPECT_LT(single_train_step_(MSELoss{}, batch, ts).loss.item<double>(), first / 5);
}

// y is not the carry: forward returns (y, (h, c)).
struct OwnCellImpl : nn::Cloneable<OwnCellImpl> {
  nn::Linear in{nullptr};
  OwnCellImpl() { reset(); }
  void reset() override { in = register_module("in", nn::Linear(2, 3)); }
  using Carry = std::tuple<Tensor, Tensor>;
  std::tuple<Tensor, Carry> forward(const Tensor& x) {
    auto start = zeros({x.size(0), 3});
    return forward(x, Carry(start, start));
  }
  std::tuple<Tensor, Carry> forward(const Tensor& x, const Carry& carry) {
    auto h = in(x).tanh() + std::get<0>(carry);
    return {h * 2.0, Carry(h, std::get<1>(carry) + 1.0)};
  }
};
TORCH_MODULE(OwnCell);

TEST(FunctionalCells, MayBeAUsersOwn) {
  OwnCell own;
  Layer model = Recurrence(functional_cell(own, kKeep), {.return_carry = true});
  auto [ps, st] = setup(Rng(0), model);
  auto x = normal(1, {4, 5, 2});
  auto [out, st2] = apply<Step>(model, x, ps, st);
  auto h = own->in(x).tanh().sum(1).detach();
  EXPECT_CLOSE(out.y, h * 2.0, kPlainFloat32);
  EXPECT_CLOSE(out.carry[0].tensor(), h, kPlainFloat32);
  EXPECT_SAME(out.carry[1].tensor(), full({4, 3}, 5.0));
}

TEST(FunctionalCells, SayWhichCarryTheyExpect) {
  auto cell = functional(nn::LSTMCell(2, 4));
  auto [ps, st] = setup(Rng(0), cell);
  EXPECT_THAT(message([&] { cell(ones({3, 2}), tuple({ones({3, 4})}), ps, st); }),
              HasSubstr("torch::nn::LSTMCell"));
  struct NoCellImpl : nn::Cloneable<NoCellImpl> {
    void reset() override {}
    std::vector<Tensor> forward(const Tensor&) { return {}; }
  };
  auto none = functional_cell(std::make_shared<NoCellImpl>());
  EXPECT_THAT(message([&] { none(ones({3, 2}), named({}), setup(Rng(0), none).second); }),
              HasSubstr("expected a module that returns its carry"));
}

}  // namespace
}  // namespace luxtorch
