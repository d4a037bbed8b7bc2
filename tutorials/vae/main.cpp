// A variational autoencoder: pictures of figures as points of a plane, and pictures from points.
//
// An encoder makes two numbers of each picture, and a decoder the picture of two numbers. They are trained together, on
// pictures alone: nobody tells them that there are discs, squares, triangles, crosses and rings, turned by any angle. In the
// end the whole plane is drawn, and each kind of figure has a region of its own.
//
//     tools/run vae --plots pictures                          (--help tells what else it can do)

#include <fmt/format.h>
#include <luxtorch/luxtorch.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <iostream>
#include <numbers>

#include "cut_figures.h"
#include "pictures.h"
#include "program.h"

namespace lux = luxtorch;
using lux::Chain, lux::Conv, lux::ConvTranspose, lux::Dense;
using lux::Layer, lux::Out, lux::Rng, lux::Tensor, lux::Tree;

// ------------------------------------------------------------------------------------------------------------ The data
//
// Two numbers cannot tell everything: where a figure is, how large, how bright, of what kind and how it is turned. We leave
// them the last two: each figure is cut out at its box, made 32 x 32 pixels large, and as bright as the others (cut_figures.h).

constexpr int64_t kSize = 32;

// ----------------------------------------------------------------------------------------------------------- The model
//
// The encoder gives a normal distribution for z, the two numbers: its mean and the logarithm of its variance. The decoder
// gets a z drawn from it: z = mean + deviation * (a normal number that depends on nothing). Written in this way z has a
// derivative by mean and deviation (Kingma and Welling 2014, "Auto-encoding variational Bayes"). The random key is part of
// the states, and moves on with each call.

struct Autoencoder {
  Chain encoder, decoder;
  LUXTORCH_LAYERS(encoder, decoder)

  Tree initial_states(Rng rng) const { return lux::named({{"rng", rng}}); }

  /// x: (batch, 1, 32, 32); y: logits of the pixels, and mean and log-variance of z, (batch, 2).
  Out<Tree> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto [code, st_encoder] = lux::apply<Tensor>(encoder, x, ps["encoder"], st["encoder"]);
    auto mean = code.narrow(1, 0, 2), log_variance = code.narrow(1, 2, 2);
    const auto rng = st["rng"].scalar<Rng>();
    auto z = mean + lux::exp(log_variance / 2) * lux::random::normal(rng, mean.sizes());
    auto [logits, st_decoder] = lux::apply<Tensor>(decoder, z, ps["decoder"], st["decoder"]);
    return {lux::tuple({logits, mean, log_variance}),
            lux::named(
                {{"encoder", st_encoder}, {"decoder", st_decoder}, {"rng", rng.fold_in("next")}})};
  }
};

// 32 x 32 pixels become 16 x 16, 8 x 8 and 4 x 4, and the same way back.
Autoencoder make_model() {
  auto down = [](int64_t in, int64_t out) {
    return Conv({4, 4}, in, out, lux::relu, {.stride = 2, .pad = 1});
  };
  auto up = [](int64_t in, int64_t out, lux::Activation activation) {
    return ConvTranspose({4, 4}, in, out, activation, {.stride = 2, .pad = 1});
  };
  return {Chain(down(1, 16), down(16, 32), down(32, 32), lux::FlattenLayer(),
                Dense(512, 128, lux::relu), Dense(128, 4)),
          Chain(Dense(2, 128, lux::relu), Dense(128, 512, lux::relu), lux::ReshapeLayer({32, 4, 4}),
                up(32, 32, lux::relu), up(32, 16, lux::relu), up(16, 1, lux::identity))};
}

// ------------------------------------------------------------------------------------------------------------ The loss
//
// Two terms, in nats per picture. The reconstruction: how surprising the picture is to who knows z, if each pixel is white
// with the probability that the decoder gives. The divergence: how far the distribution of z is from the standard normal
// one; without it the encoder would give each picture a place of its own, far from all others. Their sum is an upper bound
// of what the picture costs in all.

lux::LossOut objective(const Layer& model, const Tree& ps, const Tree& st, const Tree& batch) {
  const Tensor& x = batch.tensor();
  auto [y, st_new] = lux::apply<Tree>(model, x, ps, st);
  auto [logits, mean, log_variance] = y.tensors<3>();
  const auto pictures = static_cast<double>(x.size(0));
  const lux::BinaryCrossEntropyLoss surprise{.agg = lux::Agg::sum, .logits = true};
  auto reconstruction = surprise(logits, x) / pictures;
  auto divergence =
      (lux::exp(log_variance) + mean.square() - 1 - log_variance).sum() / (2 * pictures);
  return {reconstruction + divergence, st_new,
          lux::named({{"reconstruction", reconstruction}, {"divergence", divergence}})};
}

// ----------------------------------------------------------------------------------------------------------- The page

