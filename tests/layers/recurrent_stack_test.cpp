// RNN, LSTM and GRU against the Chain of recurrences that they stand for.
#include <gtest/gtest.h>

#include <cmath>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/sequence.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

Tensor float32_features() { return random::normal(Rng(1), {4, 5, 2}); }
const Tensor lengths = tensor({3, 5, 0, 2});

// One of each kind: {layer, the cell of its first layer, the cell of those behind it}.
struct Kind {
  Layer one, two, both, two_both;
  Layer first, behind, behind_both;
};
std::vector<Kind> kinds(bool sequence, bool carry) {
  auto options = [&]<class O>(O o) {
    o.return_sequence = sequence, o.return_carry = carry;
    return o;
  };
  RNNOptions rnn{.use_bias = false};
  LSTMOptions lstm{.train_state = true, .train_memory = true};
  GRUOptions gru{.init_recurrent_weight = init::orthogonal};
  auto of = [&](auto make, auto o) {
    auto two = options(o), both = options(o), two_both = options(o);
    two.num_layers = 2, both.bidirectional = true;
    two_both.num_layers = 2, two_both.bidirectional = true;
    return std::array{make(options(o)), make(two), make(both), make(two_both)};
  };
  auto r = of([](auto o) { return Layer(RNN(2, 3, relu, o)); }, rnn);
  auto l = of([](auto o) { return Layer(LSTM(2, 3, o)); }, lstm);
  auto g = of([](auto o) { return Layer(GRU(2, 3, o)); }, gru);
  auto cells = [](auto make) { return std::array{make(2), make(3), make(6)}; };
  auto rc = cells([](int64_t in) { return Layer(RNNCell(in, 3, relu, {.use_bias = false})); });
  auto lc = cells([](int64_t in) {
    return Layer(LSTMCell(in, 3, {.train_state = true, .train_memory = true}));
  });
  auto gc = cells([](int64_t in) {
    return Layer(GRUCell(in, 3, {.init_recurrent_weight = init::orthogonal}));
  });
  return {{r[0], r[1], r[2], r[3], rc[0], rc[1], rc[2]},
          {l[0], l[1], l[2], l[3], lc[0], lc[1], lc[2]},
          {g[0], g[1], g[2], g[3], gc[0], gc[1], gc[2]}};
}

// The same numbers from the same seed, and the same outputs and new states.
void expect_as(const Layer& stack, const Layer& by_hand) {
  auto [ps, st] = setup(Rng(3), stack);
  auto [ps2, st2] = setup(Rng(3), by_hand);
  EXPECT_SAME(ps, ps2);
  EXPECT_SAME(st, st2);
  EXPECT_TREES_CLOSE(to_tree(stack(float32_features(), ps, st)),
                     to_tree(by_hand(float32_features(), ps, st)), kPlainFloat32);
}

TEST(RecurrentStack, OfOneLayerIsTheRecurrenceOrTheBidirectionalRNNOfItsCell) {
  for (bool sequence : {false, true}) {
    for (bool carry : {false, true}) {
      for (const auto& kind : kinds(sequence, carry)) {
        expect_as(kind.one, Recurrence(kind.first, {Ordering::BatchFirst, sequence, carry}));
        expect_as(kind.both, BidirectionalRNN(
                                 kind.first, {.return_sequence = sequence, .return_carry = carry}));
      }
    }
  }
}

TEST(RecurrentStack, OfTwoLayersIsTheChainOfThem) {
  for (bool sequence : {false, true}) {
    for (const auto& kind : kinds(sequence, false)) {
      RecurrenceOptions all{.return_sequence = true}, end{.return_sequence = sequence};
      expect_as(kind.two, Chain(Recurrence(kind.first, all), Recurrence(kind.behind, end)));
      expect_as(kind.two_both,
                Chain(BidirectionalRNN(kind.first),
                      BidirectionalRNN(kind.behind_both, {.return_sequence = sequence})));
    }
  }
}

