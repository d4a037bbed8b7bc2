// Losses of probabilities and classes.
#include <ATen/ExpandUtils.h>
#include <ATen/ops/aminmax.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/nll_loss.h>
#include <ATen/ops/rsub.h>
#include <ATen/ops/where.h>
#include <ATen/ops/xlogy.h>
#include <fmt/format.h>

#include <algorithm>

#include "losses/loss_fused.h"
#include "losses/loss_masks.h"
#include "losses/loss_terms.h"
#include "luxtorch/losses/loss.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch {

using detail::class_dimension;
using detail::epsilon_for;
using detail::finish;
using detail::FusedLoss;
using detail::reduction;

namespace {

template <class Loss>
std::optional<Tensor> fused(FusedLoss::Kind kind, const Loss& loss, const Tensor& y_hat,
                            const Tensor& y) {
  if (loss.agg.kind() != Agg::mean && loss.agg.kind() != Agg::sum) return std::nullopt;
  return detail::fused_loss({.kind = kind,
                             .epsilon = epsilon_for(y_hat, loss.epsilon),
                             .smoothing = loss.label_smoothing,
                             .mean = loss.agg.kind() == Agg::mean},
                            y_hat, y);
}

}  // namespace

namespace {

void check_pos_weight(const Tensor& y_hat, const Tensor& weight) {
  const bool broadcasts =
      weight.dim() <= y_hat.dim() && at::is_expandable_to(weight.sizes(), y_hat.sizes());
  if (weight.scalar_type() == y_hat.scalar_type() && weight.device() == y_hat.device() &&
      broadcasts)
    return;
  throw ShapeError("BinaryCrossEntropyLoss",
                   "expected pos_weight to be a " + dtype_text(y_hat.scalar_type()) +
                       " tensor that broadcasts to y_hat " + shape_text(y_hat.sizes()) + " on " +
                       y_hat.device().str() + ", got " + describe_kind(weight) + " on " +
                       weight.device().str() + ".");
}

}  // namespace

Tensor BinaryCrossEntropyLoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  constexpr auto kWho = "BinaryCrossEntropyLoss";
  detail::check_smoothing(kWho, label_smoothing);
  const Tensor raw = detail::target(kWho, y_hat, y, agg);
  const bool weighted = pos_weight.defined();
  if (weighted) check_pos_weight(y_hat, pos_weight);
  if (logits) {
    const Tensor t = detail::smoothed(raw, label_smoothing, 2);
    if (!weighted)
      return finish(agg, at::binary_cross_entropy_with_logits(y_hat, t, {}, {}, reduction(agg)));
    // -log(1 - sigmoid(x)) is -log_sigmoid(-x).
    const Tensor ones = t.mul(transforms::detached(pos_weight)).mul(at::log_sigmoid(y_hat));
    return agg(ones.add(at::rsub(t, 1).mul(at::log_sigmoid(y_hat.neg()))).neg());
  }
  const double e = epsilon_for(y_hat, epsilon);
  if (!weighted) {
    if (auto loss = fused(FusedLoss::binary_cross_entropy, *this, y_hat, raw)) return *loss;
  }
  const Tensor t = detail::smoothed(raw, label_smoothing, 2);
  Tensor positive = at::xlogy(t, y_hat.add(e));
  if (weighted) positive = positive.mul(transforms::detached(pos_weight));
  const Tensor negative = at::xlogy(at::rsub(t, 1), at::rsub(y_hat, 1).add(e));
  return agg(positive.add(negative).neg());
}

