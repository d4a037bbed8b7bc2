// Training a simple LSTM: which arm of a spiral is it?
//
// 1000 noisy spirals of 50 points, half of them from one arm and half from the other. A network reads the points one after
// the other and says at the end which arm it was. By the end of this page you have written a model of your own in two
// ways, trained it, and saved it in a file that Julia opens.
//
//     tools/run simple_rnn                          (--help tells what else it can do)

#include <ATen/Parallel.h>
#include <luxtorch/luxtorch.h>

#include <cmath>
#include <cstdio>
#include <iostream>

#include "options.h"
#include "pictures.h"

namespace lux = luxtorch;
using lux::Layer, lux::Out, lux::Rng, lux::Tensor, lux::Tree;

// ------------------------------------------------------------------------------------------------------------ Data
//
// x is (1000, 50, 2): spirals, points, coordinates; y is (1000), 0 for the first arm and 1 for the second. Four in five
// are for training. The loader gives batches of 128, in a new order every epoch; what is left over (800 = 6 * 128 + 32)
// is left out, as the reference does. The older reference kept it.

struct Loaders {
  lux::data::DataLoader train, validation;
};

Loaders make_loaders(const Options& o, lux::Device device) {
  Rng rng(o.seed);
  auto [x, y] = lux::data::spirals(rng.fold_in("spirals"), 1000, 50, {.mirrored = o.mirrored});
  auto [train, validation] = lux::data::splitobs(lux::tuple({x, y}), 0.8, rng.fold_in("split"));
  bool partial = o.loop == "manual";
  using lux::data::DataLoader;
  return {DataLoader(lux::tree::to(train, device),
                     {.batch_size = o.batch_size, .shuffle = true, .partial = partial},
                     rng.fold_in("shuffle")),
          DataLoader(lux::tree::to(validation, device),
                     {.batch_size = o.batch_size, .partial = partial})};
}

// ------------------------------------------------------------------------------------- The model, written as a struct
//
// A model is a value without arrays. LUXTORCH_LAYERS names the members that are layers, so that `setup` can make their
// parameters and states, called lstm_cell and classifier. (The member keeps its name whichever cell it holds, so that all
// files look alike.) `Recurrence(cell)` would do the loop for us; here it is by hand, to see how a state is threaded.

template <class Cell>
struct SpiralClassifier {
  Cell lstm_cell;
  lux::Dense classifier;
  LUXTORCH_LAYERS(lstm_cell, classifier)

  Out<Tensor> operator()(const Tensor& x, const Tree& ps,
                         const Tree& st) const {  // x: (batch, time, 2)
    // The first call starts the sequence; the others get the carry, (h, c) for an LSTM, of the call before.
    auto points = x.unbind(1);
    auto [out, st_cell] = lstm_cell(points[0], ps["lstm_cell"], st["lstm_cell"]);
    for (size_t t = 1; t < points.size(); ++t)
      std::tie(out, st_cell) = lstm_cell(points[t], out.carry, ps["lstm_cell"], st_cell);
    // After the last point the classifier turns the cell's output into a probability.
    auto [y, st_head] = classifier(out.y, ps["classifier"], st["classifier"]);
    return {y.squeeze(-1), lux::named({{"lstm_cell", st_cell}, {"classifier", st_head}})};
  }
};

// ------------------------------------------------------------------------------------- The same model, from a lambda
//
// `compact` binds the fields to the lambda's arguments. Calling one uses its parameters and moves its state on.

template <class Cell>
auto compact_spiral_classifier(Cell cell, lux::Dense classifier) {
  return lux::compact(lux::field("lstm_cell", cell), lux::field("classifier", classifier))
      .forward([](const Tensor& x, auto& lstm_cell, auto& classifier) {
        auto points = x.unbind(1);
        auto out = lstm_cell(points[0]);
        for (size_t t = 1; t < points.size(); ++t) out = lstm_cell(points[t], out.carry);
        return classifier(out.y).squeeze(-1);
      });
}

Layer make_model(const std::string& written_as, const Options& o) {
  auto with = [&](auto cell) -> Layer {
    lux::Dense classifier(o.hidden, 1, lux::sigmoid);
    if (written_as == "struct") return SpiralClassifier<decltype(cell)>{cell, classifier};
    return compact_spiral_classifier(cell, classifier);
  };
  if (o.cell == "gru") return with(lux::GRUCell(2, o.hidden));
  if (o.cell == "rnn") return with(lux::RNNCell(2, o.hidden));
  return with(lux::LSTMCell(2, o.hidden));
}

// --------------------------------------------------------------------------------------------------- Loss and accuracy
//
// Binary cross-entropy on probabilities; in earnest one would leave the sigmoid to the loss, {.logits = true}.

const lux::BinaryCrossEntropyLoss loss_function;

double accuracy(const Tensor& y_hat, const Tensor& y) {
  return ((y_hat > 0.5) == (y > 0.5)).to(lux::kFloat32).mean().item<double>();
}

