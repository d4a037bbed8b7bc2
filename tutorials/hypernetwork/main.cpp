// A hypernetwork: one network makes another one's parameters.
//
// The small network knows one wave, sin(a x + b). The hypernetwork gets (a, b) and says which numbers the small network needs
// for that wave: it learns that from some waves, and then makes networks for others that it never saw, without training
// them (Ha et al. 2016, "HyperNetworks"). flatten() makes one vector of a network's parameters, and a network's parameters of
// a vector again, with gradients; vmap runs many small networks, each with numbers of its own, at once.
//
//     tools/run hypernetwork --plots pictures                  (--help tells what else it can do)

#include <fmt/format.h>
#include <luxtorch/luxtorch.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <numbers>

#include "program.h"

namespace lux = luxtorch;
using lux::Rng, lux::Tensor, lux::Tree;

// -------------------------------------------------------------------------------------------------------------- Tasks

Tensor make_tasks(Rng rng,
                  int64_t count) {  // (count, 2): a, how fast the wave is, and b, where it starts
  auto a = lux::random::uniform(rng.fold_in("a"), {count}, 2, 8);
  return lux::stack({a, lux::random::uniform(rng.fold_in("b"), {count}, 0, std::numbers::pi)}, 1);
}

Tensor waves(const Tensor& tasks, const Tensor& x) {  // x (points) -> (tasks, points)
  return (tasks.select(1, 0).unsqueeze(-1) * x + tasks.select(1, 1).unsqueeze(-1)).sin();
}

// ------------------------------------------------------------------------------------------------------- Two networks
//
// The small network's parameters are the hypernetwork's output, added to those it would start with by itself, so that it starts
// as a sensible network whatever the task.

struct Networks {
  lux::Layer small =
      lux::Chain(lux::Dense(1, 16, lux::tanh), lux::Dense(16, 16, lux::tanh), lux::Dense(16, 1));
  lux::FlatTree
      start;  // .flat, the numbers that it starts with, and .rebuild, parameters from any numbers
  Tree st;
  lux::Layer hyper;

  explicit Networks(Rng rng)
      : start(lux::flatten(lux::setup(rng, small).first)),
        st(lux::setup(rng, small).second),
        hyper(lux::Chain(lux::Dense(2, 64, lux::tanh), lux::Dense(64, 64, lux::tanh),
                         lux::Dense(64, start.flat.size(0)))) {}

  /// What the small networks made for the tasks say: x (points) -> (tasks, points).
  Tensor operator()(const Tensor& tasks, const Tensor& x, const Tree& hyper_ps,
                    const Tree& hyper_st) const {
    auto numbers =
        start.flat + lux::apply<Tensor>(hyper, (tasks - 3) / 2, hyper_ps, hyper_st).first;
    auto one_network = [&](const Tensor& v) {
      return lux::apply<Tensor>(small, x.unsqueeze(-1), start.rebuild(v), st).first.squeeze(-1);
    };
    return lux::vmap(one_network)(numbers);
  }
};

// ----------------------------------------------------------------------------------------------------------- The page

struct Options : Page {
  int64_t steps = 2000, tasks = 200;
};

double rms(const Tensor& t) { return t.square().mean().sqrt().item<double>(); }

void page(const Options& o) {
  Rng rng(o.seed);
  const Networks networks(rng.fold_in("small"));
  auto [ps, st] = lux::setup(rng.fold_in("hyper"), networks.hyper);
  auto tasks = make_tasks(rng.fold_in("tasks"), o.tasks),
       unseen = make_tasks(rng.fold_in("unseen"), 200);
  auto x = lux::linspace(-1, 1, 64);
  fmt::print("The small network has {} parameters. The hypernetwork, which makes them, has {}.\n\n",
             networks.start.flat.size(0), lux::tree::numel(ps));

  auto rate = lux::schedule::CosAnneal(5e-3, 1e-5, o.steps, {.restart = false});
  lux::TrainState ts(networks.hyper, ps, st, lux::Scheduler(lux::Adam(), rate));
  auto objective = [&](const lux::Layer&, const Tree& ps, const Tree& st,
                       const Tree& batch) -> lux::LossOut {
    const Tensor& tasks = batch.tensor();
    return {lux::MSELoss{}(networks(tasks, x, ps, st), waves(tasks, x)), st};
  };
  auto error = [&](const Tensor& tasks) {
    return rms(networks(tasks, x, ts.parameters(), ts.states()) - waves(tasks, x));
  };
  fmt::print("  step   error: waves learnt from   others\n");
  for (int64_t step = 1; step <= o.steps; ++step) {
    auto some = lux::random::integers(rng.fold_in("batch").fold_in(step), {50}, 0, o.tasks);
    lux::single_train_step_(objective, tasks.index_select(0, some), ts);
    if (step * 10 / o.steps == (step - 1) * 10 / o.steps) continue;
    fmt::print("{:>6}   {:>24.4f}   {:.4f}\n", step, error(tasks), error(unseen));
    std::fflush(stdout);
  }

  // The nearest wave that it has learnt from is what a table would say.
  auto truth = waves(unseen, x), known = waves(tasks, x);
  auto distance = (truth.unsqueeze(1) - known).square().mean(-1);  // (unseen, tasks)
  auto nearest = known.index_select(0, distance.argmin(1));
  fmt::print("\nError for {} waves that nothing was learnt from\n", unseen.size(0));
  fmt::print("  networks made for them       {:.4f}\n", error(unseen));
  fmt::print("  the nearest wave learnt from {:.4f}\n", rms(nearest - truth));
  fmt::print("  silence                      {:.4f}\n", rms(truth));

  if (o.plots.empty()) return;
  constexpr int64_t kShown = 6;
  auto fine = lux::linspace(-1.5, 1.5, 151);
  auto shown = unseen.narrow(0, 0, kShown);
  auto columns = lux::cat({fine.unsqueeze(0), waves(shown, fine),
                           networks(shown, fine, ts.parameters(), ts.states())})
                     .t();
  std::string header = "x", panels;
  for (auto kind : {"wave", "network"}) {
    for (int64_t i = 1; i <= kShown; ++i) header += fmt::format(",{} {}", kind, i);
  }
  for (int64_t i = 0; i < kShown; ++i) {
    panels += fmt::format(
        "set title 'sin({:.1f} x + {:.1f})'\n"
        "plot 'hypernetwork.csv' skip 1 using 1:{} with lines lw 6 lc rgb '#dddddd' title 'the "
        "wave', "
        "'' skip 1 using 1:{} with lines lw 1.5 lc rgb '#2b6cb0' title 'the network made for it'\n",
        shown[i][0].item<double>(), shown[i][1].item<double>(), 2 + i, 2 + kShown + i);
  }
  o.write_numbers("hypernetwork.csv", header, columns.detach());
  o.draw_picture(1100, 520,
                 "set multiplot layout 2,3\nset xrange [-1.5:1.5]\nset yrange [-1.3:2.4]\n"
                 "set object rectangle from -1,graph 0 to 1,graph 1 fc rgb '#f6f6f6' fs solid "
                 "noborder behind\n" +
                     panels);
}

int main(int argc, char** argv) {
  Options o{{"hypernetwork"}};
  CLI::App app("Trains a network that makes the parameters of others.");
  app.option_defaults()->always_capture_default();
  app.add_option("--steps", o.steps, "Steps of training")->check(CLI::PositiveNumber);
  app.add_option("--tasks", o.tasks, "Waves to learn from")->check(CLI::PositiveNumber);
  return o.run(app, argc, argv, [&] { page(o); });
}
