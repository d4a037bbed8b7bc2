// A normalizing flow: a density that is learnt from points, drawn from, and known at every place.
//
// A flow is a network that can be run backwards. Forwards it turns data into noise, and since it says how much it stretches
// space at each point, the density of the noise gives that of the data:
//
//     log p(x) = log N(f(x); 0, 1) + log |det df/dx|
//
// Training makes the density of the data large, and needs nothing else. Backwards the flow turns noise into new data. This one is
// RealNVP (Dinh et al. 2017, "Density estimation using Real NVP"), on two half moons. Their own density is a known integral, so
// that we can tell how much there was to learn.
//
//     tools/run flows --plots pictures                         (--help tells what else it can do)

#include <fmt/format.h>
#include <luxtorch/luxtorch.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <numbers>

#include "pictures.h"
#include "program.h"

namespace lux = luxtorch;
using lux::Out, lux::Rng, lux::Tensor, lux::Tree;

constexpr double kPi = std::numbers::pi, kNoise = 0.1;

// -------------------------------------------------------------------------------------------------------- A coupling
//
// One coordinate stays as it is. A network reads it, and says how the other one is stretched and moved. The network itself is
// never inverted: backwards it reads the same coordinate and says the same. The derivative's matrix is triangular, with 1 and
// the stretch on its diagonal, and so the logarithm of its determinant is that of the stretch.

struct Coupling {
  int64_t kept;        // the coordinate that stays: 0 or 1
  lux::Chain network;  // (points, 1) -> (points, 2)
  LUXTORCH_LAYERS(network)

  Coupling(int64_t kept, int64_t hidden)
      : kept(kept),
        network(lux::Dense(1, hidden, lux::tanh), lux::Dense(hidden, hidden, lux::tanh),
                lux::Dense(hidden, 2,
                           {.init_weight = lux::init::zeros, .init_bias = lux::init::zeros})) {}

  /// The logarithm of the stretch, within -2 and 2, and the shift. With the last layer's zeros both are 0 in the beginning:
  /// an untrained flow leaves everything where it is.
  std::pair<Tensor, Tensor> stretch_and_shift(const Tensor& a, const Tree& ps,
                                              const Tree& st) const {
    auto y = network(a, ps["network"], st["network"]).first.tensor();
    return {2 * lux::tanh(y.narrow(1, 0, 1)), y.narrow(1, 1, 1)};
  }
  Tensor joined(const Tensor& a, const Tensor& b) const {
    return kept == 0 ? lux::cat({a, b}, 1) : lux::cat({b, a}, 1);
  }

  /// Towards the noise: (points, 2), and the logarithms of the determinants, (points). There are no states.
  Out<std::pair<Tensor, Tensor>> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto a = x.narrow(1, kept, 1), b = x.narrow(1, 1 - kept, 1);
    auto [stretch, shift] = stretch_and_shift(a, ps, st);
    return {{joined(a, b * lux::exp(stretch) + shift), stretch.squeeze(1)}, st};
  }
  /// Towards the data.
  Tensor inverse(const Tensor& z, const Tree& ps, const Tree& st) const {
    auto a = z.narrow(1, kept, 1), b = z.narrow(1, 1 - kept, 1);
    auto [stretch, shift] = stretch_and_shift(a, ps, st);
    return joined(a, (b - shift) * lux::exp(-stretch));
  }
};

// ---------------------------------------------------------------------------------------------------------- The flow
//
// Couplings one after the other, which keep the one and the other coordinate in turn. A vector of layers is a layer's member
// like any other; its parameters are ps["couplings"][0], [1] and so on.

struct RealNVP {
  std::vector<Coupling> couplings;
  LUXTORCH_LAYERS(couplings)

  RealNVP(int64_t count, int64_t hidden) {
    for (int64_t i = 0; i < count; ++i) couplings.emplace_back(i % 2, hidden);
  }

  Out<std::pair<Tensor, Tensor>> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    Tensor z = x, log_det = lux::zeros({x.size(0)});
    for (size_t i = 0; i < couplings.size(); ++i) {
      auto [y, stretch] = couplings[i](z, ps["couplings"][i], st["couplings"][i]).first;
      z = y, log_det = log_det + stretch;
    }
    return {{z, log_det}, st};
  }
  Tensor inverse(Tensor z, const Tree& ps, const Tree& st) const {
    for (size_t i = couplings.size(); i-- > 0;)
      z = couplings[i].inverse(z, ps["couplings"][i], st["couplings"][i]);
    return z;
  }
};

/// log p(x) for each point, from what the flow makes of x.
Tensor log_density(const std::pair<Tensor, Tensor>& flowed) {
  const auto& [z, log_det] = flowed;
  return log_det - z.square().sum(1) / 2 - std::log(2 * kPi);
}

// --------------------------------------------------------------------------------------------------------- The moons
//
// A point of a moon is a point of a half circle, and noise. So the moons' density is the mean of the noise's density around all
// points of both half circles, here around 400 of each.

