// Diffusion: a network turns noise into points of two half moons, and into pictures of figures.
//
// Data is mixed with noise, until nothing of it is left. A network learns to undo a little of that at every degree of mixing; so
// it can begin with noise and end with new data. Here mixing is a rotation, by an angle from 0, the data, to a quarter of a turn,
// the noise:
//
//     x(a) = cos(a) data + sin(a) noise          v(a) = dx/da = cos(a) noise - sin(a) data
//
// The network gets x(a) and a, and learns the velocity v (Salimans and Ho 2022, "Progressive distillation"). From x and v follow
// both data and noise. The way back is that of DDIM (Song et al. 2021, "Denoising diffusion implicit models"): no noise is added
// on the way, so that the same noise always becomes the same figure, and few steps are enough.
//
//     tools/run diffusion --plots pictures                     (--help tells what else it can do)

#include <fmt/format.h>
#include <luxtorch/luxtorch.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <numbers>
#include <optional>

#include "cut_figures.h"
#include "pictures.h"
#include "program.h"

namespace lux = luxtorch;
using lux::Layer, lux::Rng, lux::Tensor, lux::Tree;

constexpr double kQuarter = std::numbers::pi / 2;  // of a turn

// ------------------------------------------------------------------------------------------------------ What is learnt
//
// The batch is (data, noise, angles). Every row has an angle of its own, (rows), which stands for all numbers of the row.

Tensor for_rows_of(const Tensor& x, const Tensor& angles) {
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[0] = -1;
  return angles.reshape(shape);
}

lux::LossOut objective(const Layer& model, const Tree& ps, const Tree& st, const Tree& batch) {
  auto [data, noise, angles] = batch.tensors<3>();
  auto a = for_rows_of(data, angles);
  auto x = lux::cos(a) * data + lux::sin(a) * noise;
  auto v = lux::cos(a) * noise - lux::sin(a) * data;
  auto [y, st_new] = lux::apply<Tensor>(model, lux::tuple({x, angles}), ps, st);
  return {lux::MSELoss{}(y, v), st_new};
}

// -------------------------------------------------------------------------------------------------------- The way back
//
// x and v at the angle a say what data and noise are: cos(a) x - sin(a) v and sin(a) x + cos(a) v. A step of DDIM mixes these two
// anew, at a smaller angle a - d. What comes out is x rotated back by d: cos(d) x - sin(d) v.

struct Denoiser {
  Layer model;
  Tree ps, st;

  /// From noise (rows, ...) to data, in equal steps: x at each of the steps + 1 angles.
  std::vector<Tensor> operator()(Tensor x, int64_t steps) const {
    const double d = kQuarter / static_cast<double>(steps);
    std::vector<Tensor> way{x};
    for (int64_t left = steps; left > 0; --left) {
      auto angles = lux::full({x.size(0)}, static_cast<double>(left) * d);
      auto v = lux::predict<Tensor>(model, lux::tuple({x, angles}), ps, st);
      x = std::cos(d) * x - std::sin(d) * v;
      way.push_back(x);
    }
    return way;
  }
};

// ------------------------------------------------------------------------------------------------------------ Training
//
// The loss of a step depends much on the angles and the noise that were drawn, so the parameters are restless to the end. Their
// moving average is not: new data is made with it. A checkpoint keeps it beside the parameters.

struct Training {
  int64_t steps, batch_size;
  double learning_rate;
  std::filesystem::path out = {};  // for checkpoints, or empty
};

Denoiser train(const Layer& model, const Tensor& data, const Tensor& held_out, const Training& t,
               Rng rng) {
  auto mixed = [](const Tensor& data, Rng rng) {
    return lux::tuple({data, lux::random::normal(rng.fold_in("noise"), data.sizes()),
                       lux::random::uniform(rng.fold_in("angles"), {data.size(0)}, 0, kQuarter)});
  };
  auto [ps, st] = lux::setup(rng.fold_in("network"), model);
  auto rate = lux::schedule::OneCycle(t.steps, t.learning_rate);
  lux::TrainState ts(model, ps, st, lux::Scheduler(lux::Adam(), rate));
  lux::Ema ema(0.995, ts, {.debias = true});

  std::optional<lux::CheckpointFolder> run;
  if (!t.out.empty()) {
    run.emplace(t.out);
    if (auto found = run->resume(); found.checkpoint) {
      found.checkpoint->restore_(ts);
      ema.set_state_(found.checkpoint->ema);
      fmt::print("{} has a training of {} steps.\n", t.out.string(), ts.step);
    }
  }
  fmt::print("{} parameters. Loss of data held out:\n", lux::parameter_length(ps));
  fmt::print("  step   parameters   their average\n");
  auto test = mixed(held_out, rng.fold_in("held out"));
  for (int64_t step = ts.step + 1; step <= t.steps; ++step) {
    Rng now = rng.fold_in("step").fold_in(step);
    auto rows = lux::random::integers(now.fold_in("rows"), {t.batch_size}, 0, data.size(0));
    lux::single_train_step_(objective, mixed(data.index_select(0, rows), now), ts);
    ema.update_(ts);
    if (step * 10 / t.steps == (step - 1) * 10 / t.steps) continue;
    auto loss = [&](const Tree& ps) {
      return objective(model, ps, ts.states(), test).loss.item<double>();
    };
    fmt::print("{:>6}   {:>10.4f}   {:>13.4f}\n", step, loss(ts.parameters()),
               loss(ema.parameters()));
    std::fflush(stdout);
    if (run) run->save(ts, {.ema = ema.state()});
  }
  return {model, ema.parameters(), ema.states()};
}

