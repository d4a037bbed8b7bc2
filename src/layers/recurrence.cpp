#include "layer_setup.h"
#include "layers/sequence_call.h"

namespace luxtorch {

Recurrence::Recurrence(Erased, Layer cell, RecurrenceOptions options)
    : cell_("Recurrence", std::move(cell)), options_(options) {}

Out<Tree> Recurrence::operator()(const Tree& x, const Tree& ps, const Tree& st) const {
  return run(detail::sequence_input(detail::Owner(*this), x), ps, st);
}
Out<Tree> Recurrence::operator()(const Tensor& x, const Tree& carry, const Tree& ps,
                                 const Tree& st) const {
  return run(detail::sequence_input(detail::Owner(*this), x, carry), ps, st);
}
Out<Tree> Recurrence::operator()(const Tensor& x, const Tree& carry, const Tensor& lengths,
                                 const Tree& ps, const Tree& st) const {
  return run(detail::sequence_input(detail::Owner(*this), x, carry, lengths), ps, st);
}

Out<Tree> Recurrence::run(detail::SequenceInput in, const Tree& ps, const Tree& st) const {
  detail::Owner owner(*this);
  bool time_first = options_.ordering == Ordering::TimeFirst;
  in.lengths = detail::checked_lengths(owner, in.x, in.lengths, time_first);
  auto ran = cell_.run({owner, in, time_first, false, options_.return_sequence}, ps, st);
  Tree y = std::move(ran.y);
  if (options_.return_carry) y = tuple({std::move(y), std::move(ran.carry)});
  detail::report(*this, y);
  return {std::move(y), std::move(ran.st)};
}

namespace {

bool of_another_batch(const Tree& carry, const Tensor& x) {
  for (const auto& part : tree::tensors(carry)) {
    if (x.dim() > 0 && part.dim() > 0) return part.size(0) != x.size(0);
  }
  return false;
}

}  // namespace

Tree StatefulRecurrentCell::initial_states(Rng rng) const {
  return named(
      {{"cell", detail::draw_part(describe(cell_), Initial::states, rng)}, {"carry", Tree()}});
}

Out<Tensor> StatefulRecurrentCell::operator()(const Tensor& x, const Tree& ps,
                                              const Tree& st) const {
  const auto& carry = st["carry"];
  auto [out, cell] = [&] {
    try {
      return cell_.step(x, carry.is_none() ? nullptr : &carry, ps, st["cell"]);
    } catch (Error& error) {
      if (!of_another_batch(carry, x)) throw;
      error.append_(
          "The carry is that of the call before, whose batch had another size: update_state(st, "
          "\"carry\", Tree()) starts a new sequence, and .partial = false keeps a smaller last "
          "batch out of a DataLoader.");
      throw;
    }
  }();
  detail::report(*this, out.y);
  return {out.y, named({{"cell", std::move(cell)}, {"carry", std::move(out.carry)}})};
}

}  // namespace luxtorch
