// Batches of rows of several lengths, from a loader through a training step.
#include <gtest/gtest.h>

#include "luxtorch/core/ops.h"
#include "luxtorch/data/dataloader.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/sequence.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/train/train_state.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

TEST(SequenceTraining, LearnsFromTokensOfSeveralLengthsWhetherTheLastOneIsATwo) {
  auto tokens = random::uniform(Rng(1), {64, 6}).mul(3).to(kInt64);
  auto lengths = random::uniform(Rng(2), {64}).mul(6).to(kInt64) + 1;
  auto last = tokens.gather(1, (lengths - 1).unsqueeze(1)).squeeze(1);
  auto y = last.eq(2).to(kFloat32).unsqueeze(1);
  data::DataLoader loader(tuple({tuple({tokens, lengths}), y}), {.batch_size = 16, .shuffle = true},
                          Rng(3));
  Chain model(LSTM(3, 8, {.num_layers = 2}), Dense(8, 1, sigmoid));
  auto [ps, st] = setup(Rng(0), model);
  TrainState ts(model, ps, st, Adam(0.03));
  for (int epoch = 0; epoch < 30; ++epoch) {
    for (const Tree& batch : loader) single_train_step_(BinaryCrossEntropyLoss{}, batch, ts);
  }
  auto guess = predict<Tensor>(model, tuple({tokens, lengths}), ts.parameters(), ts.states());
  EXPECT_GT(guess.gt(0.5).eq(y.gt(0.5)).to(kFloat32).mean().item<double>(), 0.95);
}

}  // namespace
}  // namespace luxtorch::testing
