// Several processes learn the spirals of simple_rnn together: three changed lines, and the same curve.
//
// Here a process is one copy of this program. Each copy holds the whole network, works on its own part of every batch, and
// once per step all of them add up their gradients: one message. So a step is one of the whole batch, however many
// processes share it, and nothing of what you know of the training changes: not the learning rate, not the batch size, not
// what is printed. Run this page on 1, 2 and 4 processes, and compare.
//
//     tools/run distributed                         (alone: the same program, which sends nothing)
//     tools/run distributed --processes 2           (torchrun starts two copies)

#include <fmt/format.h>
#include <luxtorch/luxtorch.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <iostream>

namespace lux = luxtorch;
using lux::Rng, lux::Tensor, lux::Tree;

struct Options {
  int64_t epochs = 25, batch_size = 128, hidden = 8;
  uint64_t seed = 0;
};

// ------------------------------------------------------------------------------------------------ The data and the model
//
// As in simple_rnn: 1000 noisy spirals of 50 points, and a network that reads the points and says which of two arms it was.
// Every process makes the same spirals from the same seed. That costs little here; rows of a large file would be mapped
// (lux::io), so that a process reads those that it needs.

std::array<Tree, 2> make_spirals(const Options& o) {
  const Rng rng(o.seed);
  auto [x, y] = lux::data::spirals(rng.fold_in("spirals"), 1000, 50);
  return lux::data::splitobs(lux::tuple({x, y}), 0.8, rng.fold_in("split"));
}

lux::Layer make_model(const Options& o) {
  return lux::Chain(lux::Recurrence(lux::LSTMCell(2, o.hidden)),
                    lux::Dense(o.hidden, 1, lux::sigmoid),
                    [](const Tensor& y) { return y.squeeze(-1); });
}

const lux::BinaryCrossEntropyLoss kLoss;

// ----------------------------------------------------------------------------------------------------------- Validation
//
// Each process adds up what it sees of the validation set, and one message adds up the sums. The number of rows is one of
// the sums: parts need not be equally large, and one may be empty.

struct Validation {
  double loss = 0, accuracy = 0;
};

Validation validate(const lux::TrainState& ts, lux::DataLoader& loader, const lux::Group& group) {
  const Tree ps = ts.parameters(), &st = ts.states();
  double loss = 0, right = 0, rows = 0;
  for (const Tree& batch : loader) {
    auto [x, y] = batch.tensors<2>();
    if (y.numel() == 0) continue;  // fewer rows than processes
    auto y_hat = lux::predict<Tensor>(ts.model, x, ps, st);
    const auto n = static_cast<double>(y.numel());
    loss += n * kLoss(y_hat, y).item<double>();
    right += ((y_hat > 0.5) == (y > 0.5)).sum().item<double>();
    rows += n;
  }
  const Tree all = group.sum(lux::named({{"loss", loss}, {"right", right}, {"rows", rows}}));
  const auto sum = [&](const char* name) { return all[name].scalar<double>(); };
  return {sum("loss") / sum("rows"), sum("right") / sum("rows")};
}

// ------------------------------------------------------------------------------------------------------------- Training
//
// The three lines are numbered. Without them this is the loop of simple_rnn.
//
// (1) init joins the other processes. torchrun, SLURM and mpirun tell each process its number, and where they meet, by
//     variables of the environment. Where there are none the group is this process alone.
// (2) The loaders give each process its rows of each batch: of 128 rows and 3 processes 42, 43 and 43. All of them shuffle
//     alike. batch_size stays the number of rows of the whole batch.
// (3) The TrainState starts from the parameters of process 0 and sums up the gradients. The loss that a step returns is
//     the whole batch's, on all processes.

void train(const Options& o) {
  const lux::Group group = lux::distributed::init();  // (1)
  const Rng rng(o.seed);
  const auto [training, held_out] = make_spirals(o);
  lux::DataLoader loader(
      training, {.batch_size = o.batch_size, .shuffle = true, .part = group.part()},  // (2)
      rng.fold_in("shuffle"));
  lux::DataLoader validation(held_out, {.batch_size = o.batch_size, .part = group.part()});

  const lux::Layer model = make_model(o);
  auto [ps, st] = lux::setup(rng, model);
  lux::TrainState ts(model, ps, st, lux::Adam(0.01), {.group = group});  // (3)

  // What one process prints is enough.
  if (group.is_root())
    fmt::print("{} process{}, {} batches of up to {} spirals\n", group.size(),
               group.size() == 1 ? "" : "es", loader.size(), loader.batch_size());
  for (int64_t epoch = 1; epoch <= o.epochs; ++epoch) {
    double total = 0;
    for (const Tree& batch : loader) {
      auto [grads, loss, stats] = lux::single_train_step_(kLoss, batch, ts);
      total += loss.item<double>();
    }
    const Validation v = validate(ts, validation, group);
    if (!group.is_root()) continue;
    fmt::print("Epoch [{:3}]: loss {:.4f}   validation: loss {:.4f}, accuracy {:.4f}\n", epoch,
               total / static_cast<double>(loader.size()), v.loss, v.accuracy);
    std::fflush(stdout);
  }

  // Sums in another order are rounded in another way, so another number of processes may differ in the seventh digit. The
  // processes of one run do not differ in any bit: all of them apply the same sum to the same parameters.
  if (group.size() == 1) return;
  const bool same = lux::all_equal(group, ts.parameters());
  if (group.is_root())
    fmt::print("The parameters of all processes are {}.\n",
               same ? "equal bit for bit" : "NOT equal");
}

// ---------------------------------------------------------------------------------------------------------- The program
//
// An error of one process reaches all others as a DistributedError, with that process' number and its text. They say so and
// end; torchrun sees that they failed. How a training goes on then is the next page: tutorials/restart.

int main(int argc, char** argv) {
  Options o;
  CLI::App app(
      "Trains one network on several processes: start it by tools/run distributed --processes N.");
  app.option_defaults()->always_capture_default();
  app.add_option("--epochs", o.epochs, "Passes over the training set")->check(CLI::PositiveNumber);
  app.add_option("--batch-size", o.batch_size, "Spirals in a batch, of all processes together")
      ->check(CLI::PositiveNumber);
  app.add_option("--hidden", o.hidden, "Units of the LSTM")->check(CLI::PositiveNumber);
  app.add_option("--seed", o.seed, "Where data, parameters and shuffling start from");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  try {
    train(o);
    return 0;
  } catch (const lux::Error& e) {
    std::cerr << "distributed: " << e.what() << std::endl;
    return 1;
  }
}
