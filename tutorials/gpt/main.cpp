// A GPT of characters: a transformer learns from a text to say which symbol comes next, and then writes.
//
// A recurrent network reads a text symbol by symbol and has to keep in its carry what it will need (char_rnn does that). A
// transformer looks back instead: each symbol asks all symbols before it, and takes from each as much as it finds useful.
// All symbols of a sequence ask at the same time, so training is a few large products of matrices. In writing there is one
// symbol at a time; what the others would answer is kept, in a cache of keys and values, so that each is computed once.
// model.cpp has the network, writer.cpp lets it write; here it is trained.
//
//     tools/run gpt                                         trains on a megabyte of Shakespeare
//     tools/run gpt --resume                                goes on after an interruption
//     tools/run gpt --sample gpt --prompt "ROMEO:"          writes        (--help tells the rest)

#include <ATen/Parallel.h>
#include <luxtorch/luxtorch.h>

#include <chrono>
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
using lux::Rng, lux::Tensor, lux::Tree;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// ------------------------------------------------------------------------------------------------------------ The data
//
// The text's last 5 % are held out, for the number at the end; 5 % before them are for choosing settings. An observation
// is (x, y), both (context), y one symbol ahead.

struct Text {
  data::Alphabet alphabet;
  Tensor train, validation, held_out;
};

Text make_text(const std::string& text, int64_t context) {
  auto alphabet = data::Alphabet::of(text);
  Tensor tokens = alphabet.encode(text);
  const int64_t n = tokens.numel(), part = n / 20;
  if (part < context + 1)
    throw lux::ArgumentError("gpt", "expected a text of at least " +
                                        std::to_string(20 * (context + 1)) + " symbols, got " +
                                        std::to_string(n) +
                                        ". Give a longer --corpus, or a shorter --context.");
  return {alphabet, tokens.narrow(0, 0, n - 2 * part), tokens.narrow(0, n - 2 * part, part),
          tokens.narrow(0, n - part, part)};
}

/// The text cut into windows, without a copy: x and y are views that overlap in all symbols but one.
Tree windows(const Tensor& tokens, int64_t context) {
  const Tensor all = tokens.unfold(0, context + 1, context);
  return lux::tuple({all.narrow(1, 0, context), all.narrow(1, 1, context)});
}

/// The windows of an epoch in a random order. Each epoch cuts at other places.
std::vector<Tree> batches(const Text& text, const Options& o, int64_t epoch) {
  const int64_t shift = o.context * (epoch % o.epochs) / o.epochs;
  const Tensor from = text.train.narrow(0, shift, text.train.numel() - o.context);
  const data::DataLoader loader(windows(from, o.context),
                                {.batch_size = o.batch_size, .shuffle = true, .partial = false},
                                Rng(o.seed).fold_in("order"));
  std::vector<Tree> all;
  for (const Tree& batch : loader.batches(static_cast<uint64_t>(epoch))) all.push_back(batch);
  return all;
}

// -------------------------------------------------------------------------------------------------------- The training

const lux::CrossEntropyLoss cross_entropy{.logits = true};  // the mean over all symbols

/// Weight decay keeps matrices small, which makes functions smooth. The scales of the norms are no such matrices: they
/// are left alone.
lux::Optimizer make_optimizer(const Options& o, int64_t steps) {
  const auto adam =
      lux::OptimizerGroups(lux::AdamW(o.learning_rate, {.beta = {0.9, 0.95}, .lambda = o.decay}),
                           {{"*norm*", {.lambda = 0}}});
  const auto down = lux::schedule::CosAnneal(o.learning_rate, o.learning_rate / 10,
                                             std::max<int64_t>(1, steps - o.warmup));
  return lux::OptimiserChain(lux::ClipGlobalNorm(o.clip),
                             lux::Scheduler(adam, lux::schedule::Warmup(o.warmup, down)));
}

/// Nats per symbol of a text, in windows that know nothing of each other.
double nats(const lux::TrainState& ts, const Tensor& tokens, const Options& o) {
  double sum = 0;
  int64_t symbols = 0;
  for (const Tree& batch :
       data::DataLoader(windows(tokens, o.context), {.batch_size = o.batch_size}).batches(0)) {
    auto [x, y] = batch.tensors<2>();
    auto logits = lux::predict<Tensor>(ts.model, x, ts.parameters(), ts.states());
    sum += cross_entropy(logits, y).item<double>() * static_cast<double>(y.numel());
    symbols += y.numel();
  }
  return sum / static_cast<double>(symbols);
}

// --------------------------------------------------------------------------------------------------------- The writing

/// A text written twice, with the cache and without it, and how fast.
void compare_writing(const GPT& model, const lux::TrainState& ts, const data::Alphabet& alphabet,
                     const Options& o, Rng rng) {
  double seconds[2];
  std::string texts[2];
  for (const auto cache : {Writer::Cache::No, Writer::Cache::Yes}) {
    Writer writer(model, ts.parameters(), ts.states(), alphabet, o.sampling, rng, cache);
    writer.read(o.prompt);
    const auto start = Clock::now();
    texts[static_cast<int>(cache)] = writer.write(o.length);
    seconds[static_cast<int>(cache)] = seconds_since(start);
  }
  const auto [without, with] = texts;
  const auto [slow, fast] = seconds;
  std::cout << o.prompt << with << "\n\n";
  char line[160];
  std::snprintf(
      line, sizeof line,
      "Written at %.0f characters per second with the cache, %.0f without (%.1f times), %s",
      static_cast<double>(o.length) / fast, static_cast<double>(o.length) / slow, slow / fast,
      with == without ? "the same text." : "another text.");
  std::cout << line << std::endl;
}

