// Models of ours that compute what the modules of tools/golden/state_dicts.py do, made by their cases.
#pragma once

#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/sequence.h"

namespace luxtorch::testing {

inline Layer sequence_of(const Tree& c) {
  auto kind = c["kind"].scalar<std::string>();
  auto layers = c["num_layers"].scalar<int64_t>();
  bool both = c["bidirectional"].scalar<bool>(), bias = c["use_bias"].scalar<bool>();
  if (kind == "lstm") {
    return LSTM(
        2, 3,
        {.num_layers = layers, .bidirectional = both, .use_bias = bias, .return_sequence = true});
  }
  if (kind == "gru") {
    return GRU(
        2, 3,
        {.num_layers = layers, .bidirectional = both, .use_bias = bias, .return_sequence = true});
  }
  return RNN(
      2, 3, kind == "rnn_relu" ? relu : tanh,
      {.num_layers = layers, .bidirectional = both, .use_bias = bias, .return_sequence = true});
}

/// The same from a cell and what runs it, or nothing where no such model is.
inline std::optional<Layer> wrapped_cell_of(const Tree& c) {
  if (c["num_layers"].scalar<int64_t>() != 1) return std::nullopt;
  auto kind = c["kind"].scalar<std::string>();
  bool bias = c["use_bias"].scalar<bool>();
  auto wrap = [&](auto cell) -> Layer {
    if (c["bidirectional"].scalar<bool>()) return BidirectionalRNN(cell);
    return Recurrence(cell, {.return_sequence = true});
  };
  if (kind == "lstm") return wrap(LSTMCell(2, 3, {.use_bias = bias}));
  if (kind == "gru") return wrap(GRUCell(2, 3, {.use_bias = bias}));
  return wrap(RNNCell(2, 3, kind == "rnn_relu" ? relu : tanh, {.use_bias = bias}));
}

inline Layer cell_of(const std::string& kind) {
  if (kind == "lstm") return LSTMCell(2, 3);
  if (kind == "gru") return GRUCell(2, 3);
  return RNNCell(2, 3);
}

inline Chain sequential() {
  return Chain(Embedding(7, 3), Dense(3, 4), tanh, Dense(4, 2, {.use_bias = false}));
}
inline Chain trained() { return Chain(Dense(2, 3), BatchNorm(3), relu, Dense(3, 1)); }

struct Tagger {
  Embedding embedding{7, 3};
  LSTM lstm{3, 3, {.num_layers = 2, .bidirectional = true, .return_sequence = true}};
  BatchNorm norm{6, {.affine = false}}, plain{6, {.track_stats = false}};
  std::vector<Dense> heads{Dense(6, 4, tanh), Dense(4, 1)};
  LUXTORCH_LAYERS(embedding, lstm, norm, plain, heads)

  Out<Tensor> operator()(const Tensor& tokens, const Tree& ps, const Tree& st) const {
    auto x = embedding(tokens, ps["embedding"], st["embedding"]).first;
    auto y = lstm(Tree(x), ps["lstm"], st["lstm"]).first.tensor().select(1, -1);
    y = norm(y, ps["norm"], st["norm"]).first;
    y = plain(y, ps["plain"], st["plain"]).first;
    for (size_t i = 0; i < heads.size(); ++i) y = heads[i](y, ps["heads"][i], st["heads"][i]).first;
    return {y, st};
  }
};

}  // namespace luxtorch::testing