/// Means over all batches, each weighted by its size.
struct Validation {
  double loss = 0, accuracy = 0;
};

Validation validate(const Layer& model, const Tree& ps, const Tree& st,
                    lux::data::DataLoader& loader) {
  Validation total;
  int64_t samples = 0;
  for (const Tree& batch : loader) {
    auto [x, y] = batch.tensors<2>();
    auto y_hat = lux::predict<Tensor>(model, x, ps, st);  // in test mode, without a graph
    total.loss += loss_function(y_hat, y).item<double>() * static_cast<double>(y.numel());
    total.accuracy += accuracy(y_hat, y) * static_cast<double>(y.numel());
    samples += y.numel();
  }
  return {total.loss / static_cast<double>(samples), total.accuracy / static_cast<double>(samples)};
}

// ------------------------------------------------------------------------------------------------------------ Training
//
// A TrainState holds the parameters, the states and the optimiser's moments. single_train_step_ computes the loss and its
// gradients on a batch and moves all of them on, in place.

struct Trained {
  Tree ps, st;
  History history;
};

Trained train(const Layer& model, const Options& o, Loaders& data, lux::Device device,
              lux::ProgressBar& bar) {
  auto [ps, st] = lux::setup(Rng(o.seed), model);
  ps = lux::tree::to(ps, device), st = lux::tree::to(st, device);
  lux::TrainState ts(model, ps, st, lux::Adam(o.learning_rate));
  History history;
  for (int64_t epoch = 1; epoch <= o.epochs; ++epoch) {
    double total = 0;
    int64_t samples = 0;
    for (const Tree& batch : data.train) {
      auto [grads, loss, stats] = lux::single_train_step_(loss_function, batch, ts);
      auto size = batch[1].tensor().numel();
      total += loss.item<double>() * static_cast<double>(size);
      samples += size;
    }
    auto validation = validate(model, ts.parameters(), ts.states(), data.validation);
    history.add(total / static_cast<double>(samples), validation.loss, validation.accuracy);

    bar.clear();
    std::printf("Epoch [%3d]: Loss %4.5f\n", static_cast<int>(epoch), history.train_loss.back());
    std::printf("Validation:\tLoss %4.5f\tAccuracy %4.5f\n", validation.loss, validation.accuracy);
    std::fflush(stdout);
    bar.advance();
  }
  return {ts.parameters(), ts.states(), history};
}

// The same once more by `fit`, which has the loop, the means and the validation inside. A callback prints the lines; the
// numbers are the same, bit for bit.

struct PrintTheReferencesLines {
  lux::ProgressBar* bar;
  void on_epoch(const lux::Event& e) const {
    bar->clear();
    std::printf("Epoch [%3d]: Loss %4.5f\n", static_cast<int>(e.epoch), e.loss());
    std::printf("Validation:\tLoss %4.5f\tAccuracy %4.5f\n", e.metric("validation_loss"),
                e.metric("validation_accuracy"));
    std::fflush(stdout);
    bar->advance();
  }
};

Trained train_by_fit(const Layer& model, const Options& o, Loaders& data, lux::Device device,
                     lux::ProgressBar& bar) {
  auto [ps, st] = lux::setup(Rng(o.seed), model);
  ps = lux::tree::to(ps, device), st = lux::tree::to(st, device);
  lux::TrainState ts(model, ps, st, lux::Adam(o.learning_rate));
  auto history = lux::fit(ts, loss_function, data.train,
                          {.epochs = o.epochs,
                           .validation = &data.validation,
                           .metrics = {{"accuracy", lux::metrics::Accuracy{}}},
                           .callbacks = {PrintTheReferencesLines{&bar}}});
  if (!history.stop_reason.empty()) throw lux::ArgumentError("simple_rnn", history.stop_reason);
  auto column = [&](const char* name) { return lux::to_vector<double>(history[name].tensor()); };
  return {ts.parameters(),
          ts.states(),
          {column("loss"), column("validation_loss"), column("validation_accuracy")}};
}

// The same without a TrainState, as the older reference did it: a loss written out, its gradient, the optimiser's update,
// and a line for every batch.

Tensor binary_crossentropy(const Tensor& y_hat, const Tensor& y) {
  const double epsilon = 1.1920929e-7;
  auto log_likelihood = y * (y_hat + epsilon).log() + (1 - y) * (1 - y_hat + epsilon).log();
  return -log_likelihood.mean();
}

