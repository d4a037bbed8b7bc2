#include "support/corpus.h"

#include <ostream>

#include "luxtorch/compact.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/layers/scale.h"
#include "luxtorch/layers/sequence.h"
#include "support/corpus_rows.h"

namespace luxtorch::testing {

namespace {

// A user's own: a cell, a container.
struct LeakyCell {
  int64_t in_dims, out_dims;
  Tree initial_parameters(Rng rng) const {
    return named({{"weight", init::Normal{}(rng.fold_in("weight"), {out_dims, in_dims})}});
  }
  Out<Step> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto y = x.matmul(ps["weight"].tensor().t());
    return {{y, tuple({y, 1})}, st};
  }
  Out<Step> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const {
    auto n = carry[1].scalar<int64_t>();
    auto y = x.matmul(ps["weight"].tensor().t()) + carry[0].tensor().tanh() * (0.5 / double(n));
    return {{y, tuple({y, n + 1})}, st};
  }
};

struct Classifier {
  LSTMCell lstm_cell;
  Dense classifier;
  LUXTORCH_LAYERS(lstm_cell, classifier)

  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto steps = x.unbind(1);
    auto [out, st_cell] = lstm_cell(steps[0], ps["lstm_cell"], st["lstm_cell"]);
    for (size_t t = 1; t < steps.size(); ++t)
      std::tie(out, st_cell) = lstm_cell(steps[t], out.carry, ps["lstm_cell"], st_cell);
    auto [y, st_head] = classifier(out.y, ps["classifier"], st["classifier"]);
    return {y.squeeze(-1), named({{"lstm_cell", st_cell}, {"classifier", st_head}})};
  }
};

void add_feedforward(std::vector<CorpusRow>& all) {
  auto x = input({4, 3});
  all.push_back(row("Dense", Dense(3, 2), x, {8, 0}));
  all.push_back(row("DenseTanhNoBias", Dense(3, 2, tanh, {.use_bias = false}), x, {6, 0}));
  all.push_back(row("DenseOfASequence", Dense(3, 2, gelu), input({4, 5, 3}), {8, 0}));
  all.push_back(without_rows(row("DenseOfAVector", Dense(3, 2, sigmoid), input({3}), {8, 0})));

  all.push_back(row("Scale", Scale(3, tanh), x, {6, 0}));
  all.push_back(row("ScaleOfAMatrix", Scale({5, 3}), input({4, 5, 3}), {30, 0}));
  all.push_back(row("ScaleNoBias", Scale({2, 1}, {.use_bias = false}), input({4, 2, 3}), {2, 0}));

  all.push_back(row("Dropout", Dropout(0.3), x, {0, 2}));
  all.push_back(row("DropoutOfRows", Dropout(0.5, {.dims = {0}}), input({4, 5, 3}), {0, 2}));
  all.push_back(row("DropoutOfNothing", Dropout(0), x, {0, 2}));

  all.push_back(row("BatchNorm", BatchNorm(3), x, {6, 7}));
  all.push_back(row("BatchNormOfASequence", BatchNorm(5, tanh, {.epsilon = 1e-3, .momentum = 0.4}),
                    input({4, 5, 3}), {10, 11}));
  all.push_back(row("BatchNormNotAffine", BatchNorm(3, {.affine = false}), x, {0, 7}));
  all.push_back(
      without_rows(row("BatchNormUntracked", BatchNorm(3, {.track_stats = false}), x, {6, 1})));
}