// -------------------------------------------------------------------------------------------------------- The networks
//
// Both get (x, angles). How much noise there is they read from sines and cosines of the angle's multiples.

constexpr int64_t kWaves = 12;

Tensor waves(const Tensor& angles) {  // (rows) -> (rows, 12)
  auto multiples = angles.unsqueeze(1) * lux::tensor({1., 2., 4., 8., 16., 32.});
  return lux::cat({lux::sin(multiples), lux::cos(multiples)}, 1);
}

Layer moons_network() {
  auto with_waves = [](const Tensor& x, const Tensor& angles) {
    return lux::cat({x, waves(angles)}, 1);
  };
  return lux::Chain(with_waves, lux::Dense(2 + kWaves, 128, lux::swish),
                    lux::Dense(128, 128, lux::swish), lux::Dense(128, 128, lux::swish),
                    lux::Dense(128, 2));
}

// For pictures it is a U-Net (Ronneberger et al. 2015): convolutions at the full size, around others at half the size, around others
// at a quarter. On the way down each size is kept for the way up, where it is put beside what has come from below.

lux::Conv convolution(int64_t in_channels, int64_t out_channels, int64_t stride = 1) {
  return lux::Conv({3, 3}, in_channels, out_channels, {.stride = stride, .pad = 1});
}

Layer residual(int64_t channels) {
  return lux::SkipConnection(
      lux::Chain(lux::GroupNorm(channels, 4, lux::swish), convolution(channels, channels),
                 lux::GroupNorm(channels, 4, lux::swish), convolution(channels, channels)),
      [](const Tensor& y, const Tensor& x) { return y + x; });
}

/// Convolutions around `inner`, which works at half the size on `wide` channels.
Layer around(const Layer& inner, int64_t channels, int64_t wide) {
  auto below = lux::Chain(convolution(channels, wide, 2), inner,
                          lux::Upsample(lux::UpsampleMode::Nearest, {.scale = 2}));
  auto beside = [](const Tensor& y, const Tensor& x) { return lux::cat({y, x}, 1); };
  return lux::Chain(residual(channels), lux::SkipConnection(below, beside),
                    convolution(wide + channels, channels), residual(channels));
}

Layer figures_network(int64_t channels) {
  auto with_waves = [](const Tensor& x, const Tensor& angles) {  // each wave is a channel
    auto maps = waves(angles).reshape({-1, kWaves, 1, 1});
    return lux::cat({x, maps.expand({-1, -1, x.size(2), x.size(3)})}, 1);
  };
  auto smallest = residual(4 * channels);
  auto u_net = around(around(smallest, 2 * channels, 4 * channels), channels, 2 * channels);
  return lux::Chain(with_waves, convolution(1 + kWaves, channels), u_net,
                    lux::GroupNorm(channels, 4, lux::swish), convolution(channels, 1));
}

// --------------------------------------------------------------------------------------------------------- How good is it?

/// The energy distance of two sets of points (Szekely and Rizzo 2013): 0 where both are drawn alike.
double energy_distance(const Tensor& a, const Tensor& b) {
  auto apart = [](const Tensor& a, const Tensor& b) {
    return (a.unsqueeze(1) - b).square().sum(-1).sqrt().mean().item<double>();
  };
  return 2 * apart(a, b) - apart(a, a) - apart(b, b);
}

/// How far pictures are from that of `known` which is nearest: the root of the mean square over pixels, and its mean.
double to_nearest(const Tensor& pictures, const Tensor& known) {
  auto a = pictures.flatten(1), b = known.flatten(1);
  auto squares = a.square().sum(1, true) + b.square().sum(1) - 2 * lux::matmul(a, b.t());
  return (squares.amin(1) / a.size(1)).clamp_min(0).sqrt().mean().item<double>();
}