Trained train_by_hand(const Layer& model, const Options& o, Loaders& data, lux::Device device,
                      lux::ProgressBar& bar) {
  auto [ps, st] = lux::setup(Rng(o.seed), model);
  ps = lux::tree::to(ps, device), st = lux::tree::to(st, device);
  lux::Optimizer adam = lux::Adam(o.learning_rate);
  Tree opt_state = adam.init(ps);
  History history;
  int64_t step = 0;
  for (int64_t epoch = 1; epoch <= o.epochs; ++epoch) {
    double total = 0;
    for (const Tree& batch : data.train) {
      auto [x, y] = batch.tensors<2>();
      auto [loss, grads, st_new] = lux::value_and_grad(
          [&](const Tree& ps) {
            auto [y_hat, st_new] = lux::apply<Tensor>(model, x, ps, st);
            return std::pair{binary_crossentropy(y_hat, y), st_new};
          },
          ps);
      ++step;
      if (double value = loss.item<double>(); !std::isfinite(value)) {
        throw lux::ArgumentError(
            "simple_rnn", "at step " + std::to_string(step) + ": expected a finite loss, got " +
                              std::to_string(value) + ". Try a smaller --learning-rate.");
      }
      std::tie(ps, opt_state) = adam.update(grads, opt_state, ps);
      st = st_new;

      bar.clear();
      std::printf("Epoch [%d]: Loss %.8g\n", static_cast<int>(epoch), loss.item<double>());
      total += loss.item<double>() * static_cast<double>(y.numel());
    }
    Validation mean;
    for (const Tree& batch : data.validation) {
      auto [x, y] = batch.tensors<2>();
      auto y_hat = lux::predict<Tensor>(model, x, ps, st);
      double loss = binary_crossentropy(y_hat, y).item<double>(), right = accuracy(y_hat, y);
      std::printf("Validation: Loss %.8g Accuracy %.8g\n", loss, right);
      double share = static_cast<double>(y.numel()) / static_cast<double>(data.validation.numobs());
      mean.loss += loss * share, mean.accuracy += right * share;
    }
    std::fflush(stdout);
    history.add(total / static_cast<double>(data.train.numobs()), mean.loss, mean.accuracy);
    bar.advance();
  }
  return {ps, st, history};
}

// ---------------------------------------------------------------------------------------------------------- The program

int run(const Options& o) {
  if (o.threads > 0) at::set_num_threads(o.threads);
  auto device = lux::device(o.device);
  lux::jld2::check_writable(o.out);  // better now than after the training
  if (!o.plots.empty()) prepare_pictures(o.plots);

  auto written =
      o.model == "both" ? std::vector<std::string>{"struct", "compact"} : std::vector{o.model};
  std::vector<Trained> trained;
  std::vector<NamedHistory> histories;
  for (const auto& how : written) {
    auto model = make_model(how, o);
    auto data = make_loaders(o, device);
    auto [ps, st] = lux::setup(Rng(o.seed), model);
    std::cout << "The model as a " << (how == "struct" ? "struct" : "lambda") << ":\n\n"
              << model << "\n\n";
    const auto& first = data.train.data()[0].tensor().narrow(0, 0, 1).to(lux::cpu_device());
    std::cout << lux::summary(model, ps, st, first) << std::endl;

    lux::ProgressBar bar(std::cout, o.epochs, "epochs", lux::is_terminal(std::cout));
    auto how_trained = o.loop == "manual" ? train_by_hand : o.loop == "fit" ? train_by_fit : train;
    trained.push_back(how_trained(model, o, data, device, bar));
    bar.clear();
    std::cout << std::endl;
    histories.emplace_back(how, trained.back().history);
  }

  // Parameters and states are all there is to save: the model itself is this program. In Julia:
  //     using JLD2, Lux;  @load "trained_model.jld2" ps_trained st_trained
  auto cpu = [](const Tree& t) { return lux::tree::to(t, lux::cpu_device()); };
  Tree ps_trained = cpu(trained[0].ps), st_trained = cpu(trained[0].st);
  lux::jld2::save(o.out, lux::named({{"ps_trained", ps_trained}, {"st_trained", st_trained}}),
                  {.compress = o.compress});

  // Loaded again, they predict the same, bit for bit.
  Tree file = lux::jld2::load(o.out);
  auto model = make_model(written[0], o);
  auto [x, y] = cpu(make_loaders(o, device).validation.data()).tensors<2>();
  auto before = lux::predict<Tensor>(model, x, ps_trained, st_trained);
  auto after = lux::predict<Tensor>(model, x, file["ps_trained"], file["st_trained"]);
  bool same = lux::tree::equal(before, after);
  std::cout << "Saved to " << o.out.string() << " and loaded again: on " << x.size(0)
            << " spirals the predictions are " << (same ? "equal bit for bit." : "NOT equal.")
            << std::endl;

  if (!o.plots.empty()) {
    auto thinks = [&](const Tensor& prefix) {
      return lux::predict<Tensor>(model, prefix, ps_trained, st_trained);
    };
    std::cout << draw_pictures(o.plots, histories, x, y, thinks) << std::endl;
  }
  return same ? 0 : 1;
}

int main(int argc, char** argv) {
  auto options = Options::from_command_line(argc, argv);
  try {
    return run(options);
  } catch (const lux::Error& e) {
    std::cout << std::flush;
    std::cerr << "simple_rnn: " << e.what() << std::endl;
    return 1;
  }
}
