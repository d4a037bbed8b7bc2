// A torch::nn model in the functional style: its parameters are values, to keep, average and swap.
//
// How much power does a house's heating take, given the weather and the hour? A torch::nn::Sequential, as you may have one
// already, learns it from 3000 hours of a noisy meter. By the end of this page you have trained four copies of it at once
// from one layer, looked back at the parameters of earlier epochs, and made new networks from the trees of old ones.
//
//     tools/run functional_torch                    (--help tells what else it can do)

#include <luxtorch/luxtorch.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <thread>

namespace lux = luxtorch;
namespace nn = torch::nn;
using lux::Layer, lux::Rng, lux::Tensor, lux::Tree;

constexpr size_t kNetworks = 4;
constexpr int64_t kHours = 3000, kHeldOut = 1000;
constexpr double kNoise = 0.5;  // of the meter, in kW

// ------------------------------------------------------------------------------------------------------------ Data
//
// x: (hours, 4), outdoor temperature, wind, sun and hour of the day, each from -1 to 1; y: (hours, 1), kW. The house loses
// heat to the cold and the wind, gains it from the sun, rests at night, and somebody showers at seven.

Tree make_hours(Rng rng, int64_t count, double noise) {
  auto x = lux::random::uniform(rng.fold_in("weather"), {count, 4}, -1, 1);
  auto column = [&](int64_t i, double low, double high) {
    return (x.narrow(1, i, 1) + 1) * ((high - low) / 2) + low;
  };
  auto cold = 21 - column(0, -10, 20), wind = column(1, 0, 12);
  auto sun = column(2, 0, 1), hour = column(3, 0, 24);
  auto night = lux::sigmoid((5 - hour) * 2) + lux::sigmoid((hour - 22) * 2);
  auto shower = (-((hour - 7) / 1.2).square()).exp();
  auto power = (0.15 * (cold - 4 * night) * (1 + 0.04 * wind) - 2.5 * sun).relu() + 3 * shower;
  return lux::tuple({x, power + lux::random::normal(rng.fold_in("meter"), {count, 1}, 0, noise)});
}

double rmse(const Tensor& y_hat, const Tensor& y) {
  return std::sqrt((y_hat - y).square().mean().item<double>());
}

// -------------------------------------------------------------------------------------------------------- Training
//
// What one training leaves behind. Each entry of `epochs` is a tree of that epoch's parameters: keeping one costs nothing
// until the next step, which then writes into memory of its own.

struct Trained {
  std::vector<Tree> epochs;
  Tree ps, st;
};

Trained train(const Layer& model, const Tree& hours, int64_t epochs, Rng rng) {
  auto [ps, st] = lux::setup(rng.fold_in("network"), model);
  lux::data::DataLoader loader(hours, {.batch_size = 32, .shuffle = true}, rng.fold_in("shuffle"));
  lux::TrainState ts(model, ps, st, lux::Adam(0.005));
  Trained trained;
  for (int64_t epoch = 1; epoch <= epochs; ++epoch) {
    for (const Tree& batch : loader) lux::single_train_step_(lux::MSELoss{}, batch, ts);
    trained.epochs.push_back(ts.parameters());
  }
  trained.ps = ts.parameters(), trained.st = ts.states();
  return trained;
}

// ---------------------------------------------------------------------------------------------- Parameters as values

Tree average(const std::vector<Tree>& trees) {
  Tree sum = trees[0];
  for (size_t i = 1; i < trees.size(); ++i) {
    sum = lux::tree::zip([](const Tree& a, const Tree& b) { return Tree(a.tensor() + b.tensor()); },
                         sum, trees[i]);
  }
  const auto count = static_cast<double>(trees.size());
  return lux::tree::map_tensors([&](const Tensor& t) { return t / count; }, sum);
}