TEST(RecurrentStack, TakesTheCarryThatItGivesAndGoesOnFromIt) {
  for (const auto& kind : kinds(true, true)) {
    for (const auto& layer : {kind.one, kind.two}) {
      auto [ps, st] = setup(Rng(0), layer);
      auto x = float32_features();
      auto whole = layer(x, ps, st).first;
      auto head = layer(Tensor(x.narrow(1, 0, 2)), ps, st).first;
      auto tail = layer(tuple({Tensor(x.narrow(1, 2, 3)), head[1]}), ps, st).first;
      EXPECT_CLOSE(cat({head[0].tensor(), tail[0].tensor()}, 1), whole[0].tensor(), 1e-6);
      EXPECT_TREES_CLOSE(tail[1], whole[1], 1e-6);
    }
    auto [ps, st] = setup(Rng(0), kind.two_both);
    auto carry = kind.two_both(float32_features(), ps, st).first[1];
    EXPECT_EQ(carry.keys(), (Strings{"layer_1", "layer_2"}));
    EXPECT_EQ(carry["layer_2"].keys(), (Strings{"forward_rnn", "backward_rnn"}));
    EXPECT_EQ(carry.at("layer_2.backward_rnn")[0].tensor().sizes(), (Sizes{4, 3}));
    auto again = kind.two_both(tuple({float32_features(), carry, lengths}), ps, st).first;
    EXPECT_EQ(tree::difference(again[1], carry), "");
  }
}

TEST(RecurrentStack, RunsEachRowWithinItsOwnLength) {
  auto missing = arange(5).unsqueeze(0).ge(lengths.unsqueeze(1)).unsqueeze(-1);
  auto spoilt = float32_features().masked_fill(missing, std::nan(""));
  for (const auto& kind : kinds(true, true)) {
    for (const auto& layer : {kind.one, kind.two, kind.both, kind.two_both}) {
      auto [ps, st] = setup(Rng(0), layer);
      auto out = layer(tuple({spoilt, lengths}), ps, st).first;
      for (int64_t r : {0, 1, 3}) {
        auto n = lengths[r].item<int64_t>();
        auto own = layer(Tensor(float32_features().narrow(0, r, 1).narrow(1, 0, n)), ps, st).first;
        auto row = [&](const Tensor& t) { return t.narrow(0, r, 1); };
        EXPECT_CLOSE(out[0].tensor().narrow(0, r, 1).narrow(1, 0, n), own[0].tensor(), 2e-6);
        EXPECT_TREES_CLOSE(tree::map_tensors(row, out[1]), own[1], 2e-6);
      }
      auto padding = out[0].tensor().masked_select(missing);
      EXPECT_SAME(padding, zeros({padding.numel()}));
    }
  }
}

TEST(RecurrentStack, TakesTokensUnbatchedAndTimeFirst) {
  auto tokens = tensor({1, 0, 1, 1, 0, 0, 1, 0, 1, 1}).reshape({2, 5});
  for (const auto& kind : kinds(true, true)) {
    for (const auto& layer : {kind.one, kind.two_both}) {
      auto [ps, st] = setup(Rng(0), layer);
      auto rows = eye(2).index_select(0, tokens.flatten()).reshape({2, 5, 2});
      auto y = layer(rows, ps, st).first;
      EXPECT_TREES_CLOSE(layer(tokens, ps, st).first, y, 1e-6);
      auto one = [](const Tensor& t) { return t.select(0, 1); };
      EXPECT_TREES_CLOSE(layer(tokens[1], ps, st).first, tree::map_tensors(one, y), 1e-6);
      EXPECT_TREES_CLOSE(layer(rows[1], ps, st).first, tree::map_tensors(one, y), 1e-6);
    }
  }
  LSTM layer(2, 3, {.num_layers = 2}),
      time_first(2, 3, {.num_layers = 2, .ordering = Ordering::TimeFirst, .return_sequence = true});
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_CLOSE(time_first(float32_features().transpose(0, 1), ps, st).first.tensor()[4],
               layer(float32_features(), ps, st).first.tensor(), 1e-6);
}

TEST(RecurrentStack, DropsOutBetweenItsLayersInTrainingOnly) {
  GRU layer(2, 64, {.num_layers = 2, .dropout = 0.5}), plain(2, 64, {.num_layers = 2});
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_EQ(st.keys(), (Strings{"layer_1", "layer_2", "dropout"}));
  EXPECT_EQ(st["dropout"].keys(), (Strings{"rng", "training"}));
  EXPECT_SAME(ps, setup(Rng(0), plain).first);
  auto x = float32_features();
  auto [y, st2] = layer(x, ps, st);
  EXPECT_SAME(layer(x, ps, st).first, y) << "the same states give the same mask";
  EXPECT_FALSE(tree::equal(layer(x, ps, st2).first, y)) << "and the new ones the next";
  auto without = plain(x, ps, st).first;
  EXPECT_GT(relative_difference(y, without), 1e-3);
  EXPECT_SAME(layer(x, ps, testmode(st)).first, without);
  EXPECT_SAME(layer(x, ps, testmode(st)).second, testmode(st));
  EXPECT_SAME(layer(x, ps, trainmode(testmode(st))).first, y);

  Chain by_hand(field("a", Recurrence(GRUCell(2, 64), {.return_sequence = true})),
                field("d", Dropout(0.5)), field("b", Recurrence(GRUCell(64, 64))));
  auto ps_hand = named({{"a", ps["layer_1"]}, {"d", named({})}, {"b", ps["layer_2"]}});
  auto st_hand = named({{"a", st["layer_1"]}, {"d", st["dropout"]}, {"b", st["layer_2"]}});
  EXPECT_SAME(by_hand(x, ps_hand, st_hand).first, y);

  auto one = setup(Rng(0), LSTM(2, 3, {.dropout = 0.5})).second;
  EXPECT_EQ(one.keys(), (Strings{"rng"})) << "one layer has nothing between";
}

