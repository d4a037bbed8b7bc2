#include "metrics/batch.h"

#include <fmt/format.h>

#include "luxtorch/core/error.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch::metrics {

namespace {

std::string kind(const Tensor& t) { return t.defined() ? describe_kind(t) : "an undefined tensor"; }

void check_mask(const std::string& who, const Tensor& mask, ShapeView shape) {
  if (mask.scalar_type() == kBool && mask.sizes() == shape) return;
  throw ShapeError(who, fmt::format("expected a boolean mask of shape {}, got {}.",
                                    shape_text(shape), kind(mask)));
}

}  // namespace

int64_t class_dimension(const std::string& who, const Tensor& y_hat, int64_t dim) {
  if (dim < -y_hat.dim() || dim >= y_hat.dim()) {
    throw ArgumentError(who, fmt::format("expected dim to name a dimension of y_hat {}, got {}.",
                                         shape_text(y_hat.sizes()), dim));
  }
  return dim < 0 ? dim + y_hat.dim() : dim;
}

void check_labels_kind(const std::string& who, const Tensor& y) {
  if (y.defined() && c10::isIntegralType(y.scalar_type(), /*includeBool=*/true)) return;
  throw ShapeError(who, fmt::format("expected labels y of integers or booleans, got {}.", kind(y)));
}

Tensor scores(const std::string& who, const Tensor& y_hat, const Tensor& y, int64_t dim) {
  check_labels_kind(who, y);
  if (!y_hat.defined() || !y_hat.is_floating_point() || y_hat.dim() == 0)
    throw ShapeError(who,
                     fmt::format("expected scores y_hat (..., classes), got {}.", kind(y_hat)));
  const Tensor last = y_hat.movedim(class_dimension(who, y_hat, dim), -1);
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
  check_labels_kind(who, y);
  if (!y_hat.defined() || y_hat.sizes() != y.sizes()) return scores(who, y_hat, y, dim).argmax(-1);
  if (y_hat.is_floating_point()) return transforms::detached(y_hat).gt(threshold).to(kInt64);
  check_labels_kind(who, y_hat);
  return y_hat.to(kInt64);
}

Tensor used(const std::string& who, const Tensor& x, const Tensor& mask) {
  if (!mask.defined()) return x.reshape({-1});
  check_mask(who, mask, x.sizes());
  return x.masked_select(mask);
}

Tensor used_rows(const std::string& who, const Tensor& x, const Tensor& mask) {
  const Tensor rows = x.reshape({-1, x.size(-1)});
  if (!mask.defined()) return rows;
  check_mask(who, mask, x.sizes().slice(0, x.dim() - 1));
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
