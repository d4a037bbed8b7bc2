// Gradients per sample, by vmap(grad(loss)): learning from everybody without learning about anybody.
//
// The gradient of a batch says what its samples want together. Some methods ask what each one wants: differentially private
// training (Abadi et al. 2016, "Deep learning with differential privacy") limits how far a single sample may pull, and hides
// what is left of it in noise. A loop over the samples would do, slowly; vmap does it at once.
//
//     tools/run per_sample_gradients --plots pictures          (--help tells what else it can do)

#include <fmt/format.h>
#include <luxtorch/luxtorch.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <numbers>

#include "program.h"

namespace lux = luxtorch;
using lux::Rng, lux::Tensor, lux::Tree;

// --------------------------------------------------------------------------------------------------------------- Data
//
// A person is 32 numbers. The first two, a point of one of two crescents, tell which of two kinds the person is; the others are
// noise, by which a person may be recognised. A tenth of the labels is wrong: those are secrets.

constexpr int64_t kPersons = 2000, kFeatures = 32;

struct Persons {
  Tensor x, label, truth;  // (count, 32), (count), (count)
};

Persons make_persons(Rng rng) {
  auto truth = lux::arange(kPersons).remainder(2).to(lux::kFloat32);
  auto angle = lux::random::uniform(rng.fold_in("angle"), {kPersons}, 0, std::numbers::pi);
  auto side = 1 - 2 * truth;  // the second crescent hangs upside down, and beside the first
  auto points = lux::stack({angle.cos() * side + truth, angle.sin() * side + truth / 2}, 1);
  auto x = lux::cat({points, lux::zeros({kPersons, kFeatures - 2})}, 1);
  auto wrong = lux::random::uniform(rng.fold_in("secret"), {kPersons}) < 0.1;
  return {x + lux::random::normal(rng.fold_in("noise"), x.sizes(), 0, 0.2),
          lux::where(wrong, 1 - truth, truth), truth};
}

// -------------------------------------------------------------------------------------------------- A gradient for each
//
// loss is a function of one person, x (32) and y (). grad makes of it a function that gives that person's gradient, and vmap one
// that gives everybody's: all see the same parameters (Tree()), while x and y have one for each along dimension 0.

const lux::BinaryCrossEntropyLoss kLoss{.logits = true};

struct Classifier {
  lux::Layer model = lux::Chain(lux::Dense(kFeatures, 32, lux::relu), lux::Dense(32, 32, lux::relu),
                                lux::Dense(32, 1), [](const Tensor& y) { return y.squeeze(-1); });
  Tree st = lux::setup(Rng(0), model).second;  // nothing is in it

  Tensor logit(const Tree& ps, const Tensor& x) const {
    return lux::apply<Tensor>(model, x, ps, st).first;
  }
  auto gradient() const {
    return lux::grad([this](const Tree& ps, const Tensor& x, const Tensor& y) {
      return kLoss(logit(ps, x), y);
    });
  }
  auto gradients() const { return lux::vmap(gradient(), {.in_dims = lux::tuple({Tree(), 0, 0})}); }
};

template <class F>
double milliseconds(F f) {  // the least of some runs
  double least = INFINITY;
  for (int run = 0; run < 10; ++run) {
    auto start = std::chrono::steady_clock::now();
    f();
    std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    least = std::min(least, took.count());
  }
  return least;
}

/// The gradients of 128 persons from a loop and at once: how near, and how long either takes.
void compare(const Classifier& c, const Tree& ps, const Persons& persons) {
  constexpr int64_t kCount = 128;
  auto x = persons.x.narrow(0, 0, kCount), y = persons.label.narrow(0, 0, kCount);
  std::vector<Tree> rows(kCount);
  auto loop = milliseconds([&, gradient = c.gradient()] {
    for (int64_t i = 0; i < kCount; ++i) rows[i] = gradient(ps, x[i], y[i]);
  });
  Tree at_once;  // ps' structure, with (128, ...) in the place of (...)
  auto vmapped = milliseconds([&, gradients = c.gradients()] { at_once = gradients(ps, x, y); });

  double difference = 0;
  for (const auto& path : lux::tree::paths(ps)) {
    std::vector<Tensor> row;
    for (const auto& g : rows) row.push_back(g.at(path).tensor());
    auto expected = lux::stack(row), off = (at_once.at(path).tensor() - expected).abs().max();
    difference = std::max(difference, (off / expected.abs().max()).item<double>());
  }
  fmt::print("{} gradients of {} numbers\n", kCount, lux::tree::numel(ps));
  fmt::print("  in a loop       {:7.2f} ms\n", loop);
  fmt::print("  vmap(grad(f))   {:7.2f} ms, {:.0f} times as fast; the same to {:.0e}\n\n", vmapped,
             loop / vmapped, difference);
}

// ---------------------------------------------------------------------------------------------------- Private training
//
// Gradients longer than 1 are shortened, so that their sum moves by no more than 1 where a person is left out. Noise that is
// `noise` times as long hides that.

