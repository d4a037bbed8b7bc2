// Forecasting with an LSTM encoder and decoder: how does the series go on?
//
// A series is the sum of two waves whose periods, phases and amplitudes are not known, with a little noise. A network reads
// 80 values of it; what it knows then, the carry of its last step, is handed to a second network, which says the next 20
// one after the other. By the end of this page you have passed a carry from one cell to another by hand, trained with and
// without teacher forcing, and compared the forecasts with some that need no training.
//
//     tools/run encoder_decoder                     (--help tells what else it can do)

#include <ATen/Parallel.h>
#include <luxtorch/luxtorch.h>

#include <cmath>
#include <cstdio>
#include <iostream>
#include <numbers>

#include "baselines.h"
#include "options.h"
#include "pictures.h"

namespace lux = luxtorch;
using lux::Out, lux::Rng, lux::Step, lux::Tensor, lux::Tree;

constexpr int64_t kSeen = 80, kAhead = 20;
constexpr int64_t kHeldOut = 1000;  // series

// ------------------------------------------------------------------------------------------------------------ Data
//
// (count, 100): 80 values to see and 20 to forecast. Every draw has its own key, so that longer sets begin with shorter ones'
// periods, phases and so on, whatever the noise is.

Tensor make_series(Rng rng, int64_t count, double noise) {
  auto draw = [&](std::string_view name, double low, double high) {
    return lux::random::uniform(rng.fold_in(name), {count, 2, 1}, low, high);
  };
  auto period = draw("period", 12, 40), amplitude = draw("amplitude", 0.5, 1);
  auto phase = draw("phase", 0, 2 * std::numbers::pi);
  auto t = lux::arange(kSeen + kAhead, {.dtype = lux::kFloat32});
  auto waves = amplitude * (t * (2 * std::numbers::pi / period) + phase).sin();
  return waves.sum(1) + lux::random::normal(rng.fold_in("noise"), {count, t.size(0)}, 0, noise);
}

Tensor seen(const Tensor& series) { return series.narrow(1, 0, kSeen); }
Tensor ahead(const Tensor& series) { return series.narrow(1, kSeen, kAhead); }

// ------------------------------------------------------------------------------------------------------- The model
//
// The encoder is a Recurrence, which does the loop and gives the carry after the last step, (h, c). The decoder is a cell,
// called by hand: x and carry in, y and the next carry out. Its x is the value before the one that it is asked for. That
// is its own forecast (free running, which is what forecasting means) or, with teacher forcing, the true value: then
// errors do not add up, and it forecasts one value at a time.

struct EncoderDecoder {
  lux::Recurrence encoder;
  lux::LSTMCell decoder;
  lux::Dense head;
  LUXTORCH_LAYERS(encoder, decoder, head)

  explicit EncoderDecoder(int64_t hidden)
      : encoder(lux::LSTMCell(1, hidden), {.return_carry = true}),
        decoder(1, hidden),
        head(hidden, 1) {}

  // past: (batch, seen) -> (batch, ahead)
  Out<Tensor> operator()(const Tensor& past, const Tree& ps, const Tree& st) const {
    return run(past, nullptr, ps, st);
  }
  // With teacher forcing. future: (batch, ahead), the truth; its last value is not looked at.
  Out<Tensor> operator()(const Tensor& past, const Tensor& future, const Tree& ps,
                         const Tree& st) const {
    return run(past, &future, ps, st);
  }

 private:
  Out<Tensor> run(const Tensor& past, const Tensor* truth, const Tree& ps, const Tree& st) const {
    auto [summary, st_encoder] =
        lux::apply<Step>(encoder, past.unsqueeze(-1), ps["encoder"], st["encoder"]);
    Tree carry = summary.carry;  // all that the decoder gets to know of the past
    Tree st_decoder = st["decoder"], st_head = st["head"];

    Tensor value = past.narrow(1, past.size(1) - 1, 1);  // (batch, 1)
    std::vector<Tensor> forecast;
    for (int64_t k = 0; k < kAhead; ++k) {
      Step step;
      Tensor change;
      std::tie(step, st_decoder) = decoder(value, carry, ps["decoder"], st_decoder);
      std::tie(change, st_head) = head(step.y, ps["head"], st_head);
      forecast.push_back(value + change);
      carry = step.carry;
      value = truth ? truth->narrow(1, k, 1) : forecast.back();
    }
    return {lux::cat(forecast, 1),
            lux::named({{"encoder", st_encoder}, {"decoder", st_decoder}, {"head", st_head}})};
  }
};

// ------------------------------------------------------------------------------------------------------- The errors
//
// Root mean square errors. The series are normalised, so that an error of 1 is what one makes who always forecasts their
// mean. The network is asked twice: on its own, and told the truth after each forecast.

double rmse(const Tensor& forecast, const Tensor& truth) {
  return std::sqrt((forecast - truth).square().mean().item<double>());
}

struct HeldOut {
  double free_running = 0, teacher_forced = 0;
};

HeldOut errors(const lux::Layer& model, const Tree& ps, const Tree& st, const Tensor& series) {
  auto past = seen(series), truth = ahead(series);
  return {rmse(lux::predict<Tensor>(model, past, ps, st), truth),
          rmse(lux::predict<Tensor>(model, lux::tuple({past, truth}), ps, st), truth)};
}

