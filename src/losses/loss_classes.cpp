// Losses of probabilities and classes.
#include <ATen/ops/aminmax.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/nll_loss.h>
#include <ATen/ops/rsub.h>
#include <ATen/ops/xlogy.h>
#include <fmt/format.h>

#include <algorithm>

#include "losses/loss_fused.h"
#include "losses/loss_terms.h"
#include "luxtorch/losses/loss.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch {

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

Tensor BinaryCrossEntropyLoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  constexpr auto kWho = "BinaryCrossEntropyLoss";
  detail::check_smoothing(kWho, label_smoothing);
  const Tensor raw = detail::target(kWho, y_hat, y, agg);
  if (logits) {
    const Tensor t = detail::smoothed(raw, label_smoothing, 2);
    return finish(agg, at::binary_cross_entropy_with_logits(y_hat, t, {}, {}, reduction(agg)));
  }
  const double e = epsilon_for(y_hat, epsilon);
  if (auto loss = fused(FusedLoss::binary_cross_entropy, *this, y_hat, raw)) return *loss;
  const Tensor t = detail::smoothed(raw, label_smoothing, 2);
  const Tensor positive = at::xlogy(t, y_hat.add(e));
  const Tensor negative = at::xlogy(at::rsub(t, 1), at::rsub(y_hat, 1).add(e));
  return agg(positive.add(negative).neg());
}

namespace {

constexpr auto kCrossEntropy = "CrossEntropyLoss";
// torch's log_softmax takes about 25 ns an element for rows of 2 to 15, and 1 to 2 ns from 16 on.
constexpr int64_t kManyClasses = 16;

// As one node where that is faster.
std::optional<Tensor> fused_cross_entropy(const CrossEntropyLoss& loss, const Tensor& y_hat,
                                          const Tensor& y, int64_t dim) {
  if (!loss.logits || dim != y_hat.dim() - 1 || y_hat.size(dim) >= kManyClasses)
    return std::nullopt;
  return fused(FusedLoss::cross_entropy_of_logits, loss, y_hat, y);
}

bool is_integer(const Tensor& t) {
  return c10::isIntegralType(t.scalar_type(), /*includeBool=*/false);
}

int64_t class_dimension(const char* who, const Tensor& y_hat, int64_t dim) {
  if (dim < -y_hat.dim() || dim >= y_hat.dim()) {
    throw ArgumentError(who, "expected dim to name a dimension of y_hat " +
                                 shape_text(y_hat.sizes()) + ", got " + std::to_string(dim) + ".");
  }
  return dim < 0 ? dim + y_hat.dim() : dim;
}

// torch itself skips a label of -100 and, on a GPU, stops the process for one that is too large.
void check_labels(const Tensor& given, int64_t classes) {
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
  throw ArgumentError(kCrossEntropy, fmt::format("expected labels in [0, {}), got {}.", classes,
                                                 least < 0 ? least : most));
}

// -sum(t log p) over the classes for t one-hot, smoothed.
Tensor of_labels(const CrossEntropyLoss& loss, const Tensor& y_hat, const Tensor& labels,
                 int64_t dim) {
  auto shape = y_hat.sizes().vec();
  shape.erase(shape.begin() + dim);
  if (labels.sizes() != ShapeView(shape)) {
    throw ShapeError(kCrossEntropy, "expected labels of y_hat's shape without its classes, " +
                                        shape_text(shape) + ", got " + shape_text(labels.sizes()) +
                                        ".");
  }
  const int64_t classes = y_hat.size(dim);
  const Tensor wanted = labels.to(kInt64);
  check_labels(wanted, classes);
  if (auto value = fused_cross_entropy(loss, y_hat, wanted, dim)) return *value;
  const Tensor log_p = (loss.logits ? at::log_softmax(y_hat, dim)
                                    : y_hat.add(epsilon_for(y_hat, loss.epsilon)).log())
                           .movedim(dim, -1);
  // torch has no batching rule for nll_loss.
  Tensor single = transforms::active() ? log_p.gather(-1, wanted.unsqueeze(-1)).squeeze(-1).neg()
                                       : at::nll_loss(log_p.reshape({-1, classes}),
                                                      wanted.reshape({-1}), {}, at::Reduction::None)
                                             .reshape(shape);
  if (loss.label_smoothing != 0) {
    const double a = loss.label_smoothing;
    single = single.mul(1 - a).sub(log_p.sum(-1), a / static_cast<double>(classes));
  }
  return loss.agg(single);
}

}  // namespace

Tensor CrossEntropyLoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  detail::check_output(kCrossEntropy, y_hat, y, agg);
  detail::check_smoothing(kCrossEntropy, label_smoothing);
  const int64_t d = class_dimension(kCrossEntropy, y_hat, dim);
  if (is_integer(y) && y.dim() == y_hat.dim() - 1) return of_labels(*this, y_hat, y, d);
  const Tensor raw = detail::target(kCrossEntropy, y_hat, y, agg);
  if (auto loss = fused_cross_entropy(*this, y_hat, raw, d)) return *loss;
  const Tensor t = detail::smoothed(raw, label_smoothing, y_hat.size(d));
  const Tensor terms = logits ? at::log_softmax(y_hat, d).mul(t)
                              : at::xlogy(t, y_hat.add(epsilon_for(y_hat, epsilon)));
  return agg(terms.sum(d).neg());
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

Tensor KLDivergenceLoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  const Tensor t = detail::target("KLDivergenceLoss", y_hat, y, agg);
  const Tensor entropy = at::xlogy(t, t).sum(class_dimension("KLDivergenceLoss", y_hat, dim));
  const CrossEntropyLoss cross{
      .dim = dim, .agg = agg, .epsilon = epsilon, .label_smoothing = label_smoothing};
  return agg(entropy).add(cross(y_hat, t));
}

}  // namespace luxtorch
