// One cell over sequences: a stock cell runs all steps in one call of the operators, any other is
// stepped.
#include <ATen/ops/ones_like.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include <vector>

#include "layers/sequence_call.h"
#include "layers/tokens.h"
#include "ops/fast_path.h"
#include "ops/padding.h"

namespace luxtorch::detail {

SequenceCell::SequenceCell(const char* who, Layer cell) : cell_(std::move(cell)) {
  if (!cell_.is_cell()) {
    throw ArgumentError(
        who,
        "expected a cell, whose calls (x, ps, st) and (x, carry, ps, st) return Out<Step>, got " +
            cell_.label() + ".");
  }
  if (auto* rnn = cell_.as<RNNCell>()) stock_ = rnn;
  if (auto* lstm = cell_.as<LSTMCell>()) stock_ = lstm;
  if (auto* gru = cell_.as<GRUCell>()) stock_ = gru;
}

namespace {

// h is a row's own last y, save where the row has none.
Tensor last_of(const Tensor& h, const Tensor& lengths) {
  if (!lengths.defined()) return h;
  auto none = lengths.eq(0);
  if (!ops::is_indirect(lengths) && !none.any().item<bool>()) return h;
  none = none.to(h.device());
  return h.masked_fill(h.dim() == 1 ? none : none.unsqueeze(1), 0);
}

template <class C>
SequenceRun run_at_once(const C& cell, const SequenceCall& call, const Tree& ps, const Tree& st) {
  const auto& [x, carry, lengths] = call.in;
  auto [out, st2] = cell.sequence(x, carry, ps, st,
                                  {.time_first = call.time_first,
                                   .reverse = call.reverse,
                                   .lengths = lengths,
                                   .sequence = call.all});
  auto last = out.c.defined() ? tuple({out.h, out.c}) : tuple({out.h});
  return {call.all ? out.y : last_of(out.h, lengths), std::move(last), std::move(st2)};
}

bool has_rows(const ops::Padding& padding, const Tree& leaf) {
  if (!leaf.is_tensor() || !leaf.tensor().defined() || leaf.tensor().dim() == 0) return false;
  return leaf.tensor().size(0) == padding.batch();
}

// Tensors with a row for each of the batch keep the rows that have ended; what else a carry holds
// moves on.
Tree kept_carry(const ops::Padding& padding, int64_t t, const Tree& now, const Tree& before) {
  return tree::zip(
      [&](const Tree& a, const Tree& b) -> Tree {
        bool rows =
            has_rows(padding, a) && b.is_tensor() && a.tensor().sizes() == b.tensor().sizes();
        return rows ? Tree(padding.keep(t, a.tensor(), b.tensor())) : a;
      },
      now, before);
}

// Steps of a cell that goes on for all rows. Those that have ended do a step of the longest row:
// zeros could be where the cell has no finite derivative, and 0 times infinity is NaN.
class LentSteps {
 public:
  explicit LentSteps(const ops::Padding& padding) : padding_(padding) {}

  Tensor input(int64_t t, const Tensor& x) {
    if (padding_.full(t)) return x;
    if (!input_.defined() && padding_.batch() > 0) {
      const auto row = x.narrow(0, 0, 1);
      input_ = x.is_floating_point() ? at::ones_like(row) : at::zeros_like(row);
    }
    return padding_.lent(t, x, input_);
  }
  Tree carry(int64_t t, const Tree& carry) {
    if (padding_.full(t)) return carry;
    size_t leaf = 0;
    return tree::map(
        [&](const Tree& part) -> Tree {
          if (!has_rows(padding_, part)) return part;
          if (leaf == carry_.size()) carry_.emplace_back();
          return padding_.lent(t, part.tensor(), carry_[leaf++]);
        },
        carry);
  }

 private:
  const ops::Padding& padding_;
  Tensor input_;               // what they were lent last
  std::vector<Tensor> carry_;  // by tensor with rows
};

SequenceRun step_through(const Layer& cell, const SequenceCall& call, const Tree& ps,
                         const Tree& st) {
  const auto& x = call.in.x;
  const Tree* carry = call.in.carry;
  int64_t time = call.time_first ? 0 : 1;
  bool single = is_unbatched(x);  // runs as a batch of one
  if ((x.dim() < 2 && !single) || x.size(single ? 0 : time) == 0) {
    call.owner.refuse(
        fmt::format("expected x of shape ({}, ...) with at least one time step, got {}.",
                    time == 0 ? "time, batch" : "batch, time", shape_text(x.sizes())));
  }
  if (single) {
    auto add = [](const Tensor& t) { return t.unsqueeze(0); };
    auto remove = [](const Tensor& t) { return t.squeeze(0); };
    Tree batched = carry ? tree::map_tensors(add, *carry) : Tree();
    SequenceInput in{x.unsqueeze(1 - time), carry ? &batched : nullptr, call.in.lengths};
    auto ran =
        step_through(cell, {call.owner, in, call.time_first, call.reverse, call.all}, ps, st);
    return {ran.y.squeeze(call.all ? 1 - time : 0), tree::map_tensors(remove, ran.carry), ran.st};
  }

  ops::Padding padding(call.in.lengths, x, time);
  auto xs = x.narrow(time, 0, padding.steps());
  LentSteps lent(padding);
  if (call.reverse) xs = padding.reversed(xs);
  std::vector<Tensor> ys;
  Out<Step> out{{}, st};
  Tensor last;
  int64_t t = 0;
  for (const auto& x_t : xs.unbind(time)) {
    const Tree from = carry ? lent.carry(t, *carry) : Tree();
    auto next = cell.step(lent.input(t, x_t), carry ? &from : nullptr, ps, out.second);
    auto& [y, now] = next.first;
    if (padding.full(t)) {
      last = y;
    } else {
      // What a row without steps starts from, its cell alone knows, if the call does not say it.
      auto zeros = [](const Tensor& part) { return at::zeros_like(part); };
      now = kept_carry(padding, t, now, carry ? *carry : tree::map_tensors(zeros, now));
      last = padding.keep(t, y, last.defined() ? last : at::zeros_like(y));
    }
    if (call.all) ys.push_back(y);
    out = std::move(next);
    carry = &out.first.carry;
    ++t;
  }
  if (call.all) {
    last = at::stack(ys, time);
    if (call.reverse) last = padding.reversed(last);
    last = padding.padded(last);
  }
  return {std::move(last), std::move(out.first.carry), std::move(out.second)};
}

}  // namespace

SequenceRun SequenceCell::run(const SequenceCall& call, const Tree& ps, const Tree& st) const {
  return std::visit(
      [&](auto stock) -> SequenceRun {
        if constexpr (std::same_as<decltype(stock), std::monostate>) {
          return step_through(cell_, call, ps, st);
        } else {
          return run_at_once(*stock, call, ps, st);
        }
      },
      stock_);
}

}  // namespace luxtorch::detail