namespace {

constexpr auto kCrossEntropy = "CrossEntropyLoss";

// As one node.
std::optional<Tensor> fused_cross_entropy(const CrossEntropyLoss& loss, const Tensor& y_hat,
                                          const Tensor& y, int64_t dim) {
  if (!loss.logits || dim != y_hat.dim() - 1 || loss.class_weights.defined()) return std::nullopt;
  return fused(FusedLoss::cross_entropy_of_logits, loss, y_hat, y);
}

bool is_integer(const Tensor& t) {
  return c10::isIntegralType(t.scalar_type(), /*includeBool=*/false);
}

// torch itself skips a label of -100 and, on a GPU, stops the process for one that is too large.
void check_labels(const Tensor& given, int64_t classes, std::optional<int64_t> ignored) {
  if (given.numel() == 0) return;
  const Tensor labels = transforms::underlying(given);
  const transforms::Outside outside;
  int64_t least, most;
  if (labels.device().is_cpu() && labels.is_contiguous()) {
    const auto* first = labels.const_data_ptr<int64_t>();
    const auto [low, high] = std::minmax_element(first, first + labels.numel());
    least = *low, most = *high;
  } else {
    const auto [low, high] = at::aminmax(labels);
    least = low.item<int64_t>(), most = high.item<int64_t>();
  }
  if (least >= 0 && most < classes) return;
  throw ArgumentError(kCrossEntropy,
                      fmt::format("expected labels in [0, {}){}, got {}.", classes,
                                  ignored ? fmt::format(" or ignore_index {}", *ignored) : "",
                                  least < 0 ? least : most));
}

void check_class_weights(const Tensor& weights, const Tensor& y_hat, int64_t classes) {
  if (weights.scalar_type() == y_hat.scalar_type() && weights.device() == y_hat.device() &&
      weights.sizes() == ShapeView({classes}))
    return;
  throw ShapeError(kCrossEntropy,
                   "expected class_weights to be a " + dtype_text(y_hat.scalar_type()) +
                       " tensor of shape " + shape_text({classes}) + " on " + y_hat.device().str() +
                       ", got " + describe_kind(weights) + " on " + weights.device().str() + ".");
}

// log p with the classes last.
Tensor log_probabilities(const CrossEntropyLoss& loss, const Tensor& y_hat, int64_t dim) {
  return (loss.logits ? at::log_softmax(y_hat, dim)
                      : y_hat.add(epsilon_for(y_hat, loss.epsilon)).log())
      .movedim(dim, -1);
}

// -log p of the labels' classes. torch has no batching rule for nll_loss.
Tensor of_wanted(const Tensor& log_p, const Tensor& wanted) {
  if (transforms::active()) return log_p.gather(-1, wanted.unsqueeze(-1)).squeeze(-1).neg();
  return at::nll_loss(log_p.reshape({-1, log_p.size(-1)}), wanted.reshape({-1}), {},
                      at::Reduction::None)
      .reshape(wanted.sizes());
}

// -sum(w t log p) over the classes for t one-hot, smoothed, and class weights w.
Tensor of_labels(const CrossEntropyLoss& loss, const Tensor& y_hat, const Tensor& labels,
                 const Tensor& mask, int64_t dim) {
  auto shape = y_hat.sizes().vec();
  shape.erase(shape.begin() + dim);
  if (labels.sizes() != ShapeView(shape)) {
    throw ShapeError(kCrossEntropy, "expected labels of y_hat's shape without its classes, " +
                                        shape_text(shape) + ", got " + shape_text(labels.sizes()) +
                                        ".");
  }
  Tensor wanted = labels.to(kInt64), kept = mask, x = y_hat;
  if (loss.ignore_index) {
    const Tensor named = wanted.ne(*loss.ignore_index);
    kept = kept.defined() ? kept.logical_and(named) : named;
  }
  if (kept.defined()) {
    wanted = at::where(kept, wanted, 0);
    x = detail::where_kept(kept.unsqueeze(dim), y_hat);
  }
  const int64_t classes = y_hat.size(dim);
  check_labels(wanted, classes, loss.ignore_index);
  if (!kept.defined()) {
    if (auto value = fused_cross_entropy(loss, y_hat, wanted, dim)) return *value;
  }
  Tensor log_p = log_probabilities(loss, x, dim);
  Tensor single = of_wanted(log_p, wanted), weights;
  if (loss.class_weights.defined()) {
    const Tensor w = transforms::detached(loss.class_weights);
    weights = at::index_select(w, 0, wanted.reshape({-1})).reshape(shape);
    single = single.mul(weights);
    log_p = log_p.mul(w);
  }
  if (loss.label_smoothing != 0) {
    const double a = loss.label_smoothing;
    single = single.mul(1 - a).sub(log_p.sum(-1), a / static_cast<double>(classes));
  }
  return detail::aggregate(loss.agg, single, kept, weights);
}

Tensor of_probabilities(const CrossEntropyLoss& loss, const Tensor& y_hat, const Tensor& y,
                        const Tensor& mask, int64_t dim) {
  if (loss.ignore_index) {
    throw ArgumentError(kCrossEntropy,
                        "expected labels for ignore_index, got probabilities y of y_hat's shape. "
                        "Leave samples out with a mask: loss(y_hat, y, mask).");
  }
  Tensor raw = detail::target(kCrossEntropy, y_hat, y, mask.defined() ? Agg::none : loss.agg);
  Tensor x = y_hat;
  if (mask.defined()) {
    const Tensor wide = mask.unsqueeze(dim);
    raw = detail::where_kept(wide, raw);
    x = detail::where_kept(wide, y_hat);
  } else if (auto value = fused_cross_entropy(loss, y_hat, raw, dim)) {
    return *value;
  }
  const Tensor t = detail::smoothed(raw, loss.label_smoothing, y_hat.size(dim));
  Tensor terms = loss.logits ? at::log_softmax(x, dim).mul(t)
                             : at::xlogy(t, x.add(epsilon_for(y_hat, loss.epsilon)));
  if (loss.class_weights.defined())
    terms = terms.movedim(dim, -1).mul(transforms::detached(loss.class_weights)).movedim(-1, dim);
  return detail::aggregate(loss.agg, terms.sum(dim).neg(), mask);
}

}  // namespace

