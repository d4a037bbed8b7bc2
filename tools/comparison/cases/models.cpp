// The tutorial's classifier of spirals and the character model, with each kind of recurrent layer.
#include "case.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/sequence.h"
#include "luxtorch/losses/loss.h"

namespace {

using namespace comparison;
using namespace luxtorch;

constexpr int64_t kSymbols = 68;

struct Classifier {
  Layer recurrent;
  Dense head{8, 1, sigmoid};

  LUXTORCH_LAYERS(recurrent, head)
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto [h, st_recurrent] = apply<Tensor>(recurrent, x, ps["recurrent"], st["recurrent"]);
    auto [y, st_head] = head(h, ps["head"], st["head"]);
    return {y.squeeze(-1), named({{"recurrent", st_recurrent}, {"head", st_head}})};
  }
};

struct Language {
  Layer recurrent;
  Dense head{128, kSymbols};

  LUXTORCH_LAYERS(recurrent, head)
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto [h, st_recurrent] = apply<Tensor>(recurrent, x, ps["recurrent"], st["recurrent"]);
    auto [y, st_head] = head(h, ps["head"], st["head"]);
    return {y, named({{"recurrent", st_recurrent}, {"head", st_head}})};
  }
};

template <class L>
Case spiral() {
  return {Classifier{L(2, 8, {})}, BinaryCrossEntropyLoss{.epsilon = 0.0}};
}
template <class L>
Case character() {
  return {Language{L(kSymbols, 128, {.num_layers = 2, .return_sequence = true})},
          CrossEntropyLoss{.logits = true}};
}

const Registration spiral_lstm("models/spiral_lstm", spiral<LSTM>);
const Registration spiral_gru("models/spiral_gru", spiral<GRU>);
const Registration spiral_rnn("models/spiral_rnn", spiral<RNN>);
const Registration direction_lstm("models/direction_lstm", spiral<LSTM>);
const Registration char_lstm("models/char_lstm", character<LSTM>);
const Registration char_gru("models/char_gru", character<GRU>);
const Registration char_rnn("models/char_rnn", character<RNN>);

}  // namespace
