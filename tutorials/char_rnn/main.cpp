// A character-level RNN: learns from a text to say which symbol comes next, and then writes.
//
// The network reads a text symbol by symbol, keeps what it has seen in the carry of two recurrent layers, and gives each
// symbol a probability to be the next. It is trained on sequences of 32 symbols, but the carry goes on from one to the
// next, as it does when the network writes. model.cpp has the network, writer.cpp lets it write; here it is trained.
//
//     tools/run char_rnn                                          trains on Shakespeare, three epochs
//     tools/run char_rnn --resume                                 goes on after an interruption
//     tools/run char_rnn --sample char_rnn --prompt "ROMEO:"      writes        (--help tells the rest)

#include <ATen/Parallel.h>
#include <luxtorch/luxtorch.h>

#include <cmath>
#include <cstdio>
#include <iostream>

#include "corpus.h"
#include "losses.h"
#include "model.h"
#include "options.h"
#include "resumed.h"
#include "writer.h"

namespace lux = luxtorch;
namespace data = lux::data;
using lux::Layer, lux::Rng, lux::Tensor, lux::Tree;

// ------------------------------------------------------------------------------------------------------------ The data
//
// The text's last 5 % are held out, for the number at the end; 5 % before them are for choosing settings. A batch is
// (x, y), both (batch, time), y one symbol ahead.

struct Text {
  data::Alphabet alphabet;
  Tensor train, validation, held_out;
};

Text make_text(const std::string& text) {
  auto alphabet = data::Alphabet::of(text, {.stop = "_"});
  Tensor tokens = alphabet.encode(text);
  const int64_t n = tokens.numel(), part = n / 20;
  if (part < 2)
    throw lux::ArgumentError("char_rnn", "expected a text of at least 40 symbols, got " +
                                             std::to_string(n) + ". Give a longer --corpus.");
  return {alphabet, tokens.narrow(0, 0, n - 2 * part), tokens.narrow(0, n - 2 * part, part),
          tokens.narrow(0, n - part, part)};
}

/// Streams through the text: each row of a batch goes on where it ended in the batch before. Every epoch they start at
/// other places, so that the network does not learn the order of things by heart.
std::vector<Tree> carried_batches(const Text& text, const Options& o, int64_t epoch) {
  const int64_t n = text.train.numel(), shift = n / o.batch_size * (epoch % o.epochs) / o.epochs;
  auto turned = lux::cat({text.train.narrow(0, shift, n - shift), text.train.narrow(0, 0, shift)});
  auto [x, y] = data::streams(turned, o.batch_size, o.sequence);
  std::vector<Tree> batches;
  for (int64_t s = 0; s < x.size(1); ++s)
    batches.push_back(lux::tuple({x.select(1, s), y.select(1, s)}));
  return batches;
}

/// The reference's: pieces of the text in a random order, once and for all, the last 5 % of them for its own test.
std::pair<std::vector<Tree>, std::vector<Tree>> shuffled_batches(const Text& text,
                                                                 const Options& o) {
  auto all = data::sequence_batches(text.train, o.batch_size, o.sequence, *text.alphabet.stop());
  return data::split_batches(Rng(o.seed).fold_in("split"), all, 0.95);
}

// -------------------------------------------------------------------------------------------------------- The training

const lux::CrossEntropyLoss cross_entropy{.logits = true};  // the mean over all symbols

struct Recipe {
  int64_t steps_per_epoch;
  std::function<std::vector<Tree>(int64_t epoch)> batches;
  std::vector<Tree> test;
  lux::Objective objective;
  lux::Optimizer optimizer;
  double symbols_in_loss = 1;  // what the objective is to be divided by, for nats per symbol
};

Recipe make_recipe(const Text& text, const Options& o) {
  if (o.reference) {  // the mean over the batch, summed over the sequence
    auto [train, test] = shuffled_batches(text, o);
    auto sum = [](const Tensor& logits, const Tensor& y) {
      return cross_entropy(logits, y) * static_cast<double>(y.size(1));
    };
    return {static_cast<int64_t>(train.size()), [train](int64_t) { return train; }, test, sum,
            lux::Adam(o.learning_rate),         static_cast<double>(o.sequence)};
  }
  auto batches = [text, o](int64_t epoch) { return carried_batches(text, o, epoch); };
  const auto per_epoch = static_cast<int64_t>(batches(0).size());
  const auto down = lux::schedule::CosAnneal(o.learning_rate, 0,
                                             std::max<int64_t>(1, per_epoch * o.epochs - o.warmup));
  return {per_epoch,
          batches,
          {},
          cross_entropy,
          lux::OptimiserChain(lux::ClipGlobalNorm(o.clip),
                              lux::Scheduler(lux::Adam(), lux::schedule::Warmup(o.warmup, down)))};
}

/// Nats per symbol of batches by themselves, as the reference counts.
double nats(const lux::TrainState& ts, const std::vector<Tree>& batches) {
  double sum = 0;
  int64_t symbols = 0;
  for (const Tree& batch : batches) {
    auto [x, y] = batch.tensors<2>();
    auto logits = lux::predict<Tensor>(ts.model, x, ts.parameters(), ts.states());
    sum += cross_entropy(logits, y).item<double>() * static_cast<double>(y.numel());
    symbols += y.numel();
  }
  return sum / static_cast<double>(symbols);
}

