#include "luxtorch/init.h"

#include <ATen/ops/erfinv.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>

#include "luxtorch/core/error.h"
#include "text.h"

namespace luxtorch::init {

namespace {

constexpr const char* kNeedsDimensions = "expected a shape of at least one dimension, got ().";

struct Fans {
  double in, out;
};

Fans fans(const char* who, ShapeView shape) {
  if (shape.empty()) throw ShapeError(who, kNeedsDimensions);
  if (shape.size() == 1) return {1, static_cast<double>(shape[0])};
  double taps = 1;
  for (auto k : shape.slice(2)) taps *= static_cast<double>(k);
  return {taps * static_cast<double>(shape[1]), taps * static_cast<double>(shape[0])};
}

Tensor symmetric(Rng rng, ShapeView shape, double bound) {
  return random::uniform(rng, shape, -bound, bound);
}

}  // namespace

Tensor Constant::operator()(Rng, ShapeView shape) const {
  return at::full(shape, value, at::TensorOptions().dtype(kFloat32));
}
Tensor Uniform::operator()(Rng rng, ShapeView shape) const {
  return random::uniform(rng, shape, low, high);
}
Tensor Normal::operator()(Rng rng, ShapeView shape) const {
  return random::normal(rng, shape, mean, std);
}

Tensor GlorotUniform::operator()(Rng rng, ShapeView shape) const {
  auto f = fans("init::glorot_uniform", shape);
  return symmetric(rng, shape, gain * std::sqrt(6 / (f.in + f.out)));
}
Tensor GlorotNormal::operator()(Rng rng, ShapeView shape) const {
  auto f = fans("init::glorot_normal", shape);
  return random::normal(rng, shape, 0, gain * std::sqrt(2 / (f.in + f.out)));
}
Tensor KaimingUniform::operator()(Rng rng, ShapeView shape) const {
  return symmetric(rng, shape, gain * std::sqrt(3 / fans("init::kaiming_uniform", shape).in));
}
Tensor KaimingNormal::operator()(Rng rng, ShapeView shape) const {
  return random::normal(rng, shape, 0, gain / std::sqrt(fans("init::kaiming_normal", shape).in));
}
Tensor TorchDefault::operator()(Rng rng, ShapeView shape) const {
  return symmetric(rng, shape, 1 / std::sqrt(fans("init::torch_default", shape).in));
}
Tensor LuxDefault::operator()(Rng rng, ShapeView shape) const {
  return symmetric(rng, shape, std::sqrt(3 / fans("init::lux_default", shape).in));
}
Tensor Lux1xNormal::operator()(Rng rng, ShapeView shape) const {
  double b = 1 / std::sqrt(static_cast<double>(hidden));
  return random::normal(rng, shape, -b, 2 * b);
}

Tensor TruncatedNormal::operator()(Rng rng, ShapeView shape) const {
  if (!(low < high)) {
    throw ArgumentError("init::truncated_normal", "expected low < high, got " + number_text(low) +
                                                      " and " + number_text(high) + ".");
  }
  // Inverse of the distribution function: erf is the part of a normal within a distance, up to
  // scale.
  auto erf_at = [&](double x) { return std::erf((x - mean) / (std * std::sqrt(2.0))); };
  auto u = random::uniform(rng, shape, erf_at(low), erf_at(high), kFloat64);
  return u.erfinv_().mul_(std * std::sqrt(2.0)).add_(mean).clamp_(low, high).to(kFloat32);
}

Tensor Orthogonal::operator()(Rng rng, ShapeView shape) const {
  if (shape.size() < 2) {
    throw ShapeError("init::orthogonal",
                     "expected a shape of at least two dimensions, got " + shape_text(shape) + ".");
  }
  int64_t rows = shape[0], columns = 1;
  for (auto n : shape.slice(1)) columns *= n;
  auto a = random::normal(rng, {std::max(rows, columns), std::min(rows, columns)}, 0, 1, kFloat64);
  auto [q, r] = at::linalg_qr(a);
  // The signs of R's diagonal make the result uniform over the orthogonal matrices (Mezzadri 2007).
  q = q.mul(r.diagonal().sign());
  if (rows < columns) q = q.t();
  return q.mul(gain).reshape(shape).to(kFloat32).contiguous();
}

Tensor Sparse::operator()(Rng rng, ShapeView shape) const {
  if (shape.size() != 2) {
    throw ShapeError("init::sparse_init",
                     "expected a shape (out, in), got " + shape_text(shape) + ".");
  }
  if (!(sparsity >= 0 && sparsity <= 1)) {
    throw ArgumentError("init::sparse_init",
                        "expected a sparsity from 0 to 1, got " + number_text(sparsity) + ".");
  }
  auto w = random::normal(rng.fold_in("values"), shape, 0, std);
  int64_t zeros = static_cast<int64_t>(std::ceil(sparsity * static_cast<double>(shape[0])));
  auto* p = w.mutable_data_ptr<float>();
  for (int64_t column = 0; column < shape[1]; ++column) {
    auto rows = random::permutation_indices(rng.fold_in(static_cast<uint64_t>(column)), shape[0]);
    for (int64_t i = 0; i < zeros; ++i) p[rows[static_cast<size_t>(i)] * shape[1] + column] = 0;
  }
  return w;
}

Tensor Identity::operator()(Rng, ShapeView shape) const {
  if (shape.empty()) throw ShapeError("init::identity_init", kNeedsDimensions);
  auto w = at::zeros(shape, at::TensorOptions().dtype(kFloat32));
  if (shape.size() == 1) return w;
  auto centre = w;
  for (size_t k = 2; k < shape.size(); ++k) centre = centre.select(2, (shape[k] - 1) / 2);
  centre.diagonal().fill_(gain);
  if (shape.size() == 2) return w.roll(shift, 0);
  return w.roll({shift, shift}, {0, 1});
}

}  // namespace luxtorch::init
