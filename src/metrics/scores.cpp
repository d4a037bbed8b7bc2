#include "luxtorch/metrics/scores.h"

#include <ATen/ops/_unique2.h>
#include <ATen/ops/log_softmax.h>
#include <fmt/format.h>

#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/metrics/classes.h"
#include "metrics/batch.h"
#include "ops/half_precision.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch::metrics {

namespace {

const TensorOptions kDouble{.dtype = kFloat64};

// y_hat as float64 without a graph; ShapeError unless it is floating and of y's shape.
Tensor numbers_like(const char* who, const Tensor& y_hat, const Tensor& y) {
  if (y_hat.defined() && y.defined() && y_hat.is_floating_point() && y_hat.sizes() == y.sizes())
    return transforms::detached(y_hat).to(kFloat64);
  throw ShapeError(who, fmt::format("expected y_hat floating and y of its shape, got {} and {}.",
                                    describe_kind(y_hat), describe_kind(y)));
}

// Vectors, each longer than the next, so that n scores in batches are copied log(n) times and not n.
Tree joined(const Tree& a, const Tree& b) {
  std::vector<Tree> parts(a.elements().begin(), a.elements().end());
  for (const Tree& next : b.elements()) {
    Tensor last = next.tensor();
    while (!parts.empty() && parts.back().tensor().numel() <= last.numel()) {
      last = cat({parts.back().tensor().to(last.device()), last});
      parts.pop_back();
    }
    parts.emplace_back(last);
  }
  return tuple(std::move(parts));
}
Tensor whole(const Tree& parts) {
  std::vector<Tensor> vectors;
  for (const Tree& part : parts.elements())
    vectors.push_back(part.tensor().to(parts[0].tensor().device()));
  return cat(vectors);
}

}  // namespace

Tree AUROC::init() const {
  return named({{"scores", tuple({zeros({0}, kDouble)})},
                {"positive", tuple({zeros({0}, {.dtype = kBool})})}});
}

Tree AUROC::update(const Tree& state, const Tensor& y_hat, const Tensor& y,
                   const Tensor& mask) const {
  constexpr auto kWho = "metrics::AUROC";
  const Tensor all_labels = whole_labels(kWho, y, mask);
  const Tensor scores = used(kWho, numbers_like(kWho, y_hat, y), mask);
  const Tensor labels = used(kWho, all_labels, mask);
  check_range(kWho, "labels", labels, 2);
  if (scores.isnan().any().item<bool>())
    throw ArgumentError(kWho, "expected scores that are numbers, got NaN.");
  return merge(state,
               named({{"scores", tuple({scores})}, {"positive", tuple({labels.to(kBool)})}}));
}

Tree AUROC::merge(const Tree& a, const Tree& b) const {
  return named({{"scores", joined(a["scores"], b["scores"])},
                {"positive", joined(a["positive"], b["positive"])}});
}

Tensor AUROC::value(const Tree& state) const {
  const Tensor positive = whole(state["positive"]).to(kFloat64);
  const auto [sorted, place, counts] =
      at::_unique2(whole(state["scores"]), /*sorted=*/true, /*return_inverse=*/true,
                   /*return_counts=*/true);
  // Equal scores share the mean of their ranks, which begin at 1.
  const Tensor many = counts.to(kFloat64);
  const Tensor ranks = many.cumsum(0).sub(many.sub(1).div(2)).index_select(0, place);
  const Tensor p = positive.sum(), n = positive.neg().add(1).sum();
  return ranks.mul(positive).sum().sub(p.mul(p.add(1)).div(2)).div(p.mul(n));
}

Tree R2::init() const {
  const Tensor zero = zeros({}, kDouble);
  return named({{"count", zero}, {"mean", zero}, {"squares", zero}, {"residuals", zero}});
}

Tree R2::update(const Tree& state, const Tensor& y_hat, const Tensor& y, const Tensor& mask) const {
  constexpr auto kWho = "metrics::R2";
  const Tensor predicted = used(kWho, numbers_like(kWho, y_hat, y), mask);
  if (predicted.numel() == 0) return state;
  const Tensor wanted = used(kWho, transforms::detached(y).to(kFloat64), mask);
  const Tensor mean = wanted.mean();
  return merge(
      state, named({{"count", full({}, wanted.numel(), {.dtype = kFloat64, .device = y.device()})},
                    {"mean", mean},
                    {"squares", wanted.sub(mean).square().sum()},
                    {"residuals", wanted.sub(predicted).square().sum()}}));
}

Tree R2::merge(const Tree& a, const Tree& b) const {
  const Device device = b["count"].tensor().device();
  auto both = [&](const char* key) {
    return std::pair{a[key].tensor().to(device), b[key].tensor()};
  };
  const auto [n, m] = both("count");
  const auto [mean_a, mean_b] = both("mean");
  const auto [squares_a, squares_b] = both("squares");
  const auto [residuals_a, residuals_b] = both("residuals");
  const Tensor total = n.add(m), some = total.masked_fill(total.eq(0), 1);
  const Tensor apart = mean_b.sub(mean_a);
  return named({{"count", total},
                {"mean", mean_a.add(apart.mul(m).div(some))},
                {"squares", squares_a.add(squares_b).add(apart.square().mul(n).mul(m).div(some))},
                {"residuals", residuals_a.add(residuals_b)}});
}

Tensor R2::value(const Tree& state) const {
  return state["residuals"].tensor().div(state["squares"].tensor()).neg().add(1);
}

Tree Perplexity::init() const {
  return named({{"loss", zeros({}, kDouble)}, {"count", zeros({}, {.dtype = kInt64})}});
}

Tree Perplexity::update(const Tree& state, const Tensor& y_hat, const Tensor& y,
                        const Tensor& mask) const {
  constexpr auto kWho = "metrics::Perplexity";
  const Tensor all_labels = whole_labels(kWho, y, mask);
  const Tensor rows = used_rows(kWho, scores(kWho, y_hat, y, dim), mask);
  const Tensor labels = used(kWho, all_labels, mask).unsqueeze(-1);
  check_range(kWho, "labels", labels, rows.size(-1));
  const Tensor wide = rows.to(ops::sum_dtype(rows.scalar_type()));
  const Tensor log_p = at::log_softmax(wide, -1).gather(-1, labels);
  const Tensor count = full({}, labels.numel(), {.dtype = kInt64, .device = y.device()});
  return added(added(state, "loss", log_p.sum(kFloat64).neg()), "count", count);
}

Tree Perplexity::merge(const Tree& a, const Tree& b) const { return sum_of_states(a, b); }

Tensor Perplexity::value(const Tree& state) const {
  return state["loss"].tensor().div(state["count"].tensor()).exp();
}

}  // namespace luxtorch::metrics
