// Losses of numbers; those of classes are in loss_classes.cpp.
#include "luxtorch/losses/loss.h"

#include <ATen/ops/huber_loss.h>
#include <ATen/ops/l1_loss.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/rsub.h>
#include <ATen/ops/where.h>
#include <ATen/ops/xlogy.h>
#include <fmt/format.h>

#include "losses/loss_masks.h"
#include "losses/loss_terms.h"
#include "transforms.h"

namespace luxtorch {

using detail::epsilon_for;
using detail::finish;
using detail::reduction;

#define LUXTORCH_LOSS_AS_OBJECTIVE(Loss)                                                          \
  LossOut Loss::operator()(const Layer& model, const Tree& ps, const Tree& st, const Tree& batch) \
      const {                                                                                     \
    return detail::supervised([this](const Tensor& y_hat, const Tensor& y,                        \
                                     const Tensor& mask) { return (*this)(y_hat, y, mask); },     \
                              model, ps, st, batch);                                              \
  }
LUXTORCH_LOSS_AS_OBJECTIVE(BinaryCrossEntropyLoss)
LUXTORCH_LOSS_AS_OBJECTIVE(CrossEntropyLoss)
LUXTORCH_LOSS_AS_OBJECTIVE(BinaryFocalLoss)
LUXTORCH_LOSS_AS_OBJECTIVE(FocalLoss)
LUXTORCH_LOSS_AS_OBJECTIVE(KLDivergenceLoss)
LUXTORCH_LOSS_AS_OBJECTIVE(MSELoss)
LUXTORCH_LOSS_AS_OBJECTIVE(MAELoss)
LUXTORCH_LOSS_AS_OBJECTIVE(HuberLoss)
LUXTORCH_LOSS_AS_OBJECTIVE(MSLELoss)
LUXTORCH_LOSS_AS_OBJECTIVE(PoissonLoss)
LUXTORCH_LOSS_AS_OBJECTIVE(HingeLoss)
LUXTORCH_LOSS_AS_OBJECTIVE(SquaredHingeLoss)
LUXTORCH_LOSS_AS_OBJECTIVE(DiceCoeffLoss)
LUXTORCH_LOSS_AS_OBJECTIVE(TverskyLoss)
LUXTORCH_LOSS_AS_OBJECTIVE(SiameseContrastiveLoss)
LUXTORCH_LOSS_AS_OBJECTIVE(GenericLossFunction)
#undef LUXTORCH_LOSS_AS_OBJECTIVE

#define LUXTORCH_MASKED_LOSS(Loss, masked)                                                    \
  Tensor Loss::operator()(const Tensor& y_hat, const Tensor& y, const Tensor& mask) const {   \
    return mask.defined() ? detail::masked(#Loss, *this, y_hat, y, mask) : (*this)(y_hat, y); \
  }
LUXTORCH_MASKED_LOSS(BinaryCrossEntropyLoss, masked_elements)
LUXTORCH_MASKED_LOSS(BinaryFocalLoss, masked_elements)
LUXTORCH_MASKED_LOSS(FocalLoss, masked_classes)
LUXTORCH_MASKED_LOSS(MSELoss, masked_elements)
LUXTORCH_MASKED_LOSS(MAELoss, masked_elements)
LUXTORCH_MASKED_LOSS(HuberLoss, masked_elements)
LUXTORCH_MASKED_LOSS(MSLELoss, masked_elements)
LUXTORCH_MASKED_LOSS(PoissonLoss, masked_elements)
LUXTORCH_MASKED_LOSS(HingeLoss, masked_elements)
LUXTORCH_MASKED_LOSS(SquaredHingeLoss, masked_elements)
LUXTORCH_MASKED_LOSS(DiceCoeffLoss, masked_sums)
LUXTORCH_MASKED_LOSS(TverskyLoss, masked_sums)
LUXTORCH_MASKED_LOSS(SiameseContrastiveLoss, masked_elements)
LUXTORCH_MASKED_LOSS(GenericLossFunction, masked_elements)
#undef LUXTORCH_MASKED_LOSS

Tensor MSELoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  const Tensor t = detail::target("MSELoss", y_hat, y, agg);
  // In torch's own operators vmap would be a loop over the samples.
  if (transforms::active()) return agg(y_hat.sub(t).square());
  return finish(agg, at::mse_loss(y_hat, t, reduction(agg)));
}

Tensor MAELoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  return finish(agg, at::l1_loss(y_hat, detail::target("MAELoss", y_hat, y, agg), reduction(agg)));
}