struct Options : Page {
  int64_t figures = 4000, epochs = 20, batch_size = 64, side = 15;
  double learning_rate = 2e-3;
};

/// The reconstruction if every picture's guess is the mean picture: what an autoencoder without z would reach.
double surprise_at_mean(const Tensor& x) {
  auto guess = x.mean(0, true).expand_as(x);
  const lux::BinaryCrossEntropyLoss surprise{.agg = lux::Agg::sum};
  return surprise(guess, x).item<double>() / static_cast<double>(x.size(0));
}

/// How many of the figures have the class of their nearest neighbor in the plane.
double share_like_neighbor(const Tensor& z, const Tensor& labels) {
  auto distance = (z.unsqueeze(0) - z.unsqueeze(1)).square().sum(-1);
  distance.fill_diagonal_(INFINITY);
  return (labels.index_select(0, distance.argmin(1)) == labels)
      .to(lux::kFloat32)
      .mean()
      .item<double>();
}

/// Places at equal steps of probability: between any two of them is as much of the normal distribution.
Tensor quantiles(int64_t count) {
  auto probability = (lux::arange(count).to(lux::kFloat32) + 0.5) / count;
  return std::numbers::sqrt2 * (2 * probability - 1).erfinv();
}

void page(const Options& o) {
  const Rng rng(o.seed);
  auto train = cut_figures(rng.fold_in("train"), o.figures, kSize);
  auto test = cut_figures(rng.fold_in("test"), 1000, kSize);
  const auto model = make_model();
  auto [ps, st] = lux::setup(rng, model);
  std::cout << lux::summary(model, ps, st, test.images.narrow(0, 0, 1)) << std::endl;

  lux::DataLoader loader(train.images, {.batch_size = o.batch_size, .shuffle = true},
                         rng.fold_in("shuffle"));
  auto rate = lux::schedule::OneCycle(o.epochs * loader.size(), o.learning_rate);
  lux::TrainState ts(model, ps, st, lux::Scheduler(lux::Adam(), rate));
  fmt::print(
      "Nats per picture (the mean picture: {:.1f})\n"
      "           trained on          held out\n"
      "  epoch         sum    reconstruction   divergence         sum\n",
      surprise_at_mean(test.images));
  for (int64_t epoch = 1; epoch <= o.epochs; ++epoch) {
    double total = 0;
    for (const Tree& x : loader) {
      auto loss = lux::single_train_step_(objective, x, ts).loss;
      total += loss.item<double>() * static_cast<double>(x.tensor().size(0));
    }
    auto held_out = objective(model, lux::tree::detach(ts.parameters()), ts.states(), test.images);
    fmt::print("  {:>5}   {:>9.2f}         {:>9.2f}    {:>9.2f}   {:>9.2f}\n", epoch,
               total / static_cast<double>(o.figures),
               held_out.stats["reconstruction"].tensor().item<double>(),
               held_out.stats["divergence"].tensor().item<double>(), held_out.loss.item<double>());
    std::fflush(stdout);
  }

  // Encoder and decoder are layers by themselves, with their parts of the trees.
  ps = ts.parameters(), st = ts.states();
  auto code = lux::predict<Tensor>(model.encoder, test.images, ps["encoder"], st["encoder"]);
  auto z = code.narrow(1, 0, 2);  // the means
  fmt::print(
      "\nThe nearest neighbor in the plane is of the same kind for {:.1f}% of 1000 figures held "
      "out.\n",
      100 * share_like_neighbor(z, test.labels));

  if (o.plots.empty()) return;
  auto places = quantiles(o.side);
  auto across = places.repeat({o.side}), up = places.flip(0).repeat_interleave(o.side);
  auto logits = lux::predict<Tensor>(model.decoder, lux::stack({across, up}, 1), ps["decoder"],
                                     st["decoder"]);
  draw_plane(o, lux::sigmoid(logits).reshape({o.side, o.side, kSize, kSize}), z, test.labels,
             {"disc", "square", "triangle", "cross", "ring"});
}

int main(int argc, char** argv) {
  Options o{{"vae"}};
  CLI::App app(
      "Trains a convolutional variational autoencoder that knows pictures of figures by two "
      "numbers.");
  app.option_defaults()->always_capture_default();
  app.add_option("--figures", o.figures, "Pictures to train on")->check(CLI::PositiveNumber);
  app.add_option("--epochs", o.epochs, "Passes over them")->check(CLI::PositiveNumber);
  app.add_option("--batch-size", o.batch_size, "Pictures in a batch")->check(CLI::PositiveNumber);
  app.add_option("--learning-rate", o.learning_rate, "Adam's, at its highest")
      ->check(CLI::Range(1e-9, 1.0));
  app.add_option("--side", o.side, "Pictures in each row and column of the plane")
      ->check(CLI::Range(1, 100));
  return o.run(app, argc, argv, [&] { page(o); });
}
