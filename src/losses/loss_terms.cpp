#include "losses/loss_terms.h"

#include <ATen/core/Reduction.h>
#include <fmt/format.h>

#include <limits>

#include "autocast.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch {

Tensor Agg::operator()(const Tensor& losses) const {
  if (!kind_) return function_(losses);
  return *kind_ == mean ? losses.mean() : *kind_ == sum ? losses.sum() : losses;
}

namespace detail {

namespace {

std::vector<int64_t> without_ones(ShapeView shape) {
  std::vector<int64_t> sizes;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(sizes),
               [](int64_t n) { return n != 1; });
  return sizes;
}

std::string advice(const Tensor& y_hat, const Tensor& y) {
  if (without_ones(y_hat.sizes()) != without_ones(y.sizes())) return "";
  const char* larger = y_hat.dim() > y.dim() ? "y_hat" : "y";
  if (y_hat.dim() == y.dim()) return " Transpose or reshape one of them.";
  return std::string(" Squeeze the dimension of size 1: ") + larger + ".squeeze(-1).";
}

}  // namespace

void check_output(const char* who, const Tensor& y_hat, const Tensor& y, const Agg& agg) {
  if (!y_hat.defined() || !y_hat.is_floating_point()) {
    throw ShapeError(who,
                     "expected y_hat to be a floating tensor, got " + describe_kind(y_hat) + ".");
  }
  if (!y.defined()) throw ShapeError(who, "expected a tensor y, got an undefined one.");
  if (y_hat.device() != y.device()) {
    throw ShapeError(who, "expected y_hat and y on one device, got " + y_hat.device().str() +
                              " and " + y.device().str() + ". Move one of them with .to(device).");
  }
  if (agg.kind() == Agg::mean && y_hat.numel() == 0) {
    throw ShapeError(who, "expected at least one element, got y_hat of shape " +
                              shape_text(y_hat.sizes()) + ": the mean of nothing is not a number.");
  }
}

Tensor target(const char* who, const Tensor& y_hat, const Tensor& y, const Agg& agg) {
  check_output(who, y_hat, y, agg);
  if (y_hat.sizes() != y.sizes()) {
    throw ShapeError(who, "expected y_hat and y of one shape, got y_hat " +
                              shape_text(y_hat.sizes()) + " and y " + shape_text(y.sizes()) + "." +
                              advice(y_hat, y));
  }
  const Dtype dtype = y_hat.scalar_type();
  if (y.scalar_type() == dtype) return transforms::detached(y);
  if (y.is_floating_point() || y.is_complex()) {
    ShapeError error(who, "expected y_hat and y of one dtype, got " + dtype_text(dtype) + " and " +
                              dtype_text(y.scalar_type()) +
                              ". Convert one of them with .to(dtype).");
    explain_autocast_(error);
    throw error;
  }
  return y.to(dtype);
}

void check_smoothing(const char* who, double smoothing) {
  if (smoothing >= 0 && smoothing <= 1) return;
  throw ArgumentError(who, fmt::format("expected label_smoothing in [0, 1], got {}.", smoothing));
}

Tensor smoothed(const Tensor& y, double smoothing, int64_t classes) {
  return smoothing == 0 ? y : y.mul(1 - smoothing).add_(smoothing / static_cast<double>(classes));
}

double epsilon_for(const Tensor& y_hat, std::optional<double> epsilon) {
  if (epsilon) return *epsilon;
  switch (y_hat.scalar_type()) {
    case Dtype::Double:
      return std::numeric_limits<double>::epsilon();
    case Dtype::Half:
      return std::numeric_limits<c10::Half>::epsilon();
    case Dtype::BFloat16:
      return std::numeric_limits<c10::BFloat16>::epsilon();
    default:
      return std::numeric_limits<float>::epsilon();
  }
}

int64_t reduction(const Agg& agg) {
  return agg.kind() == Agg::mean  ? at::Reduction::Mean
         : agg.kind() == Agg::sum ? at::Reduction::Sum
                                  : at::Reduction::None;
}

Tensor finish(const Agg& agg, Tensor losses) { return agg.kind() ? losses : agg(losses); }

}  // namespace detail
}  // namespace luxtorch
