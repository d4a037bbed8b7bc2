#include "model.h"

#include <luxtorch/luxtorch.h>

namespace lux = luxtorch;
using lux::Layer, lux::Out, lux::Rng, lux::Step, lux::Tensor, lux::Tree;

namespace {

const Tree kNothing = lux::tuple({Tree(), Tree()});

struct CharRNN {
  lux::Recurrence rnn_1, rnn_2;
  lux::Dense head;
  bool carries;
  LUXTORCH_LAYERS(rnn_1, rnn_2, head)

  Tree initial_states(Rng) const { return lux::named({{"carry", kNothing}}); }

  Out<Tensor> operator()(const Tensor& tokens, const Tree& ps, const Tree& st) const {
    const Tree& carry = carries ? st["carry"] : kNothing;
    auto [one, st_1] =
        lux::apply<Step>(rnn_1, lux::tuple({tokens, carry[0]}), ps["rnn_1"], st["rnn_1"]);
    auto [two, st_2] =
        lux::apply<Step>(rnn_2, lux::tuple({one.y, carry[1]}), ps["rnn_2"], st["rnn_2"]);
    auto [logits, st_head] = head(two.y, ps["head"], st["head"]);
    Tree left = carries ? lux::tree::detach(lux::tuple({one.carry, two.carry})) : kNothing;
    return {logits,
            lux::named({{"rnn_1", st_1}, {"rnn_2", st_2}, {"head", st_head}, {"carry", left}})};
  }
};

}  // namespace

Tree at_start(const Tree& st) { return lux::update_state(st, "carry", kNothing); }

Layer make_model(const Options& o, int64_t symbols) {
  auto with = [&](auto cell_of) -> Layer {
    auto layer = [&](int64_t in) {
      return lux::Recurrence(cell_of(in), {.return_sequence = true, .return_carry = true});
    };
    return CharRNN{layer(symbols), layer(o.hidden), lux::Dense(o.hidden, symbols), !o.reference};
  };
  if (o.cell == "gru") return with([&](int64_t in) { return lux::GRUCell(in, o.hidden); });
  if (o.cell == "rnn") return with([&](int64_t in) { return lux::RNNCell(in, o.hidden); });
  return with([&](int64_t in) { return lux::LSTMCell(in, o.hidden); });
}