void add_cells(std::vector<CorpusRow>& all) {
  auto x = input({4, 3});
  auto h = input({4, 2}, 1), c = input({4, 2}, 2);
  all.push_back(row("RNNCell", RNNCell(3, 2), x, {14, 1}));
  all.push_back(row("RNNCellSigmoid", RNNCell(3, 2, sigmoid, {.use_bias = false}), x, {10, 1}));
  all.push_back(row("RNNCellTrainedState", RNNCell(3, 2, {.train_state = true}), x, {16, 1}));
  all.push_back(row("RNNCellDrawnState", RNNCell(3, 2, {.init_state = init::randn}), x, {14, 1}));
  all.push_back(row("RNNCellWithCarry", RNNCell(3, 2), tuple({x, tuple({h})}), {14, 1}));
  all.push_back(row("LSTMCell", LSTMCell(3, 2), x, {56, 1}));
  all.push_back(row("LSTMCellNoBias", LSTMCell(3, 2, {.use_bias = false}), x, {40, 1}));
  all.push_back(
      row("LSTMCellTrainedStates",
          LSTMCell(3, 2, {.train_state = true, .train_memory = true, .init_memory = init::randn}),
          x, {60, 1}));
  all.push_back(row("LSTMCellDrawnStates",
                    LSTMCell(3, 2, {.init_state = init::randn, .init_memory = init::rand}), x,
                    {56, 1}));
  all.push_back(row("LSTMCellWithCarry", LSTMCell(3, 2), tuple({x, tuple({h, c})}), {56, 1}));
  all.push_back(row("GRUCell", GRUCell(3, 2), x, {42, 1}));
  all.push_back(row("GRUCellNoBias", GRUCell(3, 2, {.use_bias = false}), x, {30, 1}));
  all.push_back(row("GRUCellTrainedState",
                    GRUCell(3, 2, {.train_state = true, .init_state = init::randn}), x, {44, 1}));
  all.push_back(row("GRUCellWithCarry", GRUCell(3, 2), tuple({x, tuple({h})}), {42, 1}));
  all.push_back(
      without_rows(row("LSTMCellUnbatched", LSTMCell(3, 2),
                       tuple({input({3}), tuple({input({2}), input({2}, 1)})}), {56, 1})));
  all.push_back(row("StatefulRecurrentCell", StatefulRecurrentCell(GRUCell(3, 2)), x, {42, 2}));
}

void add_sequences(std::vector<CorpusRow>& all) {
  auto x = input({4, 5, 3});
  auto carry = tuple({input({4, 2}, 1)});
  RecurrenceOptions sequence{.return_sequence = true},
      everything{.return_sequence = true, .return_carry = true},
      time{.ordering = Ordering::TimeFirst}, time_sequence{Ordering::TimeFirst, true};
  all.push_back(row("RecurrenceRNN", Recurrence(RNNCell(3, 2)), x, {14, 1}));
  all.push_back(
      row("RecurrenceRNNSoftsign", Recurrence(RNNCell(3, 2, softsign), sequence), x, {14, 1}));
  all.push_back(row("RecurrenceLSTM", Recurrence(LSTMCell(3, 2)), x, {56, 1}));
  all.push_back(row("RecurrenceLSTMWithEverything", Recurrence(LSTMCell(3, 2), everything),
                    tuple({x, tuple({input({4, 2}, 1), input({4, 2}, 2)})}), {56, 1}));
  all.push_back(time_first(
      row("RecurrenceLSTMTimeFirst",
          Recurrence(LSTMCell(3, 2, {.train_state = true, .train_memory = true}), time_sequence), x,
          {60, 1}),
      1));
  all.push_back(
      row("RecurrenceGRU", Recurrence(GRUCell(3, 2), everything), tuple({x, carry}), {42, 1}));
  all.push_back(time_first(row("RecurrenceGRUTimeFirst",
                               Recurrence(GRUCell(3, 2, {.use_bias = false}), time), x, {30, 1}),
                           0));
  all.push_back(without_rows(
      row("RecurrenceUnbatched", Recurrence(LSTMCell(3, 2), everything), input({5, 3}), {56, 1})));
  all.push_back(row("RecurrenceOfAUsersCell", Recurrence(LeakyCell{3, 2}, everything), x, {6, 0}));
  all.push_back(time_first(
      row("RecurrenceOfAUsersCellTimeFirst", Recurrence(LeakyCell{3, 2}, time_sequence), x, {6, 0}),
      1));
  all.push_back(not_reporting(
      row("Classifier", Classifier{LSTMCell(3, 2), Dense(2, 1, sigmoid)}, x, {59, 1})));
  all.push_back(row("Compact",
                    compact(field("cells", std::vector<GRUCell>{GRUCell(3, 2), GRUCell(2, 2)}),
                            param("shift", init::Normal{}, {2}))
                        .forward([](const Tensor& x, auto& cells, const Tensor& shift) {
                          Tensor y = x.select(1, 0);
                          for (auto& cell : cells) y = cell(y).y;
                          return y + shift;
                        }),
                    x, {42 + 36 + 2, 2}));
}

