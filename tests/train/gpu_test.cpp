// What needs a GPU: the same numbers there as on the CPU.
#include <gtest/gtest.h>

#include "luxtorch/checkpoint/checkpoint.h"
#include "luxtorch/compact.h"
#include "luxtorch/core/device.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/optim/optim.h"
#include "luxtorch/train/train_state.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

class Gpu : public ::testing::Test {
 protected:
  void SetUp() override {
    if (gpu_device().is_cpu()) GTEST_SKIP() << "no GPU that torch can use";
  }
  Device gpu = gpu_device();
};

TEST_F(Gpu, LayersGiveTheCpusNumbers) {
  Chain model(Recurrence(LSTMCell(3, 8), {.return_sequence = true}),
              Recurrence(GRUCell(8, 8), {.return_sequence = true}), Recurrence(RNNCell(8, 8)),
              BatchNorm(8), Dense(8, 2, luxtorch::tanh), Dropout(0.5));
  auto [ps, st] = setup(Rng(0), model);
  auto x = random::normal(Rng(1), {16, 5, 3});
  auto cpu = apply<Tensor>(model, x, ps, st);
  auto there = apply<Tensor>(model, x.to(gpu), tree::to(ps, gpu), tree::to(st, gpu));
  EXPECT_EQ(there.first.device().type(), gpu.type());
  EXPECT_CLOSE(there.first.cpu(), cpu.first, 2e-5);
}

TEST_F(Gpu, TrainingTakesTheCpusPath) {
  Chain model(Recurrence(LSTMCell(2, 8)), Dense(8, 1, sigmoid),
              [](const Tensor& y) { return y.squeeze(-1); });
  auto [ps, st] = setup(Rng(0), model);
  auto x = random::normal(Rng(1), {32, 10, 2});
  auto y = random::uniform(Rng(2), {32}).ge(0.5).to(kFloat32);
  TrainState cpu(model, ps, st, Adam(0.01)),
      there(model, tree::to(ps, gpu), tree::to(st, gpu), Adam(0.01));
  for (int step = 0; step < 10; ++step) {
    single_train_step_(BinaryCrossEntropyLoss{}, tuple({x, y}), cpu);
    single_train_step_(BinaryCrossEntropyLoss{}, tuple({x.to(gpu), y.to(gpu)}), there);
  }
  EXPECT_TRUE(
      tree::all_close(tree::to(there.parameters(), cpu_device()), cpu.parameters(), 1e-3, 1e-4));
}

TEST_F(Gpu, ACheckpointIsTakenUpThereAndOnTheCpu) {
  Chain model(StatefulRecurrentCell(GRUCell(2, 4)), Dropout(0.5), Dense(4, 1));
  auto [ps, st] = setup(Rng(0), model);
  TrainState there(model, tree::to(ps, gpu), tree::to(st, gpu), Adam(0.01));
  Tree batch =
      tree::to(tuple({random::normal(Rng(1), {8, 2}), random::normal(Rng(2), {8, 1})}), gpu);
  single_train_step_(MSELoss{}, batch, there);
  auto c = load_checkpoint(CheckpointFolder(test::fresh_folder("checkpoint_gpu")).save(there));
  TrainState again(model, tree::to(ps, gpu), tree::to(st, gpu), Adam(0.01));
  c.restore_(again);
  EXPECT_SAME(again.parameters(), there.parameters());
  EXPECT_SAME(again.states(), tree::detach(there.states()));  // the carry is there too
  EXPECT_SAME(again.optimizer_state(), there.optimizer_state());
  TrainState here(model, ps, st, Adam(0.01));
  c.restore_(here);
  EXPECT_SAME(here.parameters(), tree::to(there.parameters(), cpu_device()));
}

TEST_F(Gpu, InputsOnTheOtherDeviceAreRefused) {
  Dense dense(2, 2);
  auto [ps, st] = setup(Rng(0), dense);
  EXPECT_THROW(apply(dense, zeros({1, 2}), tree::to(ps, gpu), st), ShapeError);
}

}  // namespace
}  // namespace luxtorch