/// What --sample asks for.
void write_on(const Options& o) {
  const lux::Checkpoint trained = lux::load_checkpoint(o.sample);
  Options network = o;
  network.take_network_(trained.values["recipe"]);
  const auto alphabet =
      data::Alphabet::from_string(trained.values["alphabet"].scalar<std::string>());
  Writer writer(GPT(network, alphabet.size()), trained.parameters, trained.states, alphabet,
                o.sampling, Rng(o.seed).fold_in("sample"),
                o.no_cache ? Writer::Cache::No : Writer::Cache::Yes);
  writer.read(o.prompt);
  std::cout << o.prompt;
  for (int64_t i = 0; i < o.length; ++i) std::cout << writer.write() << std::flush;
  std::cout << std::endl;
}

// --------------------------------------------------------------------------------------------------------- The program

void train(const Options& o) {
  const lux::CheckpointFolder folder(o.out, {.keep = o.keep});
  const Corpus corpus = load_corpus("gpt", o.corpus);
  const Text text = make_text(corpus.text, o.context);
  if (!o.prompt.empty()) text.alphabet.encode(o.prompt);  // a symbol that is not there is said now
  std::vector<Tree> epoch_batches = batches(text, o, 0);
  const auto per_epoch = static_cast<int64_t>(epoch_batches.size()), steps = per_epoch * o.epochs;

  const GPT model(o, text.alphabet.size());
  auto [ps, st] = lux::setup(Rng(o.seed), model);
  lux::TrainState ts(model, ps, st, make_optimizer(o, steps));
  Losses losses;
  if (auto checkpoint = resumed("gpt", folder, o.out, o.resume, o.recipe(), corpus.sha256)) {
    checkpoint->restore_(ts);
    losses = Losses::from_tree(checkpoint->values["losses"]);
  }
  std::cout << lux::Layer(model) << "\n\n"
            << text.alphabet << "; " << text.train.numel() << " for training, "
            << text.validation.numel() << " for validation, " << text.held_out.numel()
            << " held out of " << corpus.name << "\n"
            << steps << " steps of " << o.batch_size << " times " << o.context << " symbols, "
            << ts.optimizer() << "\n"
            << (ts.step > 0 ? "Going on after step " + std::to_string(ts.step) + "\n" : "")
            << std::endl;

  constexpr int64_t kPoint = 25, kShow = 100;
  lux::ProgressBar bar(std::cout, steps - ts.step, "steps", lux::is_terminal(std::cout));
  const auto start = Clock::now();
  int64_t done = 0, batches_of = 0;
  while (ts.step < steps) {
    const int64_t i = ts.step % per_epoch, epoch = ts.step / per_epoch;
    if (epoch != batches_of) epoch_batches = batches(text, o, batches_of = epoch);
    // A loss that is not a number is an error that names the step.
    auto [grads, loss, stats] =
        lux::single_train_step_(cross_entropy, epoch_batches[static_cast<size_t>(i)], ts);
    losses.add(loss.item<double>()), ++done;
    const double rate = static_cast<double>(done * o.batch_size * o.context) / seconds_since(start);
    char note[60];
    std::snprintf(note, sizeof note, "%.0f characters/s, loss %.4f", rate, loss.item<double>());
    bar.advance(note);

    const bool end = ts.step % per_epoch == 0, mark = end || ts.step % o.checkpoint_every == 0;
    if (end || ts.step % kPoint == 0) losses.end_point(ts.step);
    if (mark) losses.validation.push_back({ts.step, nats(ts, text.validation, o)});
    if (mark || ts.step % kShow == 0) bar.clear();
    if (end || ts.step % kShow == 0)
      std::cout << "Epoch [" << epoch + 1 << "]: Iteration [" << i + 1 << "/" << per_epoch
                << "] Loss " << loss.item<double>() << "   (" << static_cast<int64_t>(rate)
                << " characters/s)" << std::endl;
    if (end)
      std::cout << "Epoch [" << epoch + 1 << "]: validation "
                << per_symbol(losses.validation.back().nats) << "\n"
                << std::endl;
    if (mark)
      folder.save(ts, {.values = lux::named({{"recipe", o.recipe()},
                                             {"alphabet", text.alphabet.to_string()},
                                             {"corpus", corpus.sha256},
                                             {"losses", losses.to_tree()}}),
                       .metric = losses.validation.back().nats});
  }
  bar.clear();
  std::cout << "Held out: " << per_symbol(nats(ts, text.held_out, o)) << "\n"
            << draw("gpt", o.out, corpus.name + ", a GPT", losses) << "\n"
            << std::endl;
  if (o.length > 0) compare_writing(model, ts, text.alphabet, o, Rng(o.seed).fold_in("sample"));
}

int main(int argc, char** argv) {
  const auto options = Options::from_command_line(argc, argv);
  if (options.threads > 0) at::set_num_threads(options.threads);
  try {
    options.sample.empty() ? train(options) : write_on(options);
    return 0;
  } catch (const std::exception& e) {
    std::cout << std::flush;
    std::cerr << "gpt: " << e.what() << std::endl;
    return 1;
  }
}
