// A physics-informed network: it learns a flow from the equation alone, through second derivatives in the loss.
//
// Burgers' equation is the simplest one in which a wave becomes steep:
//
//     u_t + u u_x = nu u_xx,     u(x, 0) = -sin(pi x),     u(-1, t) = u(1, t) = 0
//
// A network u(x, t) that solves it is found by making what is left of the equation, its residual, small at points drawn anew
// for each step (Raissi et al. 2019, "Physics-informed neural networks"). No solution is shown to it. An exact one is known,
// so that we can tell how good it is.
//
//     tools/run pinn --plots pictures                          (--help tells what else it can do)

#include <fmt/format.h>
#include <luxtorch/luxtorch.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <numbers>

#include "program.h"

namespace lux = luxtorch;
using lux::Rng, lux::Tensor, lux::Tree;

constexpr double kPi = std::numbers::pi, kViscosity = 0.04;

// -------------------------------------------------------------------------------------------------------- The network
//
// What is known need not be learnt: whatever the network n says, u = -sin(pi x) (1 + t n(x, t)) starts and ends as it
// should.

struct Flow {
  lux::Layer model = lux::Chain(lux::Dense(2, 20, lux::tanh), lux::Dense(20, 20, lux::tanh),
                                lux::Dense(20, 20, lux::tanh), lux::Dense(20, 1));
  Tree st = lux::setup(Rng(0), model).second;  // nothing is in it

  Tensor operator()(const Tree& ps, const Tensor& x, const Tensor& t) const {  // all (count)
    auto n = lux::apply<Tensor>(model, lux::stack({x, t}, -1), ps, st).first.squeeze(-1);
    return -(x * kPi).sin() * (1 + t * n);
  }

  // jvp gives a function's value, and its derivative in a direction. No point sees another one, so that in the direction of
  // ones that is each point's derivative by its own x. jvp is a function like any other: a jvp of it gives the second one.
  Tensor residual(const Tree& ps, const Tensor& x, const Tensor& t) const {
    auto one = lux::ones(x.sizes());
    auto slope = [&](const Tensor& x) {
      return lux::jvp([&](const Tensor& x) { return (*this)(ps, x, t); }, x, one).dy;
    };
    auto [u_x, u_xx] = lux::jvp(slope, x, one);
    auto [u, u_t] = lux::jvp([&](const Tensor& t) { return (*this)(ps, x, t); }, t, one);
    return u_t + u * u_x - kViscosity * u_xx;
  }
};

// ------------------------------------------------------------------------------------------------- The exact solution
//
// Hopf and Cole made the equation linear. With y = x - z, u is minus the mean of sin(pi y) over all z, with the weights
// exp(-cos(pi y) / (2 pi nu) - z^2 / (4 nu t)). Sums at equal steps are as good as integrals for such smooth functions.

Tensor exact(const Tensor& x, const Tensor& t) {
  auto z = lux::linspace(-2, 2, 401, {.dtype = lux::kFloat64}), y = x.unsqueeze(-1) - z;
  auto spread = 4 * kViscosity * t.clamp_min(1e-6).unsqueeze(-1);
  auto exponent = -(y * kPi).cos() / (2 * kPi * kViscosity) - z.square() / spread;
  return -((y * kPi).sin() * exponent.softmax(-1)).sum(-1);
}

// ----------------------------------------------------------------------------------------------------------- The page

struct Options : Page {
  int64_t steps = 1200, points = 400;
};