Tensor HuberLoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  const Tensor t = detail::target("HuberLoss", y_hat, y, agg);
  if (!(delta > 0))
    throw ArgumentError("HuberLoss", fmt::format("expected delta > 0, got {}.", delta));
  if (transforms::active()) {
    const Tensor far = y_hat.sub(t).abs();
    const Tensor square = far.square().mul(0.5), line = far.sub(delta / 2).mul(delta);
    return agg(at::where(far.le(delta), square, line));
  }
  return finish(agg, at::huber_loss(y_hat, t, reduction(agg), delta));
}

Tensor MSLELoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  const Tensor t = detail::target("MSLELoss", y_hat, y, agg);
  const double e = epsilon_for(y_hat, epsilon);
  return agg(y_hat.add(e).div(t.add(e)).log().square());
}

Tensor PoissonLoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  const Tensor t = detail::target("PoissonLoss", y_hat, y, agg);
  return agg(y_hat.sub(at::xlogy(t, y_hat.add(epsilon_for(y_hat, epsilon)))));
}

Tensor HingeLoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  const Tensor t = detail::target("HingeLoss", y_hat, y, agg);
  return agg(at::relu(at::rsub(y_hat.mul(t), 1)));
}

Tensor SquaredHingeLoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  const Tensor t = detail::target("SquaredHingeLoss", y_hat, y, agg);
  return agg(at::relu(at::rsub(y_hat.mul(t), 1)).square());
}

namespace {

// The sum of each sample; a tensor of one dimension is one sample.
Tensor sums(const Tensor& x) { return x.dim() > 1 ? x.flatten(1).sum(1) : x.sum(); }

}  // namespace

namespace {

// 1 - part / whole; 0 where the whole is, since there is nothing in such a sample.
Tensor of_ratio(const Tensor& part, const Tensor& whole) {
  const Tensor none = whole.eq(0);
  return at::rsub(part.div(whole.masked_fill(none, 1)), 1).masked_fill(none, 0);
}

}  // namespace

Tensor DiceCoeffLoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  const Tensor t = detail::target("DiceCoeffLoss", y_hat, y, agg);
  const Tensor shared = sums(t.mul(y_hat)).mul(2).add(smooth);
  const Tensor total = sums(y_hat.square()).add(sums(t.square())).add(smooth);
  return agg(of_ratio(shared, total));
}

Tensor TverskyLoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  const Tensor t = detail::target("TverskyLoss", y_hat, y, agg);
  if (!(alpha >= 0 && beta >= 0)) {
    throw ArgumentError(
        "TverskyLoss",
        fmt::format("expected alpha >= 0 and beta >= 0, got {} and {}.", alpha, beta));
  }
  const Tensor both = sums(t.mul(y_hat));
  const Tensor positive = sums(at::rsub(t, 1).mul(y_hat)),
               negative = sums(t.mul(at::rsub(y_hat, 1)));
  const Tensor total = both.add(positive, alpha).add(negative, beta).add(smooth);
  return agg(of_ratio(both.add(smooth), total));
}

Tensor SiameseContrastiveLoss::operator()(const Tensor& y_hat, const Tensor& y) const {
  const Tensor t = detail::target("SiameseContrastiveLoss", y_hat, y, agg);
  if (!(margin >= 0)) {
    throw ArgumentError("SiameseContrastiveLoss",
                        fmt::format("expected margin >= 0, got {}.", margin));
  }
  const Tensor near = at::rsub(t, 1).mul(y_hat.square());
  return agg(near.add(t.mul(at::relu(at::rsub(y_hat, margin)).square())));
}

Tensor GenericLossFunction::operator()(const Tensor& y_hat, const Tensor& y) const {
  if (!loss) throw ArgumentError("GenericLossFunction", "expected a function, got none.");
  return agg(loss(y_hat, detail::target("GenericLossFunction", y_hat, y, agg)));
}

}  // namespace luxtorch
