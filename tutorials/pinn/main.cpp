// A physics-informed network: it learns a flow from the equation alone, through second derivatives in the loss.
//
// Burgers' equation is the simplest one in which waves break:
//
//     u_t + u u_x = nu u_xx,     u(x, 0) = -sin(pi x),     u(-1, t) = u(1, t) = 0
//
// A network u(x, t) that solves it is found by making the equation's residual small at points drawn anew for each step
// (Raissi et al. 2019, "Physics-informed neural networks"). No solution is shown to it. An exact one is known, so that we can
// tell how good it is.
//
//     tools/run pinn --plots pictures                          (--help tells what else it can do)

#include <ATen/ops/exp.h>
#include <fmt/format.h>
#include <luxtorch/luxtorch.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <numbers>

#include "program.h"

namespace lux = luxtorch;
using lux::Rng, lux::Tensor, lux::Tree;

constexpr double kPi = std::numbers::pi, kViscosity = 0.03;

struct Options : PageOptions {
  int64_t steps = 2000, points = 500;
};

// -------------------------------------------------------------------------------------------------------- The network
//
// What is known need not be learnt: whatever the network n says, u = -sin(pi x) + t (1 - x^2) n(x, t) starts and ends as it
// should.

struct Flow {
  lux::Layer model = lux::Chain(lux::Dense(2, 24, lux::tanh), lux::Dense(24, 24, lux::tanh),
                                lux::Dense(24, 24, lux::tanh), lux::Dense(24, 1));
  Tree st = lux::setup(Rng(0), model).second;

  Tensor operator()(const Tree& ps, const Tensor& x, const Tensor& t) const {  // all (count)
    auto n = lux::apply<Tensor>(model, lux::stack({x, t}, -1), ps, st).first.squeeze(-1);
    return -(x * kPi).sin() + t * (1 - x.square()) * n;
  }

  // jvp gives a value and its derivative in a direction. The points do not see each other, so the direction of ones gives the
  // derivative at each point by its own x; and since jvp is a function like others, a jvp of it gives the second one.
  Tensor residual(const Tree& ps, const Tensor& x, const Tensor& t) const {
    auto along_x = [&](const Tensor& at) {
      auto [u, u_x] = lux::jvp([&](const Tensor& at) { return (*this)(ps, at, t); }, at, lux::ones(at.sizes()));
      return std::pair(u, u_x);
    };
    auto one = lux::ones(x.sizes());
    auto [u_x, u_xx] = lux::jvp([&](const Tensor& at) { return along_x(at).second; }, x, one);
    auto [u, u_t] = lux::jvp([&](const Tensor& at) { return (*this)(ps, x, at); }, t, one);
    return u_t + u * u_x - kViscosity * u_xx;
  }
};

// ------------------------------------------------------------------------------------------------- The exact solution
//
// Cole and Hopf made the equation linear: u = -integral of sin(pi y) w dy / integral of w dy, where y = x - z and
// w = exp(-cos(pi y) / (2 pi nu) - z^2 / (4 nu t)). Sums at equal steps converge fast for such smooth functions.

Tensor exact(const Tensor& x, const Tensor& t) {
  auto z = lux::linspace(-3, 3, 3001, {.dtype = lux::kFloat64});
  auto y = x.unsqueeze(-1) - z;
  auto w = (-(y * kPi).cos() / (2 * kPi * kViscosity) - z.square() / (4 * kViscosity * t.clamp_min(1e-9)).unsqueeze(-1)).softmax(-1);
  return -((y * kPi).sin() * w).sum(-1);
}

// ---------------------------------------------------------------------------------------------------------- The page

void page(const Options& o) {
  Rng rng(o.seed);
  Flow u;
  auto ps = lux::setup(rng, u.model).first;

  // The training: points of the rectangle, the residual there, Adam.
  auto rate = lux::schedule::Warmup(50, lux::schedule::CosAnneal(5e-3, 1e-5, o.steps, {.restart = false}));
  lux::TrainState ts(u.model, ps, u.st, lux::Scheduler(lux::Adam(), rate));
  auto objective = [&](const lux::Layer&, const Tree& ps, const Tree& st, const Tree& points) -> lux::LossOut {
    auto [x, t] = points.tensors<2>();
    return {u.residual(ps, x, t).square().mean(), st};
  };

  // Where it is compared with the exact solution.
  constexpr int64_t kGrid = 101;
  auto grid_x = lux::linspace(-1, 1, kGrid, {.dtype = lux::kFloat64}).repeat({kGrid});
  auto grid_t = lux::linspace(0, 1, kGrid, {.dtype = lux::kFloat64}).repeat_interleave(kGrid);
  auto truth = exact(grid_x, grid_t);
  auto on_grid = [&](const Tree& ps) { return u(ps, grid_x.to(lux::kFloat32), grid_t.to(lux::kFloat32)); };
  auto error = [&](const Tree& ps) { return ((on_grid(ps) - truth).norm() / truth.norm()).item<double>(); };

  fmt::print("  step   residual (rms)   error of u, relative\n");
  fmt::print("{:>6}   {:>14}   {:.5f}\n", 0, "", error(ps));
  double mean = 0;
  for (int64_t step = 1, report = std::max<int64_t>(1, o.steps / 10); step <= o.steps; ++step) {
    auto x = lux::random::uniform(rng.fold_in("x").fold_in(step), {o.points}, -1, 1);
    auto t = lux::random::uniform(rng.fold_in("t").fold_in(step), {o.points}, 0, 1);
    auto [grads, loss, stats] = lux::single_train_step_(objective, lux::tuple({x, t}), ts);
    mean += loss.item<double>() / static_cast<double>(report);
    if (step % report == 0) {
      fmt::print("{:>6}   {:>14.5f}   {:.5f}\n", step, std::sqrt(mean), error(ts.parameters()));
      std::fflush(stdout);
      mean = 0;
    }
  }
  if (o.plots.empty()) return;
}

int main(int argc, char** argv) {
  Options o;
  CLI::App app("Solves Burgers' equation with a network.");
  app.option_defaults()->always_capture_default();
  app.add_option("--steps", o.steps, "Steps of training")->check(CLI::PositiveNumber);
  app.add_option("--points", o.points, "Where the equation is looked at in a step")
      ->check(CLI::PositiveNumber);
  o.parse(app, argc, argv);
  return run_page("pinn", [&] { page(o); });
}
