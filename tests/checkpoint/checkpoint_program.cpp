// A training that may be killed at any moment and is started again: what checkpoint_kill_test.py
// kills.
//
//     checkpoint_program FOLDER STEPS
//
// Saves a checkpoint after every step, and prints a line when it begins to train.
#include <cstdlib>
#include <iostream>

#include "luxtorch/luxtorch.h"

namespace lux = luxtorch;
using lux::Tensor, lux::Tree;

namespace {

lux::Chain model() {
  return lux::Chain(lux::Recurrence(lux::LSTMCell(2, 6)), lux::Dropout(0.3), lux::BatchNorm(6),
                    lux::Dense(6, 1), [](const Tensor& y) { return y.squeeze(-1); });
}

lux::TrainState fresh() {
  auto [ps, st] = lux::setup(lux::Rng(42), model());
  lux::TrainState ts(model(), ps, st,
                     lux::OptimiserChain(lux::ClipGlobalNorm(0.5), lux::Adam(0.02)));
  return lux::freeze(ts, "layer_4.bias");
}

double validation_loss(const lux::TrainState& ts, const Tree& data) {
  auto [x, y] = data.tensors<2>();
  auto y_hat = lux::predict<Tensor>(ts.model, x, ts.parameters(), ts.states());
  return lux::BinaryCrossEntropyLoss{.logits = true}(y_hat, y).item<double>();
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) return 2;
  const int64_t steps = std::atoll(argv[2]);
  auto [x, y] = lux::data::spirals(lux::Rng(1), 60, 10);
  auto [train, validation] = lux::data::splitobs(lux::tuple({x, y}), 0.8);
  auto loader = lux::data::DataLoader(train, {.batch_size = 10, .shuffle = true}, lux::Rng(2));
  lux::TrainState ts = fresh();
  lux::Rng noise(3);
  std::vector<Tree> losses;

  lux::CheckpointFolder run(argv[1], {.keep = 2});
  auto found = run.resume();
  for (const auto& skipped : found.skipped) {
    std::cerr << skipped.reason << std::endl;
    return 3;
  }
  if (found.checkpoint) {
    const auto& c = *found.checkpoint;
    c.restore_(ts);
    loader.set_position_(c.data);
    noise = *c.rng;
    for (const Tree& loss : c.values["losses"].elements()) losses.push_back(loss);
  }
  std::cout << "step " << ts.step << std::endl;

  while (ts.step < steps) {
    for (const Tree& batch : loader) {
      auto [now, later] = noise.split<2>();
      noise = later;
      auto [inputs, labels] = batch.tensors<2>();
      auto noisy = inputs + lux::random::normal(now, inputs.sizes()) * 0.01;
      auto [grads, loss, stats] = lux::single_train_step_(
          lux::BinaryCrossEntropyLoss{.logits = true}, lux::tuple({noisy, labels}), ts);
      losses.emplace_back(loss.item<double>());
      run.save(ts, {.values = lux::named({{"losses", lux::tuple(losses)}}),
                    .rng = noise,
                    .data = loader.position(),
                    .metric = validation_loss(ts, validation)});
      if (ts.step == steps) break;
    }
  }
  return 0;
} catch (const lux::Error& error) {
  std::cerr << error.what() << std::endl;
  return 1;
}
