// StatefulRecurrentCell.
#include <gtest/gtest.h>

#include "layers/counting_cell.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/recurrent.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

TEST(StatefulRecurrentCell, IsTheRecurrenceStepByStepAndResets) {
  for (const Layer& cell : {Layer(LSTMCell(2, 2)), Layer(GRUCell(2, 2)), Layer(CountingCell{2})}) {
    StatefulRecurrentCell stream(cell);
    auto [ps, st0] = setup(Rng(0), stream);
    auto x = random::normal(Rng(1), {3, 5, 2});
    auto expected = Recurrence(cell, {.return_sequence = true})(x, ps, st0["cell"]).first.tensor();
    Tree st = st0;
    for (int round = 0; round < 2; ++round) {
      for (int64_t t = 0; t < 5; ++t) {
        auto [y, next] = stream(x.select(1, t), ps, st);
        EXPECT_CLOSE(y, expected.select(1, t), 1e-6);
        st = next;
      }
      EXPECT_FALSE(st["carry"].is_none());
      st = update_state(st, "carry", Tree());
    }
  }
}

TEST(StatefulRecurrentCell, HasTheParametersOfItsCellAndTheCarryInItsStates) {
  auto [ps, st] = setup(Rng(4), StatefulRecurrentCell(LSTMCell(3, 2)));
  EXPECT_SAME(ps, setup(Rng(4), LSTMCell(3, 2)).first);
  EXPECT_EQ(st.keys(), (std::vector<std::string>{"cell", "carry"}));
  EXPECT_TRUE(st["carry"].is_none());
}

TEST(StatefulRecurrentCell, LetsGradientsThroughTheCarryUntilItIsDetached) {
  StatefulRecurrentCell stream(GRUCell(2, 2));
  auto [ps, st] = setup(Rng(0), stream);
  auto x = random::normal(Rng(1), {3, 2});
  auto parameters = ps, states = st;
  auto gradient = [&](bool cut) {
    return grad(
               [&](const Tree& first) {
                 auto st2 = stream(first["x"].tensor(), parameters, states).second;
                 return stream(x, parameters, cut ? tree::detach(st2) : st2).first.sum() +
                        first["x"].tensor().sum() * 0;
               },
               named({{"x", x}}))["x"]
        .tensor();
  };
  EXPECT_GT(gradient(false).abs().max().item<double>(), 1e-3);
  EXPECT_SAME(gradient(true), zeros({3, 2}));
}

TEST(StatefulRecurrentCell, RefusesABatchOfAnotherSizeThanItsCarry) {
  Chain model(field("stream", StatefulRecurrentCell(GRUCell(2, 2))));
  auto [ps, st] = setup(Rng(0), model);
  auto st2 = apply(model, Tree(ones({3, 2})), ps, st).second;
  EXPECT_ERROR(ShapeError, apply(model, Tree(ones({4, 2})), ps, st2),
               "[GRUCell] at stream: expected a carry of 1 tensor of shape (4, 2), got a float32 "
               "tensor of shape (3, 2). The carry is that of the call before, whose batch had "
               "another size: update_state(st, \"carry\", Tree()) starts a new sequence, and "
               ".partial = false keeps a smaller last batch out of a DataLoader.");
  EXPECT_EQ(
      apply<Tensor>(model, ones({4, 2}), ps, update_state(st2, "carry", Tree())).first.size(0), 4);
  // An error of another kind is as it is.
  EXPECT_ERROR(ShapeError, apply(model, Tree(ones({3, 5})), ps, st2),
               "[GRUCell] at stream: expected x of shape (batch, 2), got (3, 5).");
}

}  // namespace
}  // namespace luxtorch::testing