Tree private_mean(const Tree& gradients, Rng rng, double noise) {
  auto squares = lux::zeros({});
  for (const auto& g : lux::tree::tensors(gradients))
    squares = squares + g.flatten(1).square().sum(1);
  auto share = squares.rsqrt().clamp_max(1);  // (count)
  return lux::tree::map(
      [&](const std::string& path, const Tree& leaf) -> Tree {
        auto sum = lux::einsum("n,n...->...", {share, leaf.tensor()});
        auto hidden = lux::random::normal(rng.fold_in(path), sum.sizes(), 0, noise);
        return (sum + hidden) / share.size(0);
      },
      gradients);
}

/// What so many of these steps tell of a person at most: whatever one looks for in the result, it is up to exp(epsilon) times as
/// probable if the person took part, but for a chance of 1e-5 (Bun and Steinke 2016, "Concentrated differential privacy").
double epsilon(int64_t steps, double noise) {
  auto rho = static_cast<double>(steps) / (2 * noise * noise);
  return rho + 2 * std::sqrt(rho * std::log(1e5));
}

// ----------------------------------------------------------------------------------------------------------- The page

struct Options : Page {
  int64_t steps = 100;
  double noise = 20;
};

void page(const Options& o) {
  Rng rng(o.seed);
  const Classifier c;
  auto ps = lux::setup(rng, c.model).first;
  auto persons = make_persons(rng.fold_in("persons"));
  auto strangers = make_persons(rng.fold_in("strangers"));
  compare(c, ps, persons);

  // In percent: how often it says the truth about strangers, and how often the secrets of the persons that it learnt from. One
  // that learns no secrets says wrong labels about these as seldom as about anybody.
  auto secrets = (persons.label != persons.truth).nonzero().squeeze(-1);
  auto judge = [&](const lux::TrainState& ts) {
    auto share = [&](const Tensor& x, const Tensor& label) {
      auto says = (c.logit(ts.parameters(), x) > 0).to(lux::kFloat32);
      return (says == label).to(lux::kFloat32).mean() * 100;
    };
    return lux::stack(
        {share(strangers.x, strangers.truth),
         share(persons.x.index_select(0, secrets), persons.label.index_select(0, secrets))});
  };

  lux::TrainState usual(c.model, ps, c.st, lux::Adam(0.02)), privately = usual;
  auto gradients = c.gradients();
  std::vector<Tensor> history;
  for (int64_t step = 1; step <= o.steps; ++step) {
    lux::single_train_step_(kLoss, lux::tuple({persons.x, persons.label}), usual);
    auto everybodys = gradients(privately.parameters(), persons.x, persons.label);
    lux::apply_gradients_(privately,
                          private_mean(everybodys, rng.fold_in("noise").fold_in(step), o.noise));
    history.push_back(lux::cat({lux::full({1}, step), judge(usual), judge(privately)}));
  }

  fmt::print("{} steps over {} persons, {} of them with a secret\n", o.steps, kPersons,
             secrets.numel());
  fmt::print("             the truth about strangers   secrets given away\n");
  auto percent = [&](int64_t column) { return history.back()[column].item<double>(); };
  fmt::print("  usual      {:>24.1f}%   {:>17.1f}%\n", percent(1), percent(2));
  fmt::print("  private    {:>24.1f}%   {:>17.1f}%   epsilon {:.2f} at delta 1e-5\n", percent(3),
             percent(4), epsilon(o.steps, o.noise));

  if (o.plots.empty()) return;
  o.write_numbers("per_sample_gradients.csv",
                  "step,usual truth,usual secrets,private truth,private secrets",
                  lux::stack(history));
  auto curves = [](int usual, int privately) {
    return fmt::format(
        "plot 'per_sample_gradients.csv' skip 1 using 1:{} with lines lw 2 lc rgb '#d9822b' title "
        "'usual', "
        "'' skip 1 using 1:{} with lines lw 2 lc rgb '#2b6cb0' title 'private'\n",
        usual, privately);
  };
  o.draw_picture(
      900, 340,
      "set multiplot layout 1,2\nset grid lc rgb '#dddddd'\nset xlabel 'step'\nset ylabel '%'\n"
      "set yrange [0:105]\nset key bottom right\nset title 'the truth about strangers'\n" +
          curves(2, 4) + "set key top left\nset title 'secrets given away'\n" + curves(3, 5));
}

int main(int argc, char** argv) {
  Options o{{"per_sample_gradients"}};
  CLI::App app(
      "Trains a classifier, as usual and privately: so that it learns nobody's label by heart.");
  app.option_defaults()->always_capture_default();
  app.add_option("--steps", o.steps, "Steps of either training")->check(CLI::PositiveNumber);
  app.add_option("--noise", o.noise, "Of a sum of gradients, as a multiple of the longest in it")
      ->check(CLI::Range(0.01, 1e6));
  return o.run(app, argc, argv, [&] { page(o); });
}
