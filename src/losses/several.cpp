#include "luxtorch/losses/several.h"

#include <ATen/ExpandUtils.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/minimum.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/rsub.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "losses/loss_terms.h"
#include "ops/half_precision.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch {

namespace {

void check_above_zero(const char* who, const char* what, double x) {
  if (x > 0) return;
  throw ArgumentError(who, fmt::format("expected {} > 0, got {}.", what, x));
}

std::string text(const Tensor& t) {
  return t.defined() ? describe_kind(t) + " on " + t.device().str() : describe_kind(t);
}

// Is `other` of x's shape, dtype and device?
void check_as(const char* who, const char* name, const Tensor& x, const char* other_name,
              const Tensor& other) {
  if (other.defined() && other.sizes() == x.sizes() && other.scalar_type() == x.scalar_type() &&
      other.device() == x.device())
    return;
  throw ShapeError(
      who, fmt::format("expected {} and {} of one shape, dtype and device, got {} and {}.", name,
                       other_name, text(x), text(other)));
}

// x has features in its last dimension; agg has something to aggregate.
void check_features(const char* who, const char* name, const Tensor& x, const Agg& agg) {
  if (!x.defined() || !x.is_floating_point() || x.dim() == 0) {
    throw ShapeError(
        who,
        fmt::format("expected {} to be a floating tensor (..., features), got {}.", name, text(x)));
  }
  detail::check_output(who, x, x, agg);
}

void check_variance(const char* who, const Tensor& y_hat, const Tensor& variance) {
  if (!variance.defined() || variance.scalar_type() != y_hat.scalar_type() ||
      variance.device() != y_hat.device() || variance.dim() > y_hat.dim() ||
      !at::is_expandable_to(variance.sizes(), y_hat.sizes())) {
    throw ShapeError(
        who, fmt::format("expected a {} variance that broadcasts to y_hat {} on {}, got {}.",
                         dtype_text(y_hat.scalar_type()), shape_text(y_hat.sizes()),
                         y_hat.device().str(), text(variance)));
  }
  const Tensor values = transforms::underlying(variance);
  const transforms::Outside outside;
  if (values.numel() == 0 || !values.lt(0).any().item<bool>()) return;
  throw ArgumentError(who,
                      fmt::format("expected variances of at least 0, got {}. Make them positive "
                                  "with softplus or exp.",
                                  number_text(values.min().item<double>())));
}

}  // namespace

Tensor GaussianNLLLoss::operator()(const Tensor& y_hat, const Tensor& y,
                                   const Tensor& variance) const {
  constexpr auto kWho = "GaussianNLLLoss";
  check_above_zero(kWho, "epsilon", epsilon);
  const Tensor t = detail::target(kWho, y_hat, y, agg);
  check_variance(kWho, y_hat, variance);
  // The clamped values, with the gradient of the variances.
  const Tensor low = variance.lt(epsilon);
  const Tensor missing = transforms::detached(at::rsub(variance, epsilon)).mul(low);
  const Tensor v = variance.add(missing.masked_fill(low.logical_not(), 0));
  Tensor losses = v.log().add(y_hat.sub(t).square().div(v)).mul(0.5);
  if (full) losses = losses.add(0.5 * std::log(2 * std::numbers::pi));
  return agg(losses);
}

Tensor CosineEmbeddingLoss::operator()(const Tensor& x1, const Tensor& x2, const Tensor& y) const {
  constexpr auto kWho = "CosineEmbeddingLoss";
  check_features(kWho, "x1", x1, agg);
  check_as(kWho, "x1", x1, "x2", x2);
  auto shape = x1.sizes().vec();
  shape.pop_back();
  if (!y.defined() || y.sizes() != ShapeView(shape) || y.device() != x1.device()) {
    throw ShapeError(kWho, fmt::format("expected y of shape {} on {}, got {}.", shape_text(shape),
                                       x1.device().str(), text(y)));
  }
  // Squares of halves overflow, and kEpsilon is 0 among them.
  const Dtype dtype = x1.scalar_type(), wide = ops::sum_dtype(dtype);
  auto product = [&](const Tensor& a, const Tensor& b) {
    return a.to(wide).mul(b.to(wide)).sum(-1);
  };
  constexpr double kEpsilon = 1e-12;
  const Tensor length = product(x1, x1).add(kEpsilon).mul(product(x2, x2).add(kEpsilon)).sqrt();
  const Tensor cosine = product(x1, x2).div(length).to(dtype);
  const Tensor t = transforms::detached(y), zero = at::zeros_like(cosine);
  const Tensor same = at::where(t.eq(1), at::rsub(cosine, 1), zero);
  return agg(same.add(at::where(t.eq(-1), at::relu(cosine.sub(margin)), zero)));
}

Tensor TripletMarginLoss::operator()(const Tensor& anchor, const Tensor& positive,
                                     const Tensor& negative) const {
  constexpr auto kWho = "TripletMarginLoss";
  check_above_zero(kWho, "margin", margin);
  check_above_zero(kWho, "p", p);
  check_features(kWho, "anchor", anchor, agg);
  check_as(kWho, "anchor", anchor, "positive", positive);
  check_as(kWho, "anchor", anchor, "negative", negative);
  auto distance = [&](const Tensor& a, const Tensor& b) {
    return at::linalg_vector_norm(a.sub(b).add(epsilon), p, at::OptionalIntArrayRef({-1}));
  };
  Tensor far = distance(anchor, negative);
  if (swap) far = at::minimum(far, distance(positive, negative));
  return agg(at::relu(distance(anchor, positive).sub(far).add(margin)));
}

}  // namespace luxtorch
