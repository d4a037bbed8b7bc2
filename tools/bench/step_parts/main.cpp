// Where the time of a training step goes: the spiral classifier's parts, each by itself.
//
//     tools/run step_parts --benchmark_filter=struct --benchmark_repetitions=5
//
// A part holds those before it, so their differences are what each one adds:
//
//     predict             forward, nothing recorded
//     objective           value_and_grad's forward, loss included, the graph recorded
//     gradients           and backward: compute_gradients_
//     step                and Adam: single_train_step_
//
// On the side: apply_gradients_ alone, parameters() (the tree of views that each step makes), the loss
// and its gradient without a model, and a DataLoader's batch.
#include <benchmark/benchmark.h>

#include <string>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/data/dataloader.h"
#include "luxtorch/data/toy.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/train/train_state.h"

namespace {

namespace lux = luxtorch;
using lux::Out, lux::Tensor, lux::Tree;

struct SpiralClassifier {
  lux::LSTMCell lstm_cell;
  lux::Dense classifier;
  LUXTORCH_LAYERS(lstm_cell, classifier)

  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto steps = x.unbind(1);
    auto [out, st_cell] = lstm_cell(steps[0], ps["lstm_cell"], st["lstm_cell"]);
    for (size_t t = 1; t < steps.size(); ++t)
      std::tie(out, st_cell) = lstm_cell(steps[t], out.carry, ps["lstm_cell"], st_cell);
    auto [y, st_head] = classifier(out.y, ps["classifier"], st["classifier"]);
    return {y.squeeze(-1), lux::named({{"lstm_cell", st_cell}, {"classifier", st_head}})};
  }
};

// A model with its parameters, states and one batch of 128 spirals of 50 points.
struct Case {
  explicit Case(lux::Layer m) : model(std::move(m)) {
    std::tie(ps, st) = lux::setup(lux::Rng(0), model);
    auto [x, y] = lux::data::spirals(lux::Rng(1), 128);
    batch = lux::tuple({x, y});
  }
  lux::TrainState train_state() const { return {model, ps, st, lux::Adam(0.01)}; }

  lux::Layer model;
  Tree ps, st, batch;
  lux::BinaryCrossEntropyLoss loss;
};

// `steps` is how many steps run before everything starts again from the first parameters: so the
// loss stays away from zero, where numbers too small to be normal would slow all of it down.
template <class F>
void repeat(benchmark::State& state, const Case& c, F f) {
  constexpr int steps = 50;
  auto ts = c.train_state();
  int left = steps;
  for (auto _ : state) {
    if (--left == 0) {
      state.PauseTiming();
      ts = c.train_state();
      left = steps;
      state.ResumeTiming();
    }
    benchmark::DoNotOptimize(f(ts));
  }
}

void register_parts(const std::string& name, const Case& c) {
  auto part = [&](const char* what, auto f) {
    benchmark::RegisterBenchmark((name + "/" + what).c_str(), [&c, f](benchmark::State& state) {
      repeat(state, c, [&](lux::TrainState& ts) { return f(c, ts); });
    })->Unit(benchmark::kMicrosecond);
  };
  part("predict", [](const Case& c, lux::TrainState&) {
    return lux::predict<Tensor>(c.model, c.batch[0], c.ps, c.st);
  });
  // Stops where backward would begin.
  part("objective", [](const Case& c, lux::TrainState& ts) {
    auto recorded = lux::tree::map_tensors(
        [](const Tensor& t) { return t.detach().requires_grad_(); }, ts.parameters());
    return c.loss(c.model, recorded, c.st, c.batch).loss;
  });
  part("gradients", [](const Case& c, lux::TrainState& ts) {
    return lux::compute_gradients_(c.loss, c.batch, ts);
  });
  part("step", [](const Case& c, lux::TrainState& ts) {
    return lux::single_train_step_(c.loss, c.batch, ts);
  });
  part("parameters", [](const Case&, lux::TrainState& ts) { return ts.parameters(); });

  benchmark::RegisterBenchmark((name + "/apply_gradients_").c_str(), [&c](benchmark::State& state) {
    auto ts = c.train_state();
    const Tree grads = lux::compute_gradients_(c.loss, c.batch, ts).grads;
    for (auto _ : state) lux::apply_gradients_(ts, grads);
  })->Unit(benchmark::kMicrosecond);
}

void loss_alone(benchmark::State& state) {
  const lux::BinaryCrossEntropyLoss loss;
  const Tensor y = lux::cat({lux::zeros({64}), lux::ones({64})});
  const Tree y_hat = lux::random::uniform(lux::Rng(0), {128}, 0.1, 0.9);
  for (auto _ : state) {
    auto f = [&](const Tree& t) { return loss(t.tensor(), y); };
    benchmark::DoNotOptimize(lux::value_and_grad(f, y_hat));
  }
}
BENCHMARK(loss_alone)->Name("loss/value_and_grad")->Unit(benchmark::kMicrosecond);

void loader_batch(benchmark::State& state) {
  auto [x, y] = lux::data::spirals(lux::Rng(1), 800);
  lux::data::DataLoader loader(lux::tuple({x, y}),
                               {.batch_size = 128, .shuffle = true, .partial = false});
  int64_t batches = 0;
  for (auto _ : state) {
    for (const Tree& batch : loader) {
      benchmark::DoNotOptimize(batch);
      ++batches;
    }
  }
  state.counters["per_batch"] = benchmark::Counter(
      static_cast<double>(batches), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(loader_batch)->Name("loader/epoch_of_6_batches")->Unit(benchmark::kMicrosecond);

}  // namespace

int main(int argc, char** argv) {
  const Case loop(SpiralClassifier{lux::LSTMCell(2, 8), lux::Dense(8, 1, lux::sigmoid)});
  const Case chain(lux::Chain(lux::Recurrence(lux::LSTMCell(2, 8)), lux::Dense(8, 1, lux::sigmoid),
                              [](const Tensor& y) { return y.squeeze(-1); }));
  register_parts("struct", loop);
  register_parts("recurrence", chain);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
