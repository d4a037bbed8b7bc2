#include "luxtorch/data/toy.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <numbers>
#include <string>

#include "data/check.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "text.h"

namespace luxtorch::data {

namespace {

void check_noise(const char* who, double noise) {
  if (noise >= 0) return;
  throw ArgumentError(who, "expected noise of at least 0, got " + std::to_string(noise) + ".");
}

void check_options(const char* who, const SpiralOptions& o) {
  if (o.theta == 0 || o.b == 0) throw ArgumentError(who, "expected theta and b that are not 0.");
  check_noise(who, o.noise);
}

/// The points of both arms, (2n, 2) float64.
Tensor spiral_points(Rng rng, int64_t n, const SpiralOptions& o) {
  auto points = random::normal(rng, {2 * n, 2}, 0, o.noise, kFloat64);
  auto* first = points.mutable_data_ptr<double>();
  auto* second = first + 2 * n;
  for (int64_t i = 0; i < n; ++i) {
    double angle = static_cast<double>(i) * std::numbers::pi / o.theta;
    double radius = o.a * (o.b - static_cast<double>(i)) / o.b;
    double x = radius * std::sin(angle), y = radius * std::cos(angle);
    first[2 * i] += x;
    first[2 * i + 1] += y;
    second[2 * i] -= x;
    second[2 * i + 1] += o.mirrored ? y : -y;
  }
  return points;
}

}  // namespace

std::pair<Tensor, Tensor> make_spiral(Rng rng, int64_t n, SpiralOptions options) {
  check_at_least_one("data::make_spiral", "n", n);
  check_options("data::make_spiral", options);
  auto labels = at::zeros({2 * n}, at::TensorOptions().dtype(kInt64));
  labels.narrow(0, 0, n).fill_(1);
  return {spiral_points(rng, n, options), labels};
}

std::pair<Tensor, Tensor> spirals(Rng rng, int64_t count, int64_t length, SpiralOptions options) {
  check_at_least_one("data::spirals", "count", count);
  check_at_least_one("data::spirals", "length", length);
  check_options("data::spirals", options);
  auto points = at::empty({count, length, 2}, at::TensorOptions().dtype(kFloat32));
  auto* to = points.mutable_data_ptr<float>();
  for (int64_t i = 0; i < count; ++i) {
    auto both = spiral_points(rng.fold_in(static_cast<uint64_t>(i)), length, options);
    const auto* from = both.const_data_ptr<double>() + (i < count / 2 ? 0 : 2 * length);
    for (int64_t k = 0; k < 2 * length; ++k) *to++ = static_cast<float>(from[k]);
  }
  auto labels = at::zeros({count}, at::TensorOptions().dtype(kFloat32));
  labels.narrow(0, count / 2, count - count / 2).fill_(1);
  return {points, labels};
}

std::pair<Tensor, Tensor> make_moons(Rng rng, int64_t n, double noise) {
  check_at_least_one("data::make_moons", "n", n);
  check_noise("data::make_moons", noise);
  const int64_t half = n / 2;
  const Tensor t = random::uniform(rng.fold_in("t"), {n}, 0, std::numbers::pi, kFloat64);
  const Tensor first = t.narrow(0, 0, half), second = t.narrow(0, half, n - half);
  const Tensor x = cat({first.cos(), second.cos().neg().add(1)});
  const Tensor y = cat({first.sin(), second.sin().neg().add(0.5)});
  const Tensor points = stack({x, y}, -1);
  auto labels = at::zeros({n}, at::TensorOptions().dtype(kInt64));
  labels.narrow(0, half, n - half).fill_(1);
  return {points.add(random::normal(rng.fold_in("noise"), {n, 2}, 0, noise, kFloat64)), labels};
}

std::pair<Tensor, Tensor> make_sin(Rng rng, int64_t n, double start, double end, double noise) {
  check_at_least_one("data::make_sin", "n", n);
  check_noise("data::make_sin", noise);
  const Tensor x = linspace(start, end, n, {.dtype = kFloat64});
  return {x, x.sin().add(random::normal(rng, {n}, 0, noise, kFloat64))};
}

Tensor make_poly(Rng rng, const std::vector<double>& coefficients, const Tensor& x, double noise) {
  constexpr auto kWho = "data::make_poly";
  if (coefficients.empty())
    throw ArgumentError(kWho, "expected at least one coefficient, got none.");
  check_noise(kWho, noise);
  if (!x.defined() || !x.is_floating_point())
    throw ShapeError(kWho, "expected a floating tensor x, got " + describe_kind(x) + ".");
  const Tensor wide = x.to(kFloat64);
  const Tensor errors = random::normal(rng, x.sizes(), 0, noise, kFloat64).to(x.device());
  Tensor value = wide.mul(0);
  for (const double c : coefficients) value = value.mul(wide).add(c);
  return value.add(errors);
}

}  // namespace luxtorch::data
