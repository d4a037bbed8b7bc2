// How fast a character model writes: two recurrent layers of 128 units, a Dense to 66 symbols, a draw at temperature 0.8,
// one symbol after the other on one core.
//
//     tools/run generation --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true
//
// items_per_second are characters. `luxtorch` is a model as a program writes it, its carry in the states; `torch` the same
// by torch's own operators (lstm_cell and gru_cell on one-hot vectors, addmm, softmax, multinomial), in C++ too.
#include <ATen/Parallel.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/gru_cell.h>
#include <ATen/ops/lstm_cell.h>
#include <ATen/ops/multinomial.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/rnn_tanh_cell.h>
#include <ATen/ops/softmax.h>
#include <benchmark/benchmark.h>
#include <c10/core/InferenceMode.h>

#include <span>

#include "luxtorch/core/ops.h"
#include "luxtorch/data/sample.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/layers/stateful.h"

namespace {

namespace lux = luxtorch;
using lux::Out, lux::Step, lux::Tensor, lux::Tree;

constexpr int64_t kSymbols = 66, kUnits = 128;
constexpr double kTemperature = 0.8;

struct Model {
  lux::Recurrence rnn_1, rnn_2;
  lux::Dense head;
  LUXTORCH_LAYERS(rnn_1, rnn_2, head)

  Tree initial_states(lux::Rng) const {
    return lux::named({{"carry", lux::tuple({Tree(), Tree()})}});
  }
  Out<Tensor> operator()(const Tensor& tokens, const Tree& ps, const Tree& st) const {
    const Tree& carry = st["carry"];
    auto [one, st_1] =
        lux::apply<Step>(rnn_1, lux::tuple({tokens, carry[0]}), ps["rnn_1"], st["rnn_1"]);
    auto [two, st_2] =
        lux::apply<Step>(rnn_2, lux::tuple({one.y, carry[1]}), ps["rnn_2"], st["rnn_2"]);
    auto [logits, st_head] = head(two.y, ps["head"], st["head"]);
    return {logits, lux::named({{"rnn_1", st_1},
                                {"rnn_2", st_2},
                                {"head", st_head},
                                {"carry", lux::tuple({one.carry, two.carry})}})};
  }
};

template <class Cell>
Model model() {
  auto layer = [](int64_t in) {
    return lux::Recurrence(Cell(in, kUnits), {.return_sequence = true, .return_carry = true});
  };
  return {layer(kSymbols), layer(kUnits), lux::Dense(kUnits, kSymbols)};
}

template <class Cell>
void luxtorch_writes(benchmark::State& state) {
  at::set_num_threads(1);
  auto [ps, st] = lux::setup(lux::Rng(0), model<Cell>());
  lux::StatefulLayer writer(model<Cell>(), ps, st);
  lux::data::Sampler sampler({.temperature = kTemperature});
  const lux::Rng rng(1);
  int64_t token = 0;
  uint64_t drawn = 0;
  for (auto _ : state) {
    const Tensor logits =
        writer(lux::full({1, 1}, token, {.dtype = lux::kInt64})).tensor().contiguous();
    token = sampler(rng, std::span(logits.const_data_ptr<float>(), size_t{kSymbols}), drawn++);
  }
  state.SetItemsProcessed(state.iterations());
}

template <class Cell>
void torch_writes(benchmark::State& state) {
  at::set_num_threads(1);
  const c10::InferenceMode mode;
  auto [ps, st] = lux::setup(lux::Rng(0), model<Cell>());
  const Tensor weight = ps["head"]["weight"].tensor().t(), bias = ps["head"]["bias"].tensor();
  auto zero = [] { return lux::zeros({1, kUnits}); };
  std::array<std::array<Tensor, 2>, 2> carry{{{zero(), zero()}, {zero(), zero()}}};
  Tensor token = lux::zeros({1}, {.dtype = lux::kInt64});
  for (auto _ : state) {
    Tensor x = at::one_hot(token, kSymbols).to(lux::kFloat32);
    for (size_t i = 0; i < 2; ++i) {
      const Tree& p = ps[i == 0 ? "rnn_1" : "rnn_2"];
      auto weights = [&](auto cell, auto state_before) {
        return cell(x, state_before, p["weight_ih"].tensor(), p["weight_hh"].tensor(),
                    p["bias_ih"].tensor(), p["bias_hh"].tensor());
      };
      auto& [h, c] = carry[i];
      if constexpr (std::same_as<Cell, lux::LSTMCell>) {
        std::tie(h, c) =
            weights([](auto&&... a) { return at::lstm_cell(a...); }, std::vector<Tensor>{h, c});
      } else if constexpr (std::same_as<Cell, lux::GRUCell>) {
        h = weights([](auto&&... a) { return at::gru_cell(a...); }, h);
      } else {
        h = weights([](auto&&... a) { return at::rnn_tanh_cell(a...); }, h);
      }
      x = h;
    }
    const Tensor logits = at::addmm(bias, x, weight);
    token = at::multinomial(at::softmax(logits.div(kTemperature), -1), 1).squeeze(-1);
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(luxtorch_writes<lux::LSTMCell>)->Name("lstm/luxtorch");
BENCHMARK(torch_writes<lux::LSTMCell>)->Name("lstm/torch");
BENCHMARK(luxtorch_writes<lux::GRUCell>)->Name("gru/luxtorch");
BENCHMARK(torch_writes<lux::GRUCell>)->Name("gru/torch");
BENCHMARK(luxtorch_writes<lux::RNNCell>)->Name("rnn/luxtorch");
BENCHMARK(torch_writes<lux::RNNCell>)->Name("rnn/torch");

}  // namespace

BENCHMARK_MAIN();
