// What RNNCell, LSTMCell and GRUCell refuse, and how they say so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "luxtorch/core/ops.h"
#include "luxtorch/layers/recurrent.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

TEST(Cells, RefuseInputsOfAnotherSizeRankOrDtype) {
  LSTMCell cell(3, 2);
  auto [ps, st] = setup(Rng(0), cell);
  EXPECT_ERROR(ShapeError, apply(cell, ones({4, 5}), ps, st),
               "[LSTMCell] expected x of shape (batch, 3), got (4, 5).");
  EXPECT_ERROR(ShapeError, apply(cell, ones({5}), ps, st),
               "[LSTMCell] expected x of shape (batch, 3), got (5,).");
  EXPECT_ERROR(ShapeError, apply(cell, ones({4, 7, 3}), ps, st),
               "[LSTMCell] expected x of shape (batch, 3), got (4, 7, 3).");
  EXPECT_ERROR(ShapeError, apply(cell, ones({4, 3}, {.dtype = kFloat64}), ps, st),
               "[LSTMCell] expected x of dtype float32 like the parameters, got float64. Convert "
               "one of them: x.to(...) or tree::to(ps, ...).");
}

TEST(Cells, RefuseACarryOfAnotherCountShapeOrDtype) {
  LSTMCell lstm(3, 2);
  auto [ps, st] = setup(Rng(0), lstm);
  auto x = ones({4, 3}), h = ones({4, 2});
  auto with = [&](const Tree& carry) { return apply(Layer(lstm), tuple({x, carry}), ps, st); };
  EXPECT_ERROR(ShapeError, with(tuple({h})),
               "[LSTMCell] expected a carry of 2 tensors of shape (4, 2), got a tuple of 1.");
  EXPECT_ERROR(ShapeError, with(h),
               "[LSTMCell] expected a carry of 2 tensors of shape (4, 2), got a float32 tensor of "
               "shape (4, 2).");
  EXPECT_ERROR(ShapeError, with(ones({4})),
               "[LSTMCell] expected a carry of 2 tensors of shape (4, 2), got a float32 tensor of "
               "shape (4,). Are they lengths? Those are integers: lengths.to(kInt64).");
  EXPECT_ERROR(ShapeError, with(tuple({h, ones({5, 2})})),
               "[LSTMCell] expected a carry of 2 tensors of shape (4, 2), got a float32 tensor of "
               "shape (5, 2).");
  EXPECT_ERROR(ShapeError, with(tuple({h, Tree()})),
               "[LSTMCell] expected a carry of 2 tensors of shape (4, 2), got nothing.");
  EXPECT_ERROR(ShapeError, with(tuple({h, ones({4, 2}, {.dtype = kFloat64})})),
               "[LSTMCell] expected carry of dtype float32 like the parameters, got float64. "
               "Convert one of them: carry.to(...) or tree::to(ps, ...).");
  GRUCell gru(3, 2);
  auto ps_gru = setup(Rng(0), gru).first;
  EXPECT_ERROR(ShapeError, apply(Layer(gru), tuple({x, tuple({h, h})}), ps_gru, st),
               "[GRUCell] expected a carry of 1 tensor of shape (4, 2), got a tuple of 2.");
  EXPECT_ERROR(
      ShapeError, apply(Layer(gru), tuple({ones({3}), tuple({h})}), ps_gru, st),
      "[GRUCell] expected a carry of 1 tensor of shape (2,), got a float32 tensor of shape "
      "(4, 2).");
}

TEST(Cells, RefuseOptionsThatDoNotFit) {
  EXPECT_ERROR(ArgumentError, LSTMCell(0, 2), "[LSTMCell] expected in_dims of at least 1, got 0.");
  EXPECT_ERROR(ArgumentError, GRUCell(2, 0), "[GRUCell] expected out_dims of at least 1, got 0.");
  EXPECT_ERROR(ArgumentError, LSTMCell(2, 3, {.init_weight = {init::rand, init::rand, init::rand}}),
               "[LSTMCell] expected .init_weight of one initialiser or of 4, one for each gate, "
               "got 3.");
  EXPECT_ERROR(
      ArgumentError, GRUCell(2, 3, {.init_bias = {init::rand, init::rand}}),
      "[GRUCell] expected .init_bias of one initialiser or of 3, one for each gate, got 2.");
  auto wrong = [](Rng, Shape) { return ones({7}); };
  EXPECT_ERROR(ShapeError, setup(Rng(0), RNNCell(2, 3, {.init_bias = wrong})),
               "[RNNCell] expected the initialiser of bias_ih to give (3,), got (7,).");
  RNNCell cell(2, 3, {.init_state = wrong});
  auto [ps, st] = setup(Rng(0), cell);
  EXPECT_ERROR(ShapeError, apply(cell, ones({4, 2}), ps, st),
               "[RNNCell] expected the initialiser of hidden_state to give (4, 3), got (7,).");
}

TEST(Cells, SayWhichParametersHaveAnotherModelsShape) {
  auto ps = setup(Rng(0), LSTMCell(3, 5)).first;
  auto st = named({{"rng", Rng(0)}});
  try {
    apply(LSTMCell(3, 2), ones({4, 3}), ps, st);
    FAIL() << "nothing is thrown";
  } catch (const TorchError& error) {
    EXPECT_THAT(error.what(),
                ::testing::AllOf(::testing::StartsWith("[LSTMCell] "),
                                 ::testing::HasSubstr("The parameters do not fit the layer: "
                                                      "weight_ih of shape (20, 3) in place of (8, "
                                                      "3), weight_hh of shape (20, 5)")));
  }
}

TEST(Cells, SayWhichParametersAreMissing) {
  auto ps = setup(Rng(0), LSTMCell(3, 2, {.use_bias = false})).first;
  auto st = named({{"rng", Rng(0)}});
  EXPECT_ERROR(
      TreeError, apply(LSTMCell(3, 2), ones({4, 3}), ps, st),
      "[Tree] expected a key \"bias_ih\", got the keys weight_ih, weight_hh. The parameters do "
      "not fit the layer: missing bias_ih, missing bias_hh.");
}

}  // namespace
}  // namespace luxtorch::testing
