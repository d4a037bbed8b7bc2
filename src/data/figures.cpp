#include "luxtorch/data/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include "data/check.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"

namespace luxtorch::data {

namespace {

enum Kind { disc, square, triangle, cross, ring };
constexpr int64_t kKinds = 5;

struct Figure {
  int64_t kind;
  double x, y, radius, angle, brightness;
};

// How far (u, v) lies outside of the figure of radius r at the origin, below 0 inside. Beyond corners it is a little less
// than the distance.
double outside(int64_t kind, double u, double v, double r) {
  const double a = std::abs(u), b = std::abs(v), far = std::hypot(u, v);
  switch (kind) {
    case square:
      return std::max(a, b) - r / std::numbers::sqrt2;
    case triangle:  // one corner at (r, 0)
      return std::max(-u, 0.5 * u + std::numbers::sqrt3 / 2 * b) - r / 2;
    case cross: {
      const double width = r / std::sqrt(10.0), length = 3 * width;
      return std::min(std::max(a - length, b - width), std::max(a - width, b - length));
    }
    case ring:
      return std::max(far - r, r / 2 - far);
    default:
      return far - r;
  }
}

// The edges of the figure: left, top, right, bottom.
std::array<double, 4> box(const Figure& f) {
  const double r = f.radius;
  std::vector<std::pair<double, double>> corners;
  if (f.kind == square) {
    for (int k = 0; k < 4; ++k) {
      const double t = (k + 0.5) * std::numbers::pi / 2;
      corners.emplace_back(r * std::cos(t), r * std::sin(t));
    }
  } else if (f.kind == triangle) {
    for (int k = 0; k < 3; ++k) {
      const double t = 2 * k * std::numbers::pi / 3;
      corners.emplace_back(r * std::cos(t), r * std::sin(t));
    }
  } else if (f.kind == cross) {
    const double width = r / std::sqrt(10.0), length = 3 * width;
    for (double s : {-1.0, 1.0}) {
      for (double t : {-1.0, 1.0}) {
        corners.emplace_back(s * length, t * width);
        corners.emplace_back(s * width, t * length);
      }
    }
  } else {
    return {f.x - r, f.y - r, f.x + r, f.y + r};
  }
  std::array<double, 4> edges{f.x, f.y, f.x, f.y};
  const double c = std::cos(f.angle), s = std::sin(f.angle);
  for (const auto& [u, v] : corners) {
    const double x = f.x + c * u - s * v, y = f.y + s * u + c * v;
    edges = {std::min(edges[0], x), std::min(edges[1], y), std::max(edges[2], x),
             std::max(edges[3], y)};
  }
  return edges;
}

Figure drawn(Rng rng, const FiguresOptions& o) {
  const Tensor numbers = random::uniform(rng.fold_in("place"), {5}, 0, 1, kFloat64);
  const double* p = numbers.const_data_ptr<double>();
  const auto size = static_cast<double>(o.size);
  const double r = size * (0.15 + 0.25 * p[0]);
  return {random::integers(rng.fold_in("class"), {1}, 0, o.classes).item<int64_t>(),
          r + p[1] * (size - 2 * r),
          r + p[2] * (size - 2 * r),
          r,
          2 * std::numbers::pi * p[3],
          0.5 + 0.5 * p[4]};
}

void check_options(int64_t n, const FiguresOptions& o) {
  constexpr auto kWho = "data::make_figures";
  check_at_least_one(kWho, "n", n);
  if (o.size < 8) throw ArgumentError(kWho, fmt::format("expected size >= 8, got {}.", o.size));
  if (o.classes < 1 || o.classes > kKinds) {
    throw ArgumentError(kWho,
                        fmt::format("expected classes from 1 to {}, got {}.", kKinds, o.classes));
  }
  if (!(o.noise >= 0))
    throw ArgumentError(kWho, fmt::format("expected noise >= 0, got {}.", o.noise));
}

}  // namespace

Figures make_figures(Rng rng, int64_t n, FiguresOptions options) {
  check_options(n, options);
  const int64_t size = options.size;
  Figures all{zeros({n, 1, size, size}), zeros({n}, {.dtype = kInt64}),
              zeros({n, size, size}, {.dtype = kBool}), zeros({n, 4})};
  auto* pixel = all.images.mutable_data_ptr<float>();
  auto* inside = all.masks.mutable_data_ptr<bool>();
  for (int64_t k = 0; k < n; ++k) {
    const Rng own = rng.fold_in(static_cast<uint64_t>(k));
    const Figure f = drawn(own, options);
    all.labels.mutable_data_ptr<int64_t>()[k] = f.kind;
    std::ranges::copy(box(f), all.boxes.mutable_data_ptr<float>() + 4 * k);
    const double c = std::cos(f.angle), s = std::sin(f.angle);
    for (int64_t i = 0; i < size; ++i) {
      for (int64_t j = 0; j < size; ++j) {
        const double x = static_cast<double>(j) + 0.5 - f.x, y = static_cast<double>(i) + 0.5 - f.y;
        const double d = outside(f.kind, c * x + s * y, c * y - s * x, f.radius);
        *inside++ = d <= 0;
        *pixel++ = static_cast<float>(f.brightness * std::clamp(0.5 - d, 0.0, 1.0));
      }
    }
    if (options.noise > 0)
      all.images[k].add_(random::normal(own.fold_in("noise"), {1, size, size}, 0, options.noise));
  }
  return all;
}

}  // namespace luxtorch::data
