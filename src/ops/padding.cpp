#include "ops/padding.h"

#include <ATen/ops/aminmax.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/flip.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/where.h>

#include <algorithm>

#include "ops/fast_path.h"

namespace luxtorch::ops {

namespace {

// mask with as many dimensions as t, whose first ones it has.
Tensor over(const Tensor& mask, const Tensor& t) {
  auto shape = mask.sizes().vec();
  shape.resize(static_cast<size_t>(t.dim()), 1);
  return mask.reshape(shape);
}

}  // namespace

Padding::Padding(const Tensor& lengths, const Tensor& x, int64_t time)
    : time_(time),
      batch_(x.size(1 - time)),
      all_steps_(x.size(time)),
      steps_(all_steps_),
      shortest_(all_steps_),
      lengths_(lengths) {
  if (!lengths.defined()) return;
  int64_t longest = 0;
  shortest_ = 0;
  if (is_indirect(lengths)) {
    longest = all_steps_;  // each sample of a vmap has its own
  } else if (lengths.numel() > 0) {
    auto [least, most] = at::aminmax(lengths);
    shortest_ = least.item<int64_t>(), longest = most.item<int64_t>();
  }
  steps_ = std::min(std::max<int64_t>(longest, 1), all_steps_);
  if (shortest_ >= steps_) return;
  missing_ = at::arange(steps_).unsqueeze(1).ge(lengths).to(x.device());
  missing_rows_ = missing_.unbind(0);
  longest_ = longest;
  if (batch_ > 0) longest_row_ = lengths.argmax(0, /*keepdim=*/true).to(x.device());
}

Tensor Padding::cleared(const Tensor& x) const {
  if (!missing_.defined()) return x;
  return x.masked_fill(over(time_ == 0 ? missing_ : missing_.t(), x), 0);
}

Tensor Padding::trimmed(const Tensor& x) const {
  return cleared(steps_ < all_steps_ ? x.narrow(time_, 0, steps_) : x);
}

Tensor Padding::keep(int64_t t, const Tensor& now, const Tensor& before) const {
  if (full(t)) return now;
  return at::where(over(missing_rows_[static_cast<size_t>(t)], now), before, now);
}

Tensor Padding::lent(int64_t t, const Tensor& rows, Tensor& spare) const {
  if (full(t) || batch_ == 0) return rows;
  const Tensor now = rows.index_select(0, longest_row_);
  if (!spare.defined()) {
    spare = now;
  } else if (is_indirect(lengths_)) {
    spare = at::where(over(lengths_.max().gt(t).to(rows.device()).reshape({1}), now), now, spare);
  } else if (t < longest_) {
    spare = now;
  }
  return at::where(over(missing_rows_[static_cast<size_t>(t)], rows), spare, rows);
}

Tensor Padding::reversed(const Tensor& x) const {
  if (!missing_.defined()) return at::flip(x, {time_});
  auto t = at::arange(steps_).unsqueeze(1);
  auto from = at::where(t.lt(lengths_), lengths_.sub(t).sub(1), t).to(x.device());
  return at::gather(x, time_, over(time_ == 0 ? from : from.t(), x).expand_as(x));
}

Tensor Padding::padded(const Tensor& y) const {
  auto kept = cleared(y);
  if (steps_ == all_steps_) return kept;
  auto shape = y.sizes().vec();
  shape[static_cast<size_t>(time_)] = all_steps_ - steps_;
  return at::cat({kept, y.new_zeros(shape)}, time_);
}

}  // namespace luxtorch::ops