Tensor CrossEntropyLoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  return (*this)(y_hat, y, Tensor());
}

Tensor CrossEntropyLoss::operator()(const Tensor& y_hat, const Tensor& y,
                                    const Tensor& mask) const {
  const bool may_be_none = mask.defined() || ignore_index;
  detail::check_output(kCrossEntropy, y_hat, y, may_be_none ? Agg::none : agg);
  detail::check_smoothing(kCrossEntropy, label_smoothing);
  const int64_t d = class_dimension(kCrossEntropy, y_hat, dim);
  if (class_weights.defined()) check_class_weights(class_weights, y_hat, y_hat.size(d));
  if (mask.defined()) {
    auto shape = y_hat.sizes().vec();
    shape.erase(shape.begin() + d);
    detail::check_mask(kCrossEntropy, y_hat, mask, shape);
  }
  const bool labels = is_integer(y) && y.dim() == y_hat.dim() - 1;
  return labels ? of_labels(*this, y_hat, y, mask, d) : of_probabilities(*this, y_hat, y, mask, d);
}

Tensor BinaryFocalLoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  const Tensor t = detail::target("BinaryFocalLoss", y_hat, y, agg);
  const double e = epsilon_for(y_hat, epsilon);
  const Tensor p = y_hat.add(e);
  const Tensor p_t = t.mul(p).add(at::rsub(t, 1).mul(at::rsub(p, 1))).clamp_min(e);
  return agg(at::rsub(p_t, 1).clamp_min(0).pow(gamma).mul(p_t.log()).neg());
}

Tensor FocalLoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  const Tensor t = detail::target("FocalLoss", y_hat, y, agg);
  const Tensor p = y_hat.add(epsilon_for(y_hat, epsilon));
  const Tensor terms = t.mul(at::rsub(p, 1).clamp_min(0).pow(gamma)).mul(p.log());
  return agg(terms.sum(class_dimension("FocalLoss", y_hat, dim)).neg());
}

// Lux aggregates the two terms apart, which a function as agg can tell.
Tensor KLDivergenceLoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  return (*this)(y_hat, y, Tensor());
}

Tensor KLDivergenceLoss::operator()(const Tensor& y_hat, const Tensor& y,
                                    const Tensor& mask) const {
  constexpr auto kWho = "KLDivergenceLoss";
  const int64_t d = class_dimension(kWho, y_hat, dim);
  const auto [x, t] = mask.defined() ? detail::kept_classes(kWho, y_hat, y, mask, d)
                                     : std::pair(y_hat, detail::target(kWho, y_hat, y, agg));
  const CrossEntropyLoss cross{
      .dim = d, .agg = agg, .epsilon = epsilon, .label_smoothing = label_smoothing};
  return detail::aggregate(agg, at::xlogy(t, t).sum(d), mask).add(cross(x, t, mask));
}

}  // namespace luxtorch
