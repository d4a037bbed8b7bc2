#include <ATen/ops/cat.h>

#include "layers/sequence_call.h"
#include "luxtorch/layers/sequence.h"

namespace luxtorch {

Tree Merging::operator()(const Tensor& forward, const Tensor& backward) const {
  if (function_) return function_(forward, backward);
  switch (merge_) {
    case Merge::Sum:
      return forward.add(backward);
    case Merge::Product:
      return forward.mul(backward);
    case Merge::Average:
      return forward.add(backward).div(2);
    case Merge::None:
      return tuple({forward, backward});
    case Merge::Concatenation:
      break;
  }
  return at::cat({forward, backward}, -1);
}

namespace detail {

const Tree* carry_part(const Owner& owner, const Tree* carry, const std::string& name) {
  if (!carry) return nullptr;
  if (carry->is_named() && carry->contains(name)) return &(*carry)[name];
  owner.refuse<TreeError>(fmt::format("expected a carry with a part {}, as ps has, got {}.", name,
                                      describe_kind(*carry)));
}

BothRun run_both(const SequenceCell& forward, const SequenceCell& backward,
                 const SequenceCall& call, const Tree& ps, const Tree& st) {
  auto run = [&](const SequenceCell& cell, const char* name, bool reverse) {
    SequenceInput in{call.in.x, carry_part(call.owner, call.in.carry, name), call.in.lengths};
    return cell.run({call.owner, in, call.time_first, reverse, call.all}, ps[name], st[name]);
  };
  auto f = run(forward, "forward_rnn", false), b = run(backward, "backward_rnn", true);
  return {std::move(f.y), std::move(b.y),
          named({{"forward_rnn", std::move(f.carry)}, {"backward_rnn", std::move(b.carry)}}),
          named({{"forward_rnn", std::move(f.st)}, {"backward_rnn", std::move(b.st)}})};
}

}  // namespace detail

Out<Tree> BidirectionalRNN::operator()(const Tree& x, const Tree& ps, const Tree& st) const {
  return run(detail::sequence_input(detail::Owner(*this), x), ps, st);
}
Out<Tree> BidirectionalRNN::operator()(const Tensor& x, const Tree& carry, const Tree& ps,
                                       const Tree& st) const {
  return run(detail::sequence_input(detail::Owner(*this), x, carry), ps, st);
}
Out<Tree> BidirectionalRNN::operator()(const Tensor& x, const Tree& carry, const Tensor& lengths,
                                       const Tree& ps, const Tree& st) const {
  return run(detail::sequence_input(detail::Owner(*this), x, carry, lengths), ps, st);
}

Out<Tree> BidirectionalRNN::run(detail::SequenceInput in, const Tree& ps, const Tree& st) const {
  detail::Owner owner(*this);
  bool time_first = options_.ordering == Ordering::TimeFirst;
  in.lengths = detail::checked_lengths(owner, in.x, in.lengths, time_first);
  auto ran = detail::run_both(forward_, backward_,
                              {owner, in, time_first, false, options_.return_sequence}, ps, st);
  auto y = options_.merge(ran.forward, ran.backward);
  if (options_.return_carry) y = tuple({std::move(y), std::move(ran.carry)});
  detail::report(*this, y);
  return {std::move(y), std::move(ran.st)};
}

}  // namespace luxtorch