Tensor moons_log_density(const Tensor& x) {  // (points, 2) -> (points)
  constexpr int64_t kPoints = 400;
  auto t = (lux::arange(kPoints, {.dtype = lux::kFloat64}) + 0.5) * (kPi / kPoints);
  auto around = [&](const Tensor& centre_x, const Tensor& centre_y) {
    auto distance =
        (x.narrow(1, 0, 1) - centre_x).square() + (x.narrow(1, 1, 1) - centre_y).square();
    return -distance / (2 * kNoise * kNoise);
  };
  auto both = lux::cat({around(t.cos(), t.sin()), around(1 - t.cos(), 0.5 - t.sin())}, 1);
  return lux::logsumexp(both, 1) - std::log(2 * kPoints * 2 * kPi * kNoise * kNoise);
}

/// log p(x) of the normal distribution with the mean and covariance of `points`.
Tensor normal_log_density(const Tensor& x, const Tensor& points) {
  auto mean = points.mean(0);
  auto centred = points - mean, from_mean = x - mean;
  auto c = lux::to_vector<double>(lux::matmul(centred.t(), centred) / points.size(0));
  const double det = c[0] * c[3] - c[1] * c[2];
  auto inverse = lux::tensor({{c[3], -c[1]}, {-c[2], c[0]}}) / det;
  return -(lux::matmul(from_mean, inverse) * from_mean).sum(1) / 2 -
         std::log(2 * kPi * std::sqrt(det));
}

// ----------------------------------------------------------------------------------------------------------- The page

struct Options : Page {
  int64_t steps = 3000, points = 5000, couplings = 8, hidden = 32;
};

void page(const Options& o) {
  Rng rng(o.seed);
  auto moons = [&](std::string_view name, int64_t count) {
    return lux::data::make_moons(rng.fold_in(name), count, kNoise).first.to(lux::kFloat32);
  };
  auto points = moons("training", o.points), held_out = moons("held out", 2000);

  const RealNVP flow(o.couplings, o.hidden);
  auto [ps, st] = lux::setup(rng.fold_in("network"), flow);
  auto rate = lux::schedule::CosAnneal(5e-3, 1e-5, o.steps, {.restart = false});
  lux::TrainState ts(flow, ps, st, lux::Scheduler(lux::Adam(), rate));
  auto nats = [](const Tensor& log_density) { return -log_density.mean(); };
  auto objective = [&](const lux::Layer&, const Tree& ps, const Tree& st,
                       const Tree& x) -> lux::LossOut {
    return {nats(log_density(lux::apply(flow, x.tensor(), ps, st).first)), st};
  };
  auto density_at = [&](const Tensor& x) {
    return log_density(lux::predict(flow, x, ts.parameters(), ts.states()));
  };

  fmt::print("{} couplings with {} parameters learn from {} points.\n\n", o.couplings,
             lux::parameter_length(ps), o.points);
  fmt::print("  step   nats: points learnt from   others\n");
  for (int64_t step = 1; step <= o.steps; ++step) {
    auto some = lux::random::integers(rng.fold_in("batch").fold_in(step), {256}, 0, o.points);
    lux::single_train_step_(objective, points.index_select(0, some), ts);
    if (step * 10 / o.steps == (step - 1) * 10 / o.steps) continue;
    fmt::print("{:>6}   {:>24.4f}   {:.4f}\n", step, nats(density_at(points)).item<double>(),
               nats(density_at(held_out)).item<double>());
    std::fflush(stdout);
  }

  fmt::print("\nNats per point, of {} points held out\n", held_out.size(0));
  auto row = [&](const char* what, const Tensor& log_density) {
    fmt::print("  {:<27}{:.4f}\n", what, nats(log_density).item<double>());
  };
  row("a normal distribution", normal_log_density(held_out, points));
  row("the flow", density_at(held_out));
  row("the moons' own density", moons_log_density(held_out.to(lux::kFloat64)));

  // Backwards and forwards again nothing changes, and the density is one: over a plane in small squares it sums to 1.
  auto trained = ts.parameters();
  auto z = lux::random::normal(rng.fold_in("noise"), {2000, 2});
  auto samples = flow.inverse(z, trained, st);
  auto again = flow.inverse(lux::predict(flow, held_out, trained, st).first, trained, st);
  fmt::print("\nThere and back, a point is off by {:.1e} at most.\n",
             (again - held_out).abs().max().item<double>());

  const Grid grid{.left = -3, .bottom = -3, .side = 0.02, .columns = 350, .rows = 300};
  auto density = lux::exp(density_at(grid.centres()));
  fmt::print("The density sums to {:.4f} over {} squares of {} x {}.\n",
             density.to(lux::kFloat64).sum().item<double>() * grid.side * grid.side,
             density.size(0), grid.side, grid.side);

  if (!o.plots.empty()) draw_flow(o, z, samples, points, grid, density);
}

int main(int argc, char** argv) {
  Options o{{"flows"}};
  CLI::App app("Learns the density of two half moons with a network that can be run backwards.");
  app.option_defaults()->always_capture_default();
  app.add_option("--steps", o.steps, "Steps of training")->check(CLI::PositiveNumber);
  app.add_option("--points", o.points, "Points to learn from")->check(CLI::Range(3, 1'000'000));
  app.add_option("--couplings", o.couplings, "Couplings, one after the other")
      ->check(CLI::PositiveNumber);
  app.add_option("--hidden", o.hidden, "Units of a coupling's network")->check(CLI::PositiveNumber);
  return o.run(app, argc, argv, [&] { page(o); });
}
