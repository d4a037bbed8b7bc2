// What large models cost beside their arithmetic.
//
//     tools/run large_models --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true
//
//     step/...            a training step of a model with 10 million parameters, batch 32: AdamW alone, with a
//                         user's own elementwise transform before it, with gradients clipped, with Momentum
//     apply/...           the optimizer's part of it: apply_gradients_
//     100M/...            a model with 100 million parameters: setup, and what needs its structure alone: the
//                         TrainState's construction, and printing
#include <benchmark/benchmark.h>

#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "luxtorch/core/functions.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/train/train_state.h"

namespace {

namespace lux = luxtorch;
using lux::Tensor, lux::Tree;

// A user's own part of a chain: every gradient halved.
struct Halved {
  Tree init(const Tree&) const { return lux::named({}); }
  std::pair<Tree, Tree> transform(const Tree& grads, const Tree& state, const Tree&) const {
    return {lux::tree::map_tensors([](const Tensor& g) { return g * 0.5; }, grads), state};
  }
  std::string label() const { return "Halved()"; }
};

lux::Layer wide(int64_t width, int64_t layers) {
  std::vector<lux::Layer> all;
  for (int64_t i = 0; i < layers; ++i) all.emplace_back(lux::Dense(width, width, lux::relu));
  return lux::Chain(std::move(all));
}

struct Case {
  Case(lux::Layer m, int64_t width) : model(std::move(m)) {
    std::tie(ps, st) = lux::setup(lux::Rng(0), model);
    batch = lux::tuple({lux::randn({32, width}), lux::randn({32, width})});
  }
  lux::Layer model;
  Tree ps, st, batch;
};

void register_steps() {
  constexpr int64_t width = 1024, layers = 10;
  static const Case large(wide(width, layers), width);
  const std::vector<std::pair<std::string, lux::Optimizer>> optimizers = {
      {"adamw", lux::AdamW(1e-4, {.lambda = 0.01})},
      {"adamw_own_transform", lux::OptimiserChain(Halved{}, lux::AdamW(1e-4, {.lambda = 0.01}))},
      {"adamw_clipped",
       lux::OptimiserChain(lux::ClipGlobalNorm(1.0), lux::AdamW(1e-4, {.lambda = 0.01}))},
      {"momentum", lux::Momentum(1e-4)}};
  for (const auto& [name, optimizer] : optimizers) {
    benchmark::RegisterBenchmark(("step/" + name).c_str(), [optimizer](benchmark::State& state) {
      lux::TrainState ts(large.model, large.ps, large.st, optimizer);
      for (auto _ : state)
        benchmark::DoNotOptimize(lux::single_train_step_(lux::MSELoss{}, large.batch, ts));
    })->Unit(benchmark::kMillisecond);
    benchmark::RegisterBenchmark(("apply/" + name).c_str(), [optimizer](benchmark::State& state) {
      lux::TrainState ts(large.model, large.ps, large.st, optimizer);
      const Tree grads = lux::compute_gradients_(lux::MSELoss{}, large.batch, ts).grads;
      for (auto _ : state) lux::apply_gradients_(ts, grads);
    })->Unit(benchmark::kMillisecond);
  }
}

void register_structures() {
  constexpr int64_t width = 4096, layers = 6;
  static const lux::Layer model = wide(width, layers);
  const auto add = [](const char* name, auto run) {
    benchmark::RegisterBenchmark(name, [run](benchmark::State& state) {
      for (auto _ : state) run();
    })->Unit(benchmark::kMillisecond);
  };
  add("100M/setup", [] { benchmark::DoNotOptimize(lux::setup(lux::Rng(0), model)); });
  add("100M/show", [] { benchmark::DoNotOptimize(lux::show(model)); });
  static const auto initial = lux::setup(lux::Rng(0), model);
  add("100M/train_state", [] {
    benchmark::DoNotOptimize(lux::TrainState(model, initial.first, initial.second, lux::Descent()));
  });
  static const lux::TrainState ts(model, initial.first, initial.second, lux::Descent());
  add("100M/print_train_state", [] {
    std::ostringstream text;
    text << ts;
    benchmark::DoNotOptimize(text.str());
  });
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  register_steps();
  register_structures();
  benchmark::RunSpecifiedBenchmarks();
}
