// Recurrent layers with their options, and the cells in a loop of the user's own.
#include "luxtorch/layers/recurrent.h"

#include "case.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/sequence.h"
#include "luxtorch/losses/loss.h"

namespace {

using namespace comparison;
using namespace luxtorch;

/// x (batch, time, 8), or a tuple (x, lengths); y: 4 numbers of the recurrent layer's last output.
struct Model {
  Layer recurrent;
  Dense head;

  LUXTORCH_LAYERS(recurrent, head)
  Out<Tensor> operator()(const Tree& x, const Tree& ps, const Tree& st) const {
    auto [h, st_recurrent] = apply<Tensor>(recurrent, x, ps["recurrent"], st["recurrent"]);
    auto [y, st_head] = head(h, ps["head"], st["head"]);
    return {y, named({{"recurrent", st_recurrent}, {"head", st_head}})};
  }
};

template <class C>
struct Loop {
  C cell{8, 32};
  Dense head{32, 4};

  LUXTORCH_LAYERS(cell, head)
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    const auto steps = x.unbind(1);
    auto [out, st_cell] = cell(steps[0], ps["cell"], st["cell"]);
    for (size_t t = 1; t < steps.size(); ++t)
      std::tie(out, st_cell) = cell(steps[t], out.carry, ps["cell"], st_cell);
    auto [y, st_head] = head(out.y, ps["head"], st["head"]);
    return {y, named({{"cell", st_cell}, {"head", st_head}})};
  }
};

template <class L>
auto layer(bool two_directions) {
  return [two_directions] {
    return Case{
        Model{L(8, 32, {.bidirectional = two_directions}), Dense(two_directions ? 64 : 32, 4)},
        MSELoss{}};
  };
}
template <class C>
Case loop() {
  return {Loop<C>{}, MSELoss{}};
}

const Registration rnn("layers/rnn", layer<RNN>(false));
const Registration lstm("layers/lstm", layer<LSTM>(false));
const Registration gru("layers/gru", layer<GRU>(false));
const Registration rnn_both("layers/rnn_bidirectional", layer<RNN>(true));
const Registration lstm_both("layers/lstm_bidirectional", layer<LSTM>(true));
const Registration gru_both("layers/gru_bidirectional", layer<GRU>(true));
const Registration rnn_relu("layers/rnn_relu",
                            [] { return Case{Model{RNN(8, 32, relu), Dense(32, 4)}, MSELoss{}}; });
const Registration lstm_no_bias("layers/lstm_no_bias", [] {
  return Case{Model{LSTM(8, 32, {.use_bias = false}), Dense(32, 4)}, MSELoss{}};
});
const Registration lengths("layers/lstm_lengths",
                           [] { return Case{Model{LSTM(8, 32), Dense(32, 4)}, MSELoss{}}; });
const Registration rnn_cell("layers/rnn_cell", loop<RNNCell>);
const Registration lstm_cell("layers/lstm_cell", loop<LSTMCell>);
const Registration gru_cell("layers/gru_cell", loop<GRUCell>);

}  // namespace
