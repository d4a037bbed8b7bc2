#include <ATen/ops/stack.h>

#include "layers/check.h"
#include "luxtorch/layers/recurrent.h"

namespace luxtorch {

Recurrence::Recurrence(Erased, Layer cell, RecurrenceOptions options) : cell_(std::move(cell)), options_(options) {
  if (!cell_.is_cell()) {
    throw ArgumentError("Recurrence",
                        "expected a cell, whose calls (x, ps, st) and (x, carry, ps, st) return Out<Step>, got " +
                            cell_.label() + ".");
  }
}

std::string Recurrence::label() const { return "Recurrence"; }

Out<Tree> Recurrence::run(const Tensor& x, const Tree* carry, const Tree& ps, const Tree& st) const {
  bool time_first = options_.ordering == Ordering::TimeFirst;
  if (x.dim() == 2) {  // one unbatched sequence (time, in): a batch of one
    auto wrap = [&](const Tensor& t) { return t.unsqueeze(0); };
    Tree batched = carry ? tree::map_tensors(wrap, *carry) : Tree();
    auto [y, st2] = run(x.unsqueeze(time_first ? 1 : 0), carry ? &batched : nullptr, ps, st);
    int64_t batch = options_.return_sequence && time_first ? 1 : 0;
    if (!options_.return_carry) return {y.tensor().squeeze(batch), std::move(st2)};
    auto unwrap = [](const Tensor& t) { return t.squeeze(0); };
    return {tuple({y[0].tensor().squeeze(batch), tree::map_tensors(unwrap, y[1])}), std::move(st2)};
  }

  ops::SequenceOptions order{.time_first = time_first};
  Tree last;  // the carry after the last step
  Out<ops::SequenceOutput> out;
  if (auto* lstm = cell_.as<LSTMCell>()) {
    out = lstm->sequence(x, carry, ps, st, order);
    if (options_.return_carry) last = tuple({out.first.h, out.first.c});
  } else if (auto* gru = cell_.as<GRUCell>()) {
    out = gru->sequence(x, carry, ps, st, order);
    last = tuple({out.first.h});
  } else if (auto* rnn = cell_.as<RNNCell>()) {
    out = rnn->sequence(x, carry, ps, st, order);
    last = tuple({out.first.h});
  } else {
    out = step_through(x, carry, ps, st, &last);
  }

  Tree y = options_.return_sequence ? out.first.y : out.first.h;
  if (options_.return_carry) y = tuple({y, last});
  detail::report(*this, y);
  return {std::move(y), std::move(out.second)};
}

Out<ops::SequenceOutput> Recurrence::step_through(const Tensor& x, const Tree* carry, const Tree& ps, const Tree& st,
                                                  Tree* last) const {
  int64_t time = options_.ordering == Ordering::TimeFirst ? 0 : 1;
  if (x.dim() < 3 || x.size(time) == 0) {
    fail(*this, std::string("expected x of shape ") + (time == 0 ? "(time, batch, ...)" : "(batch, time, ...)") +
                    " with at least one time step, got " + shape_text(x.sizes()) + ".");
  }
  std::vector<Tensor> ys;
  Out<Step> out{{}, st};
  for (const auto& step : x.unbind(time)) {
    out = cell_.step(step, carry, ps, out.second);
    carry = &out.first.carry;
    if (options_.return_sequence) ys.push_back(out.first.y);
  }
  *last = out.first.carry;
  return {ops::SequenceOutput{ys.empty() ? Tensor() : at::stack(ys, time), out.first.y, {}}, std::move(out.second)};
}

Tree StatefulRecurrentCell::initial_states(Rng rng) const {
  return named({{"cell", luxtorch::initial_states(cell_, rng)}, {"carry", Tree()}});
}

Out<Tensor> StatefulRecurrentCell::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  const auto& carry = st["carry"];
  auto [out, cell] = cell_.step(x, carry.is_none() ? nullptr : &carry, ps, st["cell"]);
  detail::report(*this, out.y);
  return {out.y, named({{"cell", std::move(cell)}, {"carry", std::move(out.carry)}})};
}

}  // namespace luxtorch