/// Nats per symbol of a text, read as the model was trained: in four long pieces, or in sequences from nothing.
double nats(const lux::TrainState& ts, const Tensor& tokens, const Options& o) {
  const int64_t n = tokens.numel() - 1;
  const int64_t time = o.reference ? std::min(n, o.sequence) : n / std::min<int64_t>(4, n);
  auto [x, y] = data::streams(tokens, n / time, time);
  auto logits =
      lux::predict<Tensor>(ts.model, x.select(1, 0), ts.parameters(), at_start(ts.states()));
  return cross_entropy(logits, y.select(1, 0)).item<double>();
}

// --------------------------------------------------------------------------------------------------------- The program

void train(const Options& o) {
  const lux::CheckpointFolder folder(o.out, {.keep = o.keep});
  const Corpus corpus = load_corpus("char_rnn", o.corpus);
  const Text text = make_text(corpus.text);
  if (!o.prompt.empty()) text.alphabet.encode(o.prompt);  // a symbol that is not there is said now
  const Recipe recipe = make_recipe(text, o);
  const int64_t per_epoch = recipe.steps_per_epoch, steps = per_epoch * o.epochs;

  const Layer model = make_model(o, text.alphabet.size());
  auto [ps, st] = lux::setup(Rng(o.seed), model);
  lux::TrainState ts(model, ps, st, recipe.optimizer);
  Losses losses;
  if (auto checkpoint = resumed("char_rnn", folder, o.out, o.resume, o.recipe(), corpus.sha256)) {
    checkpoint->restore_(ts);
    losses = Losses::from_tree(checkpoint->values["losses"]);
  }
  std::cout << model << "\n\n"
            << text.alphabet << "; " << text.train.numel() << " for training, "
            << text.validation.numel() << " for validation, " << text.held_out.numel()
            << " held out of " << corpus.name << "\n"
            << steps << " steps of " << o.batch_size << " times " << o.sequence << " symbols, "
            << recipe.optimizer << "\n"
            << (ts.step > 0 ? "Going on after step " + std::to_string(ts.step) + "\n" : "")
            << std::endl;

  auto save = [&] {
    folder.save(ts, {.values = lux::named({{"recipe", o.recipe()},
                                           {"alphabet", text.alphabet.to_string()},
                                           {"corpus", corpus.sha256},
                                           {"losses", losses.to_tree()}}),
                     .metric = losses.validation.empty() ? std::optional<double>()
                                                         : losses.validation.back().nats});
  };
  auto sample = [&](int64_t length) {
    Writer writer(model, ts.parameters(), ts.states(), text.alphabet, o.sampling,
                  Rng(o.seed).fold_in("sample").fold_in(static_cast<uint64_t>(ts.step)));
    writer.read(o.prompt);
    return o.prompt + writer.write(length);
  };

  constexpr int64_t kPoint = 50, kShow = 250;
  lux::ProgressBar bar(std::cout, steps - ts.step, "steps", lux::is_terminal(std::cout));
  using Clock = std::chrono::steady_clock;
  auto since = Clock::now();
  int64_t seen = 0;
  std::vector<Tree> batches;  // of this epoch
  while (ts.step < steps) {
    const int64_t i = ts.step % per_epoch, epoch = ts.step / per_epoch + 1;
    if (i == 0) ts.set_states_(at_start(ts.states()));
    if (i == 0 || batches.empty()) batches = recipe.batches(epoch - 1);
    // A loss that is not a number is an error that names the step.
    auto [grads, loss, stats] = lux::single_train_step_(recipe.objective, batches[i], ts);
    losses.add(loss.item<double>() / recipe.symbols_in_loss), ++seen;
    const double rate = static_cast<double>(seen * o.batch_size * o.sequence) /
                        std::chrono::duration<double>(Clock::now() - since).count();
    char note[60];
    std::snprintf(note, sizeof note, "%.0f characters/s, loss %.4f", rate, loss.item<double>());
    bar.advance(note);

    const bool end = ts.step % per_epoch == 0, mark = end || ts.step % o.checkpoint_every == 0;
    if (end || ts.step % kPoint == 0) losses.end_point(ts.step);
    if (mark) losses.validation.push_back({ts.step, nats(ts, text.validation, o)});
    if (mark || ts.step % kShow == 0) bar.clear();
    if (end || ts.step % kShow == 0) {
      std::cout << "Epoch [" << epoch << "]: Iteration [" << i + 1 << "/" << per_epoch << "] Loss "
                << loss.item<double>() << "   (" << static_cast<int64_t>(rate) << " characters/s)"
                << std::endl;
    }
    if (end) {
      if (!recipe.test.empty())
        std::cout << "Epoch [" << epoch << "]: Test Loss: " << per_symbol(nats(ts, recipe.test))
                  << "\n";
      std::cout << "Epoch [" << epoch << "]: validation "
                << per_symbol(losses.validation.back().nats) << "\n\n"
                << sample(200) << "\n"
                << std::endl;
    }
    if (mark) save();
  }
  bar.clear();
  std::cout << "Held out: " << per_symbol(nats(ts, text.held_out, o)) << "\n"
            << draw("char_rnn", o.out,
                    corpus.name + ", " + o.cell + (o.reference ? ", the reference's recipe" : ""),
                    losses)
            << "\n\n"
            << sample(o.length) << std::endl;
}

int main(int argc, char** argv) {
  const auto options = Options::from_command_line(argc, argv);
  if (options.threads > 0) at::set_num_threads(options.threads);
  try {
    options.sample.empty() ? train(options) : write_on(options);
    return 0;
  } catch (const std::exception& e) {
    std::cout << std::flush;
    std::cerr << "char_rnn: " << e.what() << std::endl;
    return 1;
  }
}