TEST(RecurrentStack, DetachesACarryForTruncatedBackPropagation) {
  LSTM layer(2, 3, {.num_layers = 2, .return_carry = true});
  auto [ps, st] = setup(Rng(0), layer);
  auto states = st;
  auto gradient = [&](bool cut) {
    return grad(
        [&](const Tree& ps) {
          auto carry = apply<Step>(layer, float32_features(), ps, states).first.carry;
          if (cut) carry = tree::detach(carry);
          return apply<Step>(layer, tuple({float32_features(), carry}), ps, states).first.y.sum();
        },
        ps);
  };
  auto carry = tree::detach(apply<Step>(layer, float32_features(), ps, st).first.carry);
  auto alone = grad(
      [&](const Tree& ps) {
        return apply<Step>(layer, tuple({float32_features(), carry}), ps, states).first.y.sum();
      },
      ps);
  EXPECT_TREES_CLOSE(gradient(true), alone, kPlainFloat32);
  EXPECT_GT(relative_difference(gradient(false), alone), 1e-3);
}

TEST(RecurrentStack, IsPrintedInOneLine) {
  auto text = [](const auto& layer) { return layer.label(); };
  EXPECT_EQ(text(RNN(2, 3)), "RNN(2 => 3)");
  EXPECT_EQ(text(RNN(2, 3, relu, {.num_layers = 2})), "RNN(2 => 3, relu, num_layers=2)");
  EXPECT_EQ(text(LSTM(2, 3,
                      {.num_layers = 2,
                       .bidirectional = true,
                       .dropout = 0.25,
                       .use_bias = false,
                       .train_state = true,
                       .train_memory = true})),
            "LSTM(2 => 3, num_layers=2, bidirectional=true, dropout=0.25, use_bias=false, "
            "train_state=true, train_memory=true)");
  EXPECT_EQ(show(GRU(2, 3, {.num_layers = 2})),
            "GRU(2 => 3, num_layers=2)    # 135 parameters, plus 2 non-trainable");
}

TEST(RecurrentStack, SaysWhatIsWrongAndWhere) {
  Chain model(field("rnn", LSTM(2, 3, {.num_layers = 2, .bidirectional = true})));
  auto [ps, st] = setup(Rng(0), model);
  auto parameters = ps, states = st;
  auto run = [&](const Tree& x) { return apply(model, x, parameters, states); };
  EXPECT_ERROR(ShapeError, run(ones({4, 5, 3})),
               "[LSTM] at rnn.layer_1.forward_rnn: expected x of shape (batch, time, 2), got (4, "
               "5, 3).");
  EXPECT_ERROR(ShapeError, run(tensor({0, 1, 2})),
               "[LSTM] at rnn.layer_1.forward_rnn: expected tokens from 0 to 1, in_dims being 2, "
               "got 2 at (2,).");
  EXPECT_ERROR(ShapeError, run(tuple({ones({4, 5, 2}), tensor({1})})),
               "[LSTM] at rnn: expected lengths of shape (4,), one for each row, got (1,).");
  EXPECT_ERROR(TreeError, run(tuple({ones({4, 5, 2}), tuple({ones({4, 3})})})),
               "[LSTM] at rnn: expected a carry with a part layer_1, as ps has, got a tuple of 1.");
  EXPECT_ERROR(ArgumentError, GRU(2, 3, {.num_layers = 0}),
               "[GRU] expected num_layers of at least 1, got 0.");
  EXPECT_ERROR(ArgumentError, GRU(2, 3, {.dropout = 1}),
               "[GRU] expected a dropout from 0 to below 1, got 1.");
  EXPECT_ERROR(ArgumentError, RNN(2, 0), "[RNN] expected out_dims of at least 1, got 0.");
}

}  // namespace
}  // namespace luxtorch::testing
