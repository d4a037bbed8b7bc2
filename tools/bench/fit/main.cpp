// What fit costs: epochs of it against the same epochs as a loop around single_train_step_.
//
//     tools/run fit [ROUNDS]
//
// Both take turns within one program, each 10 epochs on data of its own. A row gives the minimum and the median of the
// turns, in microseconds per step, and what fit adds. With Console and JsonLines the lines go to a string and a file. "spiral" is the training of tutorials/simple_rnn (LSTM of 8
// units, 50 steps, batches of 128), "tiny" a Dense of 2 weights on one row, whose step is as short as one can be.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <vector>

#include "luxtorch/luxtorch.h"

namespace {

namespace lux = luxtorch;
using lux::Tensor, lux::Tree;
using Clock = std::chrono::steady_clock;

struct Training {
  lux::TrainState ts;
  lux::data::DataLoader loader;
  lux::Objective objective;
};

Training spiral() {
  lux::Layer model = lux::Chain(lux::Recurrence(lux::LSTMCell(2, 8)), lux::Dense(8, 1));
  auto [x, y] = lux::data::spirals(lux::Rng(0), 1000, 50);
  auto [ps, st] = lux::setup(lux::Rng(42), model);
  return {
      lux::TrainState(model, ps, st, lux::Adam(0.01)),
      lux::data::DataLoader(lux::tuple({x, y.unsqueeze(1)}), {.batch_size = 128, .shuffle = true}),
      lux::BinaryCrossEntropyLoss{.logits = true}};
}

Training tiny() {
  lux::Layer model = lux::Dense(1, 1);
  Tensor x = lux::random::normal(lux::Rng(1), {1000, 1});
  auto [ps, st] = lux::setup(lux::Rng(42), model);
  return {lux::TrainState(model, ps, st, lux::Descent(0.01)),
          lux::data::DataLoader(lux::tuple({x, x * 2}), {.batch_size = 1}), lux::MSELoss{}};
}

constexpr int kEpochs = 10;

void loop(Training& t) {
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    double sum = 0;
    for (const Tree& batch : t.loader) {
      auto step = lux::single_train_step_(t.objective, batch, t.ts);
      sum += step.loss.item<double>() * static_cast<double>(batch[1].tensor().size(0));
    }
    if (!(sum >= 0)) std::exit(1);
  }
}

struct Rates {
  std::vector<double> loop, fit;
};

double least(const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); }
double median(std::vector<double> v) {
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

// callbacks: those of a turn, made anew.
template <class Callbacks>
void compare(const char* name, int rounds, Training (*make)(), const Callbacks& callbacks) {
  Training a = make(), b = make();
  const auto steps = static_cast<double>(kEpochs * a.loader.size());
  auto timed = [&](const auto& epoch) {
    const auto start = Clock::now();
    epoch();
    return std::chrono::duration<double, std::micro>(Clock::now() - start).count() / steps;
  };
  auto by_hand = [&] { loop(a); };
  auto fitted = [&] {
    lux::fit(b.ts, b.objective, b.loader, {.epochs = kEpochs, .callbacks = callbacks()});
  };
  by_hand(), fitted();
  Rates rates;
  for (int i = 0; i < rounds; ++i) {
    // Who goes first changes, so that neither always has the warmer cache.
    if (i % 2 == 0) {
      rates.loop.push_back(timed(by_hand));
      rates.fit.push_back(timed(fitted));
    } else {
      rates.fit.push_back(timed(fitted));
      rates.loop.push_back(timed(by_hand));
    }
  }
  const double added = least(rates.fit) - least(rates.loop);
  std::printf("%-28s %9.2f %9.2f %8.2f %6.2f %%  %9.2f %9.2f\n", name, least(rates.loop),
              least(rates.fit), added, 100 * added / least(rates.loop), median(rates.loop),
              median(rates.fit));
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 40;
  if (rounds < 1) {
    std::fprintf(stderr, "fit [ROUNDS]: expected a number of rounds above 0\n");
    return 1;
  }
  std::printf("microseconds per step, %d turns of 10 epochs each\n", rounds);
  std::printf("%-28s %37s  %19s\n", "", "minimum", "median");
  std::printf("%-28s %9s %9s %8s %8s  %9s %9s\n", "", "loop", "fit", "added", "", "loop", "fit");
  auto none = [] { return std::vector<lux::Callback>{}; };
  compare("tiny, no callbacks", rounds, tiny, none);
  compare("spiral, no callbacks", rounds, spiral, none);
  const auto folder = std::filesystem::temp_directory_path() / "luxtorch-bench-fit";
  std::ostringstream text;
  compare("spiral, Console + JsonLines", rounds, spiral, [&] {
    text.str("");
    return std::vector<lux::Callback>{lux::Console(text), lux::JsonLines(folder)};
  });
  std::filesystem::remove_all(folder);
  return 0;
}
