#include "metrics/batch.h"

#include <fmt/format.h>

#include "losses/loss_masks.h"
#include "luxtorch/core/error.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch::metrics {

namespace {

void check_mask(const std::string& who, const Tensor& mask, const Tensor& x, ShapeView shape) {
  if (mask.scalar_type() != kBool || mask.sizes() != shape)
    throw ShapeError(who, fmt::format("expected a boolean mask of shape {}, got {}.",
                                      shape_text(shape), describe_kind(mask)));
  if (mask.device() != x.device())
    throw ShapeError(who,
                     fmt::format("expected y_hat, y and the mask on one device, got {} and {}.",
                                 x.device().str(), mask.device().str()));
}

}  // namespace

Tensor whole_labels(const std::string& who, const Tensor& y, const Tensor& mask) {
  if (!y.defined() || y.is_complex())
    throw ShapeError(who, fmt::format("expected labels y of whole numbers or booleans, got {}.",
                                      describe_kind(y)));
  if (!y.is_floating_point()) return y.to(kInt64);
  const Tensor plain = transforms::detached(y);
  Tensor wrong = plain.ne(plain.trunc()).logical_or(plain.isfinite().logical_not());
  if (mask.defined() && mask.scalar_type() == kBool && mask.sizes() == y.sizes())
    wrong = wrong.logical_and(mask);
  if (wrong.any().item<bool>())
    throw ArgumentError(who, fmt::format("expected labels y of whole numbers, got {}.",
                                         plain.masked_select(wrong)[0].item<double>()));
  return plain.nan_to_num().to(kInt64);
}

Tensor scores(const std::string& who, const Tensor& y_hat, const Tensor& y, int64_t dim) {
  if (!y_hat.defined() || !y_hat.is_floating_point() || y_hat.dim() == 0)
    throw ShapeError(
        who, fmt::format("expected scores y_hat (..., classes), got {}.", describe_kind(y_hat)));
  const Tensor last = y_hat.movedim(detail::class_dimension(who.c_str(), y_hat, dim), -1);
  const auto shape = last.sizes().slice(0, last.dim() - 1);
  if (y.sizes() != shape || last.size(-1) == 0) {
    throw ShapeError(
        who, fmt::format("expected labels of y_hat's shape without its classes, {}, got "
                         "y_hat {} and y {}.",
                         shape_text(shape), shape_text(y_hat.sizes()), shape_text(y.sizes())));
  }
  return transforms::detached(last);
}

Tensor predictions(const std::string& who, const Tensor& y_hat, const Tensor& y, int64_t dim,
                   double threshold) {
  if (!y_hat.defined() || y_hat.sizes() != y.sizes()) {
    const Tensor last = scores(who, y_hat, y, dim);
    return last.argmax(-1).masked_fill(last.isnan().any(-1), kNoPrediction);
  }
  if (y_hat.is_floating_point()) {
    const Tensor p = transforms::detached(y_hat);
    return p.gt(threshold).to(kInt64).masked_fill(p.isnan(), kNoPrediction);
  }
  return whole_labels(who, y_hat, {});
}

Tensor used(const std::string& who, const Tensor& x, const Tensor& mask) {
  if (!mask.defined()) return x.reshape({-1});
  check_mask(who, mask, x, x.sizes());
  return x.masked_select(mask);
}

Tensor used_rows(const std::string& who, const Tensor& x, const Tensor& mask) {
  const Tensor rows = x.reshape({-1, x.size(-1)});
  if (!mask.defined()) return rows;
  check_mask(who, mask, x, x.sizes().slice(0, x.dim() - 1));
  return rows.index_select(0, mask.reshape({-1}).nonzero().reshape({-1}));
}

void check_range(const std::string& who, const char* what, const Tensor& labels, int64_t classes) {
  if (labels.numel() == 0) return;
  const int64_t least = labels.min().item<int64_t>(), most = labels.max().item<int64_t>();
  if (least >= 0 && most < classes) return;
  throw ArgumentError(
      who, fmt::format("expected {} in [0, {}), got {}.", what, classes, least < 0 ? least : most));
}

Tree added(const Tree& state, const char* key, const Tensor& more) {
  return state.with(key, state[key].tensor().to(more.device()).add(more));
}

}  // namespace luxtorch::metrics