void page(const Options& o) {
  Rng rng(o.seed);
  const Flow u;
  auto ps = lux::setup(rng, u.model).first;

  // Where it is compared with the exact solution: 101 times 101 points, x in rows.
  constexpr int64_t kGrid = 101;
  auto x = lux::linspace(-1, 1, kGrid).repeat({kGrid});
  auto t = lux::linspace(0, 1, kGrid).repeat_interleave(kGrid);
  auto truth = exact(x.to(lux::kFloat64), t.to(lux::kFloat64));
  auto error = [&](const Tree& ps) {  // relative
    return ((u(ps, x, t) - truth).norm() / truth.norm()).item<double>();
  };

  namespace schedule = lux::schedule;
  auto rate = schedule::CosAnneal(1e-2, 1e-5, o.steps, {.restart = false});
  lux::TrainState ts(u.model, ps, u.st, lux::Scheduler(lux::Adam(), rate));
  auto objective = [&](const lux::Layer&, const Tree& ps, const Tree& st,
                       const Tree& points) -> lux::LossOut {
    auto [x, t] = points.tensors<2>();
    return {u.residual(ps, x, t).square().mean(), st};
  };
  fmt::print("  step   residual (rms)   error of u\n");
  fmt::print("{:>6}   {:>14}   {:>9.2f}%\n", 0, "", 100 * error(ps));
  double sum = 0;
  for (int64_t step = 1, reported = 0; step <= o.steps; ++step) {
    auto draw = [&](std::string_view name, double low) {
      return lux::random::uniform(rng.fold_in(name).fold_in(step), {o.points}, low, 1);
    };
    auto batch = lux::tuple({draw("x", -1), draw("t", 0)});
    sum += lux::single_train_step_(objective, batch, ts).loss.item<double>();
    if (step * 10 / o.steps == (step - 1) * 10 / o.steps) continue;
    fmt::print("{:>6}   {:>14.4f}   {:>9.2f}%\n", step,
               std::sqrt(sum / static_cast<double>(step - reported)), 100 * error(ts.parameters()));
    std::fflush(stdout);
    sum = 0, reported = step;
  }

  if (o.plots.empty()) return;
  auto trained = ts.parameters();
  auto columns = {x, t, u(trained, x, t), truth.to(lux::kFloat32), u.residual(trained, x, t)};
  o.write_numbers("pinn.csv", "x,t,u,exact,residual", lux::stack(columns, 1).detach(), kGrid);
  std::string slices;
  for (auto [row, colour] : {std::pair(0, "#d9822b"),
                             {25, "#b83280"},
                             {50, "#6b46c1"},
                             {75, "#2b6cb0"},
                             {100, "#2c7a7b"}}) {
    slices += fmt::format(
        "'pinn.csv' skip 1 every :::{0}::{0} using 1:4 with lines lw 6 lc rgb '#dddddd' notitle, "
        "'' skip 1 every :::{0}::{0} using 1:3 with lines lw 1.5 lc rgb '{2}' title 't = {1}', ",
        row, row / 100.0, colour);
  }
  o.draw_picture(
      1200, 360,
      "set multiplot layout 1,3\nset xlabel 'x'\nset ylabel 't'\nset xrange [-1:1]\n"
      "set palette defined (-1 '#2b6cb0', 0 '#ffffff', 1 '#d9822b')\n"
      "set title 'u, learnt from the equation alone'\nset yrange [0:1]\nset cbrange [-1:1]\n"
      "plot 'pinn.csv' skip 1 using 1:2:3 with image notitle\n"
      "set title 'the residual'\nset cbrange [-0.2:0.2]\n"
      "plot 'pinn.csv' skip 1 using 1:2:5 with image notitle\n"
      "set title 'u, on the exact one (broad)'\nset ylabel 'u'\nset yrange [-1.05:1.05]\nplot " +
          slices + "\n");
}

int main(int argc, char** argv) {
  Options o{{"pinn"}};
  CLI::App app("Solves Burgers' equation with a network that is told nothing but the equation.");
  app.option_defaults()->always_capture_default();
  app.add_option("--steps", o.steps, "Steps of training")->check(CLI::PositiveNumber);
  app.add_option("--points", o.points, "Where the equation is looked at in each step")
      ->check(CLI::PositiveNumber);
  return o.run(app, argc, argv, [&] { page(o); });
}