// ----------------------------------------------------------------------------------------------------------- The page

struct Options : Page {
  int64_t moons_steps = 4000, figures_steps = 1000, figures = 4000, channels = 16, walk = 20;
  std::filesystem::path out = {};
};

/// Both return what draw makes of noise, on its way.
std::vector<Tensor> moons(const Options& o, Rng rng) {
  auto make = [&](std::string_view name, int64_t count) {
    return lux::data::make_moons(rng.fold_in(name), count, 0.05).first.to(lux::kFloat32);
  };
  auto held_out = make("held out", 1000);
  fmt::print("Moons\n\n");
  auto draw = train(moons_network(), make("training", 5000), held_out,
                    {.steps = o.moons_steps, .batch_size = 256, .learning_rate = 2e-3}, rng);

  auto noise = lux::random::normal(rng.fold_in("draw"), {1000, 2});
  fmt::print("\nEnergy distance to points held out\n");
  fmt::print("  noise             {:.4f}\n", energy_distance(noise, held_out));
  for (int64_t steps : {1, 2, 5, 10, 20, 50})
    fmt::print("  drawn in {:>2} steps {:.4f}\n", steps,
               energy_distance(draw(noise, steps).back(), held_out));
  fmt::print("  other data        {:.4f}\n", energy_distance(make("other", 1000), held_out));
  return draw(noise, o.walk);
}

std::vector<Tensor> figures(const Options& o, Rng rng) {
  auto make = [&](std::string_view name, int64_t count) {
    return cut_figures(rng.fold_in(name), count, 16).images;
  };
  auto known = make("training", o.figures), held_out = make("held out", 100);
  const double mean = known.mean().item<double>(), spread = known.std().item<double>();
  auto scaled = [&](const Tensor& pictures) { return (pictures - mean) / spread; };
  auto pictures = [&](const Tensor& scaled) { return scaled * spread + mean; };
  fmt::print("\nFigures\n\n");
  auto draw =
      train(figures_network(o.channels), scaled(known), scaled(held_out),
            {.steps = o.figures_steps, .batch_size = 64, .learning_rate = 3e-3, .out = o.out}, rng);

  auto noise = lux::random::normal(rng.fold_in("draw"), {50, 1, 16, 16});
  auto drawn = [&](int64_t steps) { return pictures(draw(noise, steps).back()); };
  fmt::print("\nDistance to the nearest of {} figures learnt from\n", o.figures);
  fmt::print("  noise             {:.4f}\n", to_nearest(pictures(noise), known));
  for (int64_t steps : {1, 2, 5, 10, 20})
    fmt::print("  drawn in {:>2} steps {:.4f}\n", steps, to_nearest(drawn(steps), known));
  fmt::print("  figures held out  {:.4f}\n", to_nearest(held_out, known));

  auto many = drawn(40), few = drawn(10);
  auto rms = [](const Tensor& t) { return t.square().mean().sqrt().item<double>(); };
  fmt::print("\nDrawn in 10 and in 40 steps, figures differ by {:.3f} if the noise is the same,\n",
             rms(few - many));
  fmt::print("and by {:.3f} if it is not.\n", rms(few - many.roll(1, 0)));

  std::vector<Tensor> way = draw(noise.narrow(0, 0, 6), o.walk);
  for (auto& x : way) x = pictures(x);
  return way;
}

void page(const Options& o) {
  Rng rng(o.seed);
  auto moons_way = moons(o, rng.fold_in("moons"));
  std::vector<Tensor> figures_way;
  if (o.figures_steps > 0) figures_way = figures(o, rng.fold_in("figures"));
  if (!o.plots.empty()) draw_ways(o, moons_way, figures_way);
}

int main(int argc, char** argv) {
  Options o{{"diffusion"}};
  CLI::App app("Learns to turn noise into two half moons, and into pictures of figures.");
  app.option_defaults()->always_capture_default();
  app.add_option("--moons-steps", o.moons_steps, "Steps of training with moons")
      ->check(CLI::PositiveNumber);
  app.add_option("--figures-steps", o.figures_steps, "Steps of training with figures; 0: none")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--figures", o.figures, "Figures to learn from")->check(CLI::PositiveNumber);
  app.add_option("--channels", o.channels, "Channels of the U-Net at full size; a multiple of 4")
      ->check(CLI::PositiveNumber);
  app.add_option("--walk", o.walk, "Steps from noise to data in the picture")
      ->check(CLI::PositiveNumber);
  app.add_option("--out", o.out,
                 "A folder for checkpoints of the training with figures, which goes on from there");
  return o.run(app, argc, argv, [&] { page(o); });
}