// BatchNorm's running averages belong to the parameters that they were made with. For others, they are made anew: the
// states go in, and come out with every batch a little closer. Neither ps nor the model changes.
Tree states_for(const Layer& model, const Tree& ps, Tree st, const Tree& hours) {
  lux::data::DataLoader loader(hours, {.batch_size = 32});
  for (const Tree& batch : loader) st = model(batch[0], ps, st).second;
  return st;
}

// ---------------------------------------------------------------------------------------------------------- The program

int run(uint64_t seed, int64_t epochs) {
  Rng rng(seed);
  auto hours = make_hours(rng.fold_in("training"), kHours, kNoise);
  auto held_out = make_hours(rng.fold_in("held out"), kHeldOut, 0);

  // From here on the module is a layer like any other: `setup` makes parameters, named as the module names them.
  nn::Sequential module(nn::Linear(4, 64), nn::BatchNorm1d(64), nn::Tanh(), nn::Linear(64, 64),
                        nn::Tanh(), nn::Linear(64, 1));
  Layer model = lux::functional(module);
  std::cout << model << "\n" << std::endl;
  auto error = [&](const Tree& ps, const Tree& st) {
    return rmse(lux::predict<Tensor>(model, held_out[0], ps, st), held_out[1].tensor());
  };

  // Four networks, a thread each. They share the layer, which holds no parameters, and nothing else.
  std::vector<Trained> networks(kNetworks);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kNetworks; ++i)
    threads.emplace_back([&, i] { networks[i] = train(model, hours, epochs, rng.fold_in(i)); });
  for (auto& t : threads) t.join();

  std::printf("RMSE in kW on %d hours held out (what the meter adds to the training: %.2f)\n",
              static_cast<int>(kHeldOut), kNoise);
  std::printf("%9s   %s\n", "epoch", "four networks");
  for (int64_t epoch = 1; epoch <= epochs; epoch *= 2) {
    std::printf("%9d", static_cast<int>(epoch));
    for (const auto& n : networks) {
      const auto& ps = n.epochs[static_cast<size_t>(epoch - 1)];
      std::printf("   %.3f", error(ps, states_for(model, ps, n.st, hours)));
    }
    std::printf("\n");
  }

  const auto& first = networks[0];
  const auto& second = networks[1];
  auto later_half = first.epochs.begin() + static_cast<std::ptrdiff_t>(first.epochs.size() / 2);
  auto averaged = average({later_half, first.epochs.end()});
  Tensor answers = lux::zeros({kHeldOut, 1});
  std::vector<Tree> parameters;
  for (const auto& n : networks) {
    answers = answers + lux::predict<Tensor>(model, held_out[0], n.ps, n.st) / double(kNetworks);
    parameters.push_back(n.ps);
  }
  auto of_all = average(parameters);
  auto other_head = first.ps.with("5", second.ps["5"]);
  auto mean = hours[1].tensor().mean();

  auto row = [](const char* what, double value) { std::printf("  %-52s %.3f\n", what, value); };
  std::printf("\n");
  row("always the mean of the training hours", rmse(mean, held_out[1].tensor()));
  row("one network", error(first.ps, first.st));
  row("its parameters, averaged over the later epochs",
      error(averaged, states_for(model, averaged, first.st, hours)));
  row("the answers of all four, averaged", rmse(answers, held_out[1].tensor()));
  row("the parameters of all four, averaged",
      error(of_all, states_for(model, of_all, first.st, hours)));
  row("the first network with the last layer of the second", error(other_head, first.st));
  std::printf(
      "\nParameters on one path of training may be averaged; those of different networks mean\n"
      "different things, and only their answers may.\n");
  return 0;
}

int main(int argc, char** argv) {
  CLI::App app(
      "Trains a torch::nn model as a luxtorch layer, and makes new networks from the trees of its "
      "parameters.");
  uint64_t seed = 0;
  int64_t epochs = 32;
  app.option_defaults()->always_capture_default();
  app.add_option("--seed", seed, "Where hours, parameters and shuffling start from");
  app.add_option("--epochs", epochs, "Passes over the training hours")->check(CLI::PositiveNumber);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  return run(seed, epochs);
}
