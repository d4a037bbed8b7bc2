// Synthetic data sets for tutorials and tests.
//
//     auto [x, y] = data::make_spiral(Rng(0), 50);      // (100, 2) and (100): two arms of 50 points
//     auto [xs, labels] = data::spirals(Rng(0));        // (1000, 50, 2) and (1000): an observation
//                                                       // is one arm
#pragma once

#include <numbers>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"
#include "luxtorch/rng.h"

namespace luxtorch::data {

/// The shape of a spiral; the fields have the order of MLUtils' arguments.
struct SpiralOptions {
  double a = 6.5;      ///< Radius of the first point.
  double theta = 16;   ///< Points in half a turn; not 0.
  double b = 104;      ///< Points until the radius would be 0; not 0.
  double noise = 0.1;  ///< Standard deviation of the noise of each coordinate; at least 0.
  /// The second arm is the first one's mirror image (-x, y), so that it turns the other way.
  bool mirrored = false;
};

/// Two spiral arms of n points, as MLUtils.Datasets.make_spiral makes them. Point i = 0 .. n-1 of
/// the first arm is
///
///     angle  = i * pi / theta
///     radius = a * (b - i) / b
///     p      = (radius * sin(angle), radius * cos(angle))
///
/// and the second arm's is -p. That is half a turn, so both arms turn the same way, clockwise; with
/// `.mirrored` the second arm's is (-x, y), and it turns anticlockwise. Then every coordinate gets
/// Gaussian noise of its own.
///
/// Returns points (2n, 2) float64, the first arm's first, and labels (2n) int64: 1 for the first
/// arm, 0 for the second. ArgumentError: n below 1, theta or b zero, or negative noise.
LUXTORCH_API std::pair<Tensor, Tensor> make_spiral(Rng rng, int64_t n = 97,
                                                   SpiralOptions options = {});

/// A set of `count` noisy arms of `length` points: make_spiral's first arms with the label 0, then
/// as many second arms with the label 1 (one more when count is odd). Arm i comes from
/// make_spiral(rng.fold_in(i), length, options).
///
/// Returns points (count, length, 2) and labels (count), both float32. ArgumentError: count or
/// length below 1, or options as make_spiral refuses them.
LUXTORCH_API std::pair<Tensor, Tensor> spirals(Rng rng, int64_t count = 1000, int64_t length = 50,
                                               SpiralOptions options = {});

/// Two interleaved half circles. With t uniform on [0, pi], the first n / 2 points are (cos t, sin t), the
/// others (1 - cos t, 0.5 - sin t); then every coordinate gets Gaussian noise of its own. These are
/// scikit-learn's moons, with t drawn as in MLUtils.
///
/// Returns points (n, 2) float64, and labels (n) int64: 0 for the first half, 1 for the second.
/// ArgumentError: n below 1, or a noise that is not at least 0.
LUXTORCH_API std::pair<Tensor, Tensor> make_moons(Rng rng, int64_t n = 100, double noise = 0);

/// A noisy sine, as MLUtils.Datasets.make_sin makes it: x at n equal distances from start to end with
/// both, and y = sin(x) + Gaussian noise.
///
/// Returns x and y, (n) float64 each. ArgumentError: n below 1, or a noise that is not at least 0.
LUXTORCH_API std::pair<Tensor, Tensor> make_sin(Rng rng, int64_t n = 50, double start = 0,
                                                double end = 2 * std::numbers::pi,
                                                double noise = 0.3);

/// A noisy polynomial, as MLUtils.Datasets.make_poly makes it: y = sum_k coefficients[k] x^(m - 1 - k) +
/// Gaussian noise for the m coefficients, the one of the highest power first.
///
/// x: floating, of any shape. Returns y, of x's shape, float64. ArgumentError: no coefficients, or a noise
/// that is not at least 0. ShapeError: x is not floating.
LUXTORCH_API Tensor make_poly(Rng rng, const std::vector<double>& coefficients, const Tensor& x,
                              double noise = 0.1);

}  // namespace luxtorch::data
