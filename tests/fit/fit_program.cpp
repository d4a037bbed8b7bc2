// A training by fit that may be killed at any moment and is started again: what fit_kill_test.py kills.
//
//     fit_program FOLDER EPOCHS
//
// Its callbacks have states and files (epochs.csv and log.jsonl in the folder). At the end it prints the sha256 of all
// that it has computed.
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "luxtorch/luxtorch.h"

namespace lux = luxtorch;
using lux::Tensor, lux::Tree;

int main(int argc, char** argv) try {
  if (argc != 3) return 2;
  const std::filesystem::path folder = argv[1];
  auto [x, y] = lux::data::spirals(lux::Rng(1), 60, 10);
  auto [training, validation] = lux::data::splitobs(lux::tuple({x, y}), 0.8);
  auto loader = lux::data::DataLoader(training, {.batch_size = 10, .shuffle = true}, lux::Rng(2));
  const auto valid = lux::data::DataLoader(validation, {.batch_size = 5});

  lux::Layer model =
      lux::Chain(lux::Recurrence(lux::LSTMCell(2, 6)), lux::Dropout(0.3), lux::BatchNorm(6),
                 lux::Dense(6, 1), [](const Tensor& out) { return out.squeeze(-1); });
  auto [ps, st] = lux::setup(lux::Rng(42), model);
  lux::TrainState ts(model, ps, st, lux::OptimiserChain(lux::ClipGlobalNorm(0.5), lux::Adam(0.02)));
  lux::Ema ema(0.9, ts);
  auto history = lux::fit(
      ts, lux::BinaryCrossEntropyLoss{.logits = true}, loader,
      {.epochs = std::atoll(argv[2]),
       .validation = &valid,
       .metrics = {{"accuracy", lux::metrics::Accuracy{.threshold = 0}}},
       .training_metrics = true,
       .callbacks = {
           lux::UpdateAverage{.average = &ema}, lux::ReduceOnPlateau{.factor = 0.5, .patience = 1},
           lux::EarlyStopping{.patience = 1000}, lux::Csv(folder / "epochs.csv"),
           lux::JsonLines(folder),
           lux::SaveEvery{.folder = lux::CheckpointFolder(folder, {.keep = 2}), .steps = 1}}});

  // A run that was interrupted in its first epoch has none.
  const Tree columns =
      history.size() == 0 ? history : history.without("seconds").without("samples_per_second");
  lux::safetensors::save(folder / "result.safetensors",
                         lux::named({{"parameters", ts.parameters()},
                                     {"states", ts.states()},
                                     {"optimizer", ts.optimizer_state()},
                                     {"ema", ema.parameters()},
                                     {"history", columns}}));
  std::cout << "step " << ts.step << " " << lux::sha256_file(folder / "result.safetensors")
            << std::endl;
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << std::endl;
  return 1;
}