// ------------------------------------------------------------------------------------------------------- Training
//
// The gradients go back through 20 steps of the decoder and 80 of the encoder, so they are clipped; the learning rate rises
// for 50 steps and then falls as a cosine does. Whether a batch is trained with teacher forcing is drawn. Trained always
// with it or never, the network forecasts about equally well on its own, and where it is told the truth, the first is
// better; trained half of the time each way it is worse at both, since the two ask for different things.

lux::TrainState train(const lux::Layer& model, const Tensor& series, const Tensor& held_out,
                      const Options& o) {
  Rng rng(o.seed);
  auto [ps, st] = lux::setup(rng, model);
  lux::data::DataLoader loader(series, {.batch_size = o.batch_size, .shuffle = true},
                               rng.fold_in("shuffle"));
  const auto rate = o.learning_rate;
  const int64_t steps = o.epochs * loader.size();
  namespace schedule = lux::schedule;
  auto lr = schedule::Warmup(50, schedule::CosAnneal(rate, rate / 100, steps, {.restart = false}));
  lux::TrainState ts(
      model, lux::tree::to(ps, series.device()), lux::tree::to(st, series.device()),
      lux::OptimiserChain(lux::ClipGlobalNorm(1.0), lux::Scheduler(lux::Adam(), lr)));

  lux::ProgressBar bar(std::cout, steps, "steps", lux::is_terminal(std::cout));
  for (int64_t epoch = 1; epoch <= o.epochs; ++epoch) {
    double total = 0;
    for (const Tree& batch : loader) {
      auto coin = lux::random::uniform(rng.fold_in("forcing").fold_in(ts.step), {});
      const bool forced = coin.item<double>() < o.teacher_forcing;
      auto objective = [&](const lux::Layer& model, const Tree& ps, const Tree& st,
                           const Tree& batch) -> lux::LossOut {
        auto past = seen(batch.tensor()), truth = ahead(batch.tensor());
        auto x = forced ? lux::tuple({past, truth}) : Tree(past);
        auto [forecast, st_new] = lux::apply<Tensor>(model, x, ps, st);
        return {lux::MSELoss{}(forecast, truth), st_new};
      };
      auto [grads, loss, stats] = lux::single_train_step_(objective, batch, ts);
      total += loss.item<double>();
      bar.advance();
    }
    auto [free_running, teacher_forced] = errors(model, ts.parameters(), ts.states(), held_out);
    bar.clear();
    std::printf("Epoch [%3d]: Loss %.5f   Held out: RMSE %.4f free running, %.4f teacher forced\n",
                static_cast<int>(epoch), total / static_cast<double>(loader.size()), free_running,
                teacher_forced);
    std::fflush(stdout);
  }
  return ts;
}

// ---------------------------------------------------------------------------------------------------------- The program

int run(const Options& o) {
  if (o.threads > 0) at::set_num_threads(o.threads);
  auto device = lux::device(o.device);
  if (!o.plots.empty()) prepare_pictures(o.plots);

  Rng rng(o.seed);
  auto series = make_series(rng.fold_in("training"), o.series, o.noise).to(device);
  auto held_out = make_series(rng.fold_in("held out"), kHeldOut, o.noise).to(device);
  auto mean = series.mean(), deviation = series.std();
  series = (series - mean) / deviation, held_out = (held_out - mean) / deviation;

  lux::Layer model = EncoderDecoder(o.hidden);
  std::cout << model << "\n" << std::endl;
  auto ts = train(model, series, held_out, o);

  // What it is worth. The order of the autoregression is the best on the training series. The right answer is known: the
  // same waves without noise.
  auto past = seen(held_out), truth = ahead(held_out);
  auto waves = (make_series(rng.fold_in("held out"), kHeldOut, 0).to(device) - mean) / deviation;
  int64_t order = 0;
  double best = INFINITY;
  auto some = series.narrow(0, 0, std::min(o.series, kHeldOut));
  for (int64_t candidate : {4, 8, 12, 16, 20, 24, 28, 32}) {
    double error = rmse(autoregression(seen(some), kAhead, candidate), ahead(some));
    if (error < best) best = error, order = candidate;
  }
  const std::vector<NamedForecast> forecasts{
      {"the last value goes on", last_value(past, kAhead)},
      {"the series repeats itself", seasonal(past, kAhead)},
      {"autoregression of order " + std::to_string(order), autoregression(past, kAhead, order)},
      {"encoder and decoder", lux::predict<Tensor>(model, past, ts.parameters(), ts.states())}};
  const double noise = o.noise / deviation.item<double>();
  std::printf("\nRMSE of 20 values ahead in 1000 series held out (noise: %.4f)\n", noise);
  std::printf("%37s   %s\n", "the values", "the waves behind them");
  for (const auto& [name, values] : forecasts)
    std::printf("  %-28s %.4f   %.4f\n", name.c_str(), rmse(values, truth),
                rmse(values, ahead(waves)));
  std::fflush(stdout);

  if (!o.plots.empty())
    std::cout << "\n" << draw_pictures(o.plots, past, truth, forecasts, noise) << std::endl;
  return 0;
}

int main(int argc, char** argv) {
  auto options = Options::from_command_line(argc, argv);
  try {
    return run(options);
  } catch (const lux::Error& e) {
    std::cout << std::flush;
    std::cerr << "encoder_decoder: " << e.what() << std::endl;
    return 1;
  }
}
