#include "luxtorch/layers/reshape.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cstdlib>

#include "layers/check.h"
#include "transforms.h"

namespace luxtorch {

namespace {

template <class L>
void check_rank(const L& layer, const Tensor& x, int64_t least, const char* expected) {
  if (x.dim() >= least) return;
  fail(layer, fmt::format("expected x of shape ({}), got {}.", expected, shape_text(x.sizes())));
}

template <class L>
int64_t checked_dim(const L& layer, const Tensor& x, int64_t dim) {
  if (dim >= -x.dim() && dim < x.dim()) return dim < 0 ? dim + x.dim() : dim;
  fail(layer, fmt::format("expected x with a dimension {}, got {}.", dim, shape_text(x.sizes())));
}

Tensor on_device_of(const Tensor& x, const std::vector<int64_t>& numbers) {
  const transforms::Outside outside;  // a constant, which no transform wraps
  return at::tensor(numbers, kInt64).to(x.device());
}

}  // namespace

ReshapeLayer::ReshapeLayer(std::vector<int64_t> dims) : dims_(std::move(dims)) {
  auto fits = [](int64_t d) { return d == -1 || d >= 1; };
  if (std::all_of(dims_.begin(), dims_.end(), fits) &&
      std::count(dims_.begin(), dims_.end(), -1) <= 1) {
    return;
  }
  throw ArgumentError("ReshapeLayer",
                      fmt::format("expected dims of at least 1, of which one may be -1 for what is "
                                  "left, got {}.",
                                  shape_text(dims_)));
}

Out<Tensor> ReshapeLayer::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  check_rank(*this, x, 1, "batch, ...");
  int64_t there = 1, wanted = 1;
  for (auto size : x.sizes().slice(1)) there *= size;
  for (auto size : dims_) wanted *= size;
  bool fits = wanted < 0 ? there % wanted == 0 : there == wanted;
  if (!fits) {
    fail(*this,
         fmt::format("expected x of shape (batch, ...) with {}{} elements a row, got {}.",
                     wanted < 0 ? "a multiple of " : "", std::abs(wanted), shape_text(x.sizes())));
  }
  std::vector<int64_t> shape{x.size(0)};
  // Not torch's -1: of a batch of no rows it knows nothing.
  for (auto size : dims_) shape.push_back(size == -1 ? there / -wanted : size);
  auto y = x.reshape(shape);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string ReshapeLayer::label() const {
  std::string text = "ReshapeLayer(output_dims = (:";
  for (auto size : dims_) text += ", " + (size == -1 ? std::string(":") : std::to_string(size));
  return text + "))";
}

FlattenLayer::FlattenLayer(FlattenOptions options) : options_(options) {
  if (options_.dims) check_positive("FlattenLayer", ".dims", *options_.dims);
}

Out<Tensor> FlattenLayer::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  auto n = options_.dims.value_or(x.dim() - 1);
  if (x.dim() < 1 || x.dim() <= n) {
    fail(*this, options_.dims ? fmt::format("expected x with a batch before the {} dimensions that "
                                            "become one, got {}.",
                                            n, shape_text(x.sizes()))
                              : "expected x of shape (batch, ...), got ().");
  }
  auto shape = x.sizes().slice(0, static_cast<size_t>(x.dim() - n)).vec();
  int64_t features = 1;
  for (auto size : x.sizes().slice(shape.size())) features *= size;
  shape.push_back(features);
  auto y = x.reshape(shape);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string FlattenLayer::label() const {
  return options_.dims ? fmt::format("FlattenLayer(N = {})", *options_.dims) : "FlattenLayer()";
}

SelectDim::SelectDim(int64_t dim, std::vector<int64_t> indices)
    : dim_(dim), indices_(std::move(indices)), keeps_dim_(true) {
  if (indices_.empty()) throw ArgumentError("SelectDim", "expected at least one index, got none.");
}

Out<Tensor> SelectDim::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  auto dim = checked_dim(*this, x, dim_), size = x.size(dim);
  std::vector<int64_t> from_start;
  for (int64_t index : indices_) {
    if (index < -size || index >= size) {
      fail(*this, fmt::format("expected x with an index {} in dimension {}, got {}.", index, dim_,
                              shape_text(x.sizes())));
    }
    from_start.push_back(index < 0 ? index + size : index);
  }
  Tensor y;
  if (!keeps_dim_) {
    y = x.select(dim, from_start[0]);
  } else if (x.is_meta()) {
    auto shape = x.sizes().vec();
    shape[static_cast<size_t>(dim)] = static_cast<int64_t>(from_start.size());
    y = x.new_empty(shape);
  } else {
    y = x.index_select(dim, on_device_of(x, from_start));
  }
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string SelectDim::label() const {
  const auto list = fmt::format("{}", fmt::join(indices_, ", "));
  return fmt::format("SelectDim(dim = {}, index = {})", dim_, keeps_dim_ ? "[" + list + "]" : list);
}

Out<Tensor> ReverseSequence::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  check_rank(*this, x, 1, "batch, time, ...");
  auto y = x.flip(checked_dim(*this, x, options_.dim.value_or(x.dim() > 1 ? 1 : 0)));
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string ReverseSequence::label() const {
  return options_.dim ? fmt::format("ReverseSequence(dim = {})", *options_.dim)
                      : "ReverseSequence()";
}

}  // namespace luxtorch
