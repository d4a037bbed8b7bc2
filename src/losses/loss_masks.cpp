#include "losses/loss_masks.h"

#include <ATen/ops/where.h>

#include "ops/half_precision.h"
#include "text.h"

namespace luxtorch::detail {

void check_mask(const char* who, const Tensor& y_hat, const Tensor& mask, ShapeView shape) {
  if (mask.scalar_type() != kBool) {
    throw ShapeError(who, "expected a boolean mask, got " + describe_kind(mask) +
                              ". Convert it with .to(kBool).");
  }
  if (mask.sizes() != shape) {
    throw ShapeError(who, "expected a mask of shape " + shape_text(shape) + " for y_hat " +
                              shape_text(y_hat.sizes()) + ", got " + shape_text(mask.sizes()) +
                              ".");
  }
  if (mask.device() != y_hat.device()) {
    throw ShapeError(who, "expected y_hat and mask on one device, got " + y_hat.device().str() +
                              " and " + mask.device().str() +
                              ". Move one of them with .to(device).");
  }
}

Tensor where_kept(const Tensor& mask, const Tensor& x, double other) {
  return at::where(mask, x, other);
}

std::pair<Tensor, Tensor> kept_classes(const char* who, const Tensor& y_hat, const Tensor& y,
                                       const Tensor& mask, int64_t dim) {
  const Tensor t = target(who, y_hat, y, Agg::none);
  dim = class_dimension(who, y_hat, dim);
  auto shape = y_hat.sizes().vec();
  shape.erase(shape.begin() + dim);
  check_mask(who, y_hat, mask, shape);
  const Tensor wide = mask.unsqueeze(dim);
  return {where_kept(wide, y_hat), where_kept(wide, t)};
}

void check_losses(const char* who, const Tensor& losses, const Tensor& mask) {
  if (losses.sizes() == mask.sizes()) return;
  throw ShapeError(who, "expected a loss for each element of the mask, " +
                            shape_text(mask.sizes()) + ", got " + shape_text(losses.sizes()) + ".");
}

Tensor aggregate(const Agg& agg, const Tensor& losses, const Tensor& mask, const Tensor& weights) {
  if (!mask.defined() && !weights.defined()) return agg(losses);
  if (!agg.kind()) return agg(mask.defined() ? losses.masked_select(mask) : losses);
  const Tensor kept = mask.defined() ? where_kept(mask, losses, 0) : losses;
  if (agg.kind() != Agg::mean) return agg(kept);
  const Dtype dtype = losses.scalar_type();
  const Dtype wide = ops::sum_dtype(dtype);  // a sum may be too large for halves
  const Tensor count = !weights.defined() ? mask.sum()
                       : mask.defined()   ? where_kept(mask, weights, 0).sum(wide)
                                          : weights.sum(wide);
  const Tensor mean = kept.sum(wide).div(count.masked_fill(count.eq(0), 1));
  return mean.to(dtype);
}

int64_t class_dimension(const char* who, const Tensor& y_hat, int64_t dim) {
  if (dim < -y_hat.dim() || dim >= y_hat.dim()) {
    throw ArgumentError(who, "expected dim to name a dimension of y_hat " +
                                 shape_text(y_hat.sizes()) + ", got " + std::to_string(dim) + ".");
  }
  return dim < 0 ? dim + y_hat.dim() : dim;
}

}  // namespace luxtorch::detail
