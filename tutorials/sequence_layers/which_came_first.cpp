// Which of two words came first? A model that reads whole sequences, with and without being told where they end.
//
// Sequences of words numbered from 3 to 999, in each of which the words A and B stand once. The label is 1 if A stands before B.
// As with sentences most are short; a batch is one tensor, so that all are padded, with word 0, to the length of the longest.

#include "which_came_first.h"

#include <fmt/format.h>
#include <luxtorch/luxtorch.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "pictures.h"

namespace lux = luxtorch;
using lux::Layer, lux::Rng, lux::Tensor, lux::Tree;

namespace {

// ---------------------------------------------------------------------------------------------------------------- Data

constexpr int64_t kPadding = 0, kA = 1, kB = 2, kVocabulary = 1000, kShortest = 5;

/// ((tokens, lengths), labels): tokens (count, longest) and lengths (count) are int64, labels (count) are 0 or 1.
Tree which_came_first(Rng rng, int64_t count, int64_t longest) {
  auto u = lux::random::uniform(rng.fold_in("lengths"), {count});
  auto lengths = (kShortest + u * u * u * static_cast<double>(longest - kShortest + 1))
                     .to(lux::kInt64)
                     .clamp_max(longest);
  auto tokens = lux::random::integers(rng.fold_in("words"), {count, longest}, 3, kVocabulary);
  auto labels = lux::zeros({count});
  for (int64_t i = 0; i < count; ++i) {
    auto length = lengths[i].item<int64_t>();
    auto places = lux::random::permutation_indices(rng.fold_in("places").fold_in(i), length);
    auto row = tokens[i];
    row[places[0]].fill_(kA);
    row[places[1]].fill_(kB);
    row.narrow(0, length, longest - length).fill_(kPadding);
    labels[i].fill_(places[0] < places[1]);
  }
  return lux::tuple({lux::tuple({tokens, lengths}), labels});
}

/// The same, as if every sequence were as long as its row: the padding is read like words.
Tree without_lengths(const Tree& batch) {
  auto [tokens, lengths] = batch[0].tensors<2>();
  return batch.with("0.1", lux::full(lengths.sizes(), tokens.size(1), {.dtype = lux::kInt64}));
}

// ----------------------------------------------------------------------------------------------------------- The model
//
// Word -> vector -> the hidden state after the last word -> one number, whose sign is the answer. The model is called with
// (tokens, lengths); the lengths go by the embedding and tell the recurrent layer where each row ends.

Layer make_model(const Layer& reader) {
  auto words = lux::Parallel(nullptr, lux::field("embedding", lux::Embedding(kVocabulary, 50)),
                             lux::field("lengths", lux::NoOpLayer()));
  auto squeeze = lux::WrappedFunction("squeeze", [](const Tensor& y) { return y.squeeze(-1); });
  return lux::Chain(lux::field("words", words), lux::field("reader", reader),
                    lux::field("head", lux::Dense(64, 1)), squeeze);
}

// ------------------------------------------------------------------------------------------------------------ Training
//
// Two trainings of one model, from the same numbers and on the same batches. One is told the lengths: its answer is taken at the last
// word, close to what it is about. The other reads on through the padding. Its answer has to live until the end of the row, and the
// gradient has to come back all that way, so that for some epochs nothing is learnt at all. (A GRU, which finds it easier to stay as
// it is, minds less: --cell gru. A plain RNN never gets there: --cell rnn.)

struct Training {
  std::string name;
  lux::TrainState state;
  Tree (*sees)(const Tree& batch);  // what of a batch it is told
  History history;
};

Tensor logits(const Training& t, const Tree& x) {
  return lux::predict<Tensor>(t.state.model, x, t.state.parameters(), t.state.states());
}

double accuracy(const Training& t, const Tree& data) {
  auto seen = t.sees(data);
  return ((logits(t, seen[0]) > 0) == (data[1].tensor() > 0.5))
      .to(lux::kFloat32)
      .mean()
      .item<double>();
}

std::vector<Training> train(const Layer& model, const Options& o, const Tree& held_out) {
  Rng rng(o.seed);
  lux::data::DataLoader loader(which_came_first(rng.fold_in("training"), o.sequences, o.longest),
                               {.batch_size = o.batch_size, .shuffle = true},
                               rng.fold_in("shuffle"));
  auto [ps, st] = lux::setup(rng, model);
  lux::TrainState start(model, ps, st,
                        lux::OptimiserChain(lux::ClipNorm(1.0), lux::Adam(o.learning_rate)));
  std::vector<Training> all{{"with lengths", start, [](const Tree& batch) { return batch; }, {}},
                            {"without", start, without_lengths, {}}};

  // The head gives logits, so that the sigmoid is the loss's.
  lux::BinaryCrossEntropyLoss loss_function{.logits = true};
  lux::ProgressBar bar(std::cout, o.epochs * loader.size(), "batches", lux::is_terminal(std::cout));
  fmt::print("                 with lengths            without\n");
  fmt::print("   epoch        loss  accuracy      loss  accuracy\n");
  for (int64_t epoch = 1; epoch <= o.epochs; ++epoch) {
    std::vector<double> total(all.size());
    for (const Tree& batch : loader) {
      for (size_t i = 0; i < all.size(); ++i) {
        auto loss = lux::single_train_step_(loss_function, all[i].sees(batch), all[i].state)
                        .loss.item<double>();
        if (!std::isfinite(loss)) {
          throw lux::ArgumentError(
              "sequence_layers",
              fmt::format(
                  "at step {}: expected a finite loss, got {}. Try a smaller --learning-rate.",
                  all[i].state.step, loss));
        }
        total[i] += loss * static_cast<double>(lux::data::numobs(batch)) /
                    static_cast<double>(loader.numobs());
      }
      bar.advance();
    }
    bar.clear();
    fmt::print("   {:>5}  ", epoch);
    for (size_t i = 0; i < all.size(); ++i) {
      all[i].history.push_back({total[i], accuracy(all[i], held_out)});
      fmt::print("    {:.4f}  {:>7.1f}%", total[i], 100 * all[i].history.back().accuracy);
    }
    fmt::print("\n");
    std::fflush(stdout);
  }
  return all;
}

// ------------------------------------------------------------------------------------------------------ What it thinks
//
// After each word: the probability that A came first. The prefixes of a sequence are one batch: the same row again and again,
// with lengths 1, 2, 3, ... What it thinks on the way is its own affair: only the answer at the end was ever asked for.

std::vector<double> after_each_word(const Training& t, const Tensor& row) {
  auto n = row.size(0);
  auto rows = row.unsqueeze(0).expand({n, n});
  auto p =
      logits(t, lux::tuple({rows, lux::arange(n) + 1})).sigmoid().to(lux::kFloat64).contiguous();
  return {p.const_data_ptr<double>(), p.const_data_ptr<double>() + n};
}

std::string bars(const std::vector<double>& p) {
  static const char* const levels[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  std::string text;
  for (auto value : p) text += levels[std::min(7, static_cast<int>(value * 8))];
  return text;
}

std::string letters(const Tensor& row) {
  std::string text;
  for (int64_t t = 0; t < row.size(0); ++t) {
    auto word = row[t].item<int64_t>();
    text += word == kA ? "A" : word == kB ? "B" : word == kPadding ? "_" : "·";
  }
  return text;
}

/// Two held-out sequences with padding behind them, A first in one and B first in the other; prints them.
std::vector<Reading> read_two(const std::vector<Training>& trainings, const Tree& held_out) {
  auto [tokens, lengths] = held_out[0].tensors<2>();
  auto longest = tokens.size(1);
  std::vector<Reading> readings;
  for (int64_t i = 0; i < tokens.size(0) && readings.size() < 2; ++i) {
    auto row = tokens[i];
    auto length = lengths[i].item<int64_t>();
    auto place = [&](int64_t word) { return (row == word).nonzero().item<int64_t>() + 1; };
    bool a_first = place(kA) < place(kB);
    if (a_first != readings.empty() || length < longest / 4 || length > longest / 2) continue;
    readings.push_back({length, place(kA), place(kB), after_each_word(trainings[0], row),
                        after_each_word(trainings[1], row)});
    const auto& r = readings.back();
    if (a_first)
      fmt::print(
          "   After each word (· any, _ padding), how probable it is that A came first:\n\n");
    fmt::print("   {:<15}{}\n   {:<15}{}\n   {:<15}{}\n\n", "", letters(row), "with lengths",
               bars({r.with_lengths.begin(), r.with_lengths.begin() + length}), "without",
               bars(r.without));
  }
  return readings;
}

/// Padding belongs to the batch and not to the sequence: with lengths it cannot matter how much of it there is.
void pad_more(const std::vector<Training>& trainings, const Tree& held_out) {
  const Tensor tokens = held_out[0][0].tensor();
  auto padding = lux::full(tokens.sizes(), kPadding, {.dtype = lux::kInt64});
  auto padded = held_out.with("0.0", lux::cat({tokens, padding}, 1));
  fmt::print("\n   The same sequences, padded to {} words in the place of {}:\n",
             2 * tokens.size(1), tokens.size(1));
  for (const auto& t : trainings) {
    auto before = logits(t, t.sees(held_out)[0]).sigmoid(),
         after = logits(t, t.sees(padded)[0]).sigmoid();
    auto moved = (after - before).abs().max().item<double>();
    fmt::print("   {:<15}the probabilities {}\n", t.name,
               moved == 0     ? "are the same bit for bit"
               : moved < 1e-5 ? fmt::format("are the same to {:.0e}", moved)
                              : fmt::format("move by up to {:.2g}", moved));
  }
  fmt::print("\n");
}

}  // namespace

// ------------------------------------------------------------------------------------------------------------ All of it

void which_word_came_first(const Options& o, const Layer& reader) {
  fmt::print("4. Which word came first, A or B?\n\n");
  fmt::print(
      "   {} sequences of {} to {} words, most of them short, all padded to {}. The model is told\n"
      "   where each ends (with lengths), or reads the padding as if it were words (without). Its\n"
      "   accuracy is that on 1000 more, which it has not seen.\n\n",
      o.sequences, kShortest, o.longest, o.longest);
  auto model = make_model(reader);
  std::cout << model << "\n\n";
  auto held_out = which_came_first(Rng(o.seed).fold_in("held out"), 1000, o.longest);
  auto trainings = train(model, o, held_out);
  pad_more(trainings, held_out);
  auto readings = read_two(trainings, held_out);
  if (!o.plots.empty()) {
    std::vector<Curve> curves;
    for (const auto& t : trainings) curves.push_back({t.name, t.history});
    fmt::print("{}\n", draw_pictures(o.plots, curves, readings));
  }
}
