#include <ATen/ops/stack.h>

#include "layers/check.h"
#include "luxtorch/layers/recurrent.h"

namespace luxtorch {

Recurrence::Recurrence(Erased, Layer cell, RecurrenceOptions options)
    : cell_(std::move(cell)), options_(options) {
  if (!cell_.is_cell()) {
    throw ArgumentError(
        "Recurrence",
        "expected a cell, whose calls (x, ps, st) and (x, carry, ps, st) return Out<Step>, got " +
            cell_.label() + ".");
  }
}

namespace {

// y of the last step, or of all; the carry after the last; the new states.
struct Ran {
  Tensor y;
  Tree carry, st;
};

Ran step_through(const Recurrence& self, const Layer& cell, RecurrenceOptions options,
                 const Tensor& x, const Tree* carry, const Tree& ps, const Tree& st) {
  int64_t time = options.ordering == Ordering::TimeFirst ? 0 : 1, batch = 1 - time;
  bool single = x.dim() == 2 && x.is_floating_point();  // unbatched: a batch of one
  if (x.dim() < 2 || x.size(single ? 0 : time) == 0) {
    fail(self, fmt::format("expected x of shape ({}, ...) with at least one time step, got {}.",
                           time == 0 ? "time, batch" : "batch, time", shape_text(x.sizes())));
  }
  if (single) {
    auto add = [](const Tensor& t) { return t.unsqueeze(0); };
    auto remove = [](const Tensor& t) { return t.squeeze(0); };
    Tree batched = carry ? tree::map_tensors(add, *carry) : Tree();
    auto ran =
        step_through(self, cell, options, x.unsqueeze(batch), carry ? &batched : nullptr, ps, st);
    return {ran.y.squeeze(options.return_sequence ? batch : 0),
            tree::map_tensors(remove, ran.carry), ran.st};
  }
  std::vector<Tensor> ys;
  Out<Step> out{{}, st};
  for (const auto& step : x.unbind(time)) {
    out = cell.step(step, carry, ps, out.second);
    carry = &out.first.carry;
    if (options.return_sequence) ys.push_back(out.first.y);
  }
  return {options.return_sequence ? at::stack(ys, time) : out.first.y, out.first.carry, out.second};
}

}  // namespace

Out<Tree> Recurrence::run(const Tensor& x, const Tree* carry, const Tree& ps,
                          const Tree& st) const {
  auto at_once = [&](const auto& stock) -> Ran {
    auto [out, st2] =
        stock.sequence(x, carry, ps, st, {.time_first = options_.ordering == Ordering::TimeFirst});
    auto last = out.c.defined() ? tuple({out.h, out.c}) : tuple({out.h});
    return {options_.return_sequence ? out.y : out.h, std::move(last), std::move(st2)};
  };
  auto ran = [&] {
    if (auto* lstm = cell_.as<LSTMCell>()) return at_once(*lstm);
    if (auto* gru = cell_.as<GRUCell>()) return at_once(*gru);
    if (auto* rnn = cell_.as<RNNCell>()) return at_once(*rnn);
    return step_through(*this, cell_, options_, x, carry, ps, st);
  }();
  Tree y = ran.y;
  if (options_.return_carry) y = tuple({std::move(y), std::move(ran.carry)});
  detail::report(*this, y);
  return {std::move(y), std::move(ran.st)};
}

Tree StatefulRecurrentCell::initial_states(Rng rng) const {
  return named({{"cell", luxtorch::initial_states(cell_, rng)}, {"carry", Tree()}});
}

Out<Tensor> StatefulRecurrentCell::operator()(const Tensor& x, const Tree& ps,
                                              const Tree& st) const {
  const auto& carry = st["carry"];
  auto [out, cell] = cell_.step(x, carry.is_none() ? nullptr : &carry, ps, st["cell"]);
  detail::report(*this, out.y);
  return {out.y, named({{"cell", std::move(cell)}, {"carry", std::move(out.carry)}})};
}

}  // namespace luxtorch
