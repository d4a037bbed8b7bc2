// Level 3: single random numbers of a key, one after another, without a tensor for each.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "luxtorch/rng.h"

namespace luxtorch::data {

/// The numbers of one key, in the order of the calls.
class Draws {
 public:
  explicit Draws(Rng rng) : rng_(rng) {}

  /// Uniform on [low, high).
  double uniform(double low = 0, double high = 1) {
    std::array<uint32_t, 2> words;
    random::bits(rng_, next_, words.data(), words.size());
    next_ += words.size();
    const uint64_t wide = words[0] | static_cast<uint64_t>(words[1]) << 32;
    return low + (high - low) * (static_cast<double>(wide >> 11) * 0x1p-53);
  }
  /// Each of 0, ..., n - 1 equally likely, up to n / 2^53.
  int64_t below(int64_t n) { return static_cast<int64_t>(uniform() * static_cast<double>(n)); }
  /// Normal, mean 0 and standard deviation 1 (Box and Muller 1958).
  double normal() {
    const double radius = std::sqrt(-2 * std::log1p(-uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }
  /// Beta-distributed with alpha twice, above 0: G / (G + H) for two gamma numbers of shape alpha.
  double beta(double alpha) {
    const double g = log_gamma(alpha), h = log_gamma(alpha);
    return 1 / (1 + std::exp(h - g));
  }

 private:
  // The logarithm of a gamma number of shape alpha: of one of shape alpha + 1 (Marsaglia and Tsang
  // 2000), times U^(1 / alpha), which may be below every double.
  double log_gamma(double alpha) {
    const double d = alpha + 1 - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    while (true) {
      const double z = normal(), u = 1 - uniform(), v = std::pow(1 + c * z, 3);
      if (v > 0 && std::log(u) < z * z / 2 + d - d * v + d * std::log(v))
        return std::log(d * v) + std::log(1 - uniform()) / alpha;
    }
  }

  Rng rng_;
  uint64_t next_ = 0;
};

}  // namespace luxtorch::data