void add_sequence_layers(std::vector<CorpusRow>& all) {
  auto x = input({4, 5, 3});
  auto lengths = tensor({2, 5, 0, 3});
  auto h = [](uint64_t seed) { return tuple({input({4, 2}, seed)}); };
  all.push_back(row("BidirectionalRNN", BidirectionalRNN(LSTMCell(3, 2)), x, {112, 2}));
  all.push_back(row(
      "BidirectionalRNNWithEverything",
      BidirectionalRNN(GRUCell(3, 2), RNNCell(3, 2), {.merge = Merge::None, .return_carry = true}),
      tuple({x, named({{"forward_rnn", h(1)}, {"backward_rnn", h(2)}})}), {56, 2}));
  all.push_back(time_first(
      row("BidirectionalRNNOfAUsersCell",
          BidirectionalRNN(LeakyCell{3, 2}, {.merge = Merge::Sum, .ordering = Ordering::TimeFirst}),
          x, {12, 0}),
      1));
  all.push_back(row("RNN", RNN(3, 2), x, {14, 1}));
  all.push_back(row("RNNOfThreeLayers",
                    RNN(3, 2, softsign, {.num_layers = 3, .use_bias = false, .train_state = true}),
                    x, {10 + 8 + 8 + 6, 3}));
  all.push_back(row("LSTM", LSTM(3, 2), x, {56, 1}));
  all.push_back(row("LSTMWithEverything",
                    LSTM(3, 2,
                         {.num_layers = 2,
                          .bidirectional = true,
                          .dropout = 0.3,
                          .return_sequence = true,
                          .return_carry = true}),
                    x, {2 * 56 + 2 * 64, 4 + 2}));
  all.push_back(time_first(
      row("GRUTimeFirst", GRU(3, 2, {.bidirectional = true, .ordering = Ordering::TimeFirst}), x,
          {84, 2}),
      0));
  all.push_back(row("GRUWithACarry", GRU(3, 2, {.num_layers = 2, .return_carry = true}),
                    tuple({x, named({{"layer_1", h(1)}, {"layer_2", h(2)}})}), {42 + 36, 2}));
  // The lengths stand for the rows, so that these cannot be changed apart from them.
  auto with_lengths = [&](std::string name, const auto& layer, Counts counts) {
    all.push_back(without_rows(row(std::move(name), layer, tuple({x, lengths}), counts)));
  };
  with_lengths("RecurrenceWithLengths", Recurrence(LSTMCell(3, 2)), {56, 1});
  with_lengths("RecurrenceOfAUsersCellWithLengths", Recurrence(LeakyCell{3, 2}), {6, 0});
  with_lengths("BidirectionalRNNWithLengths",
               BidirectionalRNN(LeakyCell{3, 2}, GRUCell(3, 2), {.return_carry = true}), {48, 1});
  with_lengths("LSTMWithLengths", LSTM(3, 2, {.num_layers = 2, .bidirectional = true}), {240, 4});
}

void add_tokens(std::vector<CorpusRow>& all) {
  auto tokens = tensor({0, 2, 1, 1, 0, 2, 2, 2, 1, 0, 0, 1}).reshape({4, 3});
  auto of_tokens = [&](std::string name, const auto& layer, const Tensor& x, Counts counts) {
    all.push_back(without_rows(row(std::move(name), layer, x, counts)));
  };
  of_tokens("GRUCellOfTokens", GRUCell(3, 2), tokens.select(1, 0), {42, 1});
  of_tokens("RecurrenceOfTokens", Recurrence(LSTMCell(3, 2)), tokens, {56, 1});
  of_tokens("RNNOfTokens", RNN(3, 2, {.num_layers = 2, .bidirectional = true}), tokens,
            {14 * 2 + 16 * 2, 4});
  of_tokens("Embedding", Embedding(4, 2), tokens, {8, 0});
  of_tokens("EmbeddingOfAVector", Embedding(3, 2, {.init_weight = init::rand}), tokens.select(1, 0),
            {6, 0});
}

}  // namespace

const std::vector<CorpusRow>& corpus() {
  static const auto all = [] {
    std::vector<CorpusRow> rows;
    add_feedforward(rows);
    add_containers(rows);
    add_reshaping(rows);
    add_cells(rows);
    add_sequences(rows);
    add_sequence_layers(rows);
    add_tokens(rows);
    return rows;
  }();
  return all;
}

std::ostream& operator<<(std::ostream& out, const CorpusRow& row) { return out << row.name; }

}  // namespace luxtorch::testing
