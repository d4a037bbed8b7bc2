// Losses against plain loops over long doubles.
#include "kernels/loss.h"

#include <gtest/gtest.h>

#include "kernels/numbers.h"

namespace {

using namespace kernel_tests;
using luxtorch::kernels::binary_cross_entropy;
using luxtorch::kernels::cross_entropy;
using Real = long double;

constexpr double kEpsilon = 1e-6, kScale = 0.25, kTolerance = 16;

template <class T>
void compare_binary(int64_t n, double smoothing) {
  Numbers numbers(static_cast<uint64_t>(n));
  const auto p = numbers.array<T>(n, 0.01, 0.99), y = numbers.array<T>(n, 0, 1);
  std::vector<T> slope(n);
  std::vector<Real> plain(n);
  Real sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const Real t = (1 - smoothing) * y[i] + smoothing / 2, q = 1 - static_cast<Real>(p[i]);
    sum -= t * std::log(p[i] + kEpsilon) + (1 - t) * std::log(q + kEpsilon);
    plain[i] = kScale * ((1 - t) / (q + kEpsilon) - t / (p[i] + kEpsilon));
  }
  const double with = binary_cross_entropy(p.data(), y.data(), n, kEpsilon, smoothing, kScale,
                                           slope.data()),
               without = binary_cross_entropy<T>(p.data(), y.data(), n, kEpsilon, smoothing, kScale,
                                                 nullptr);
  EXPECT_EQ(with, without);
  EXPECT_LE(ulps_apart<T>(std::vector<double>{with}, std::vector<Real>{sum}), kTolerance) << n;
  EXPECT_LE(ulps_apart<T>(slope, plain), kTolerance) << n;
}

TEST(LossKernels, BinaryCrossEntropy) {
  for (const int64_t n : {1, 3, 8, 61}) {
    for (const double smoothing : {0.0, 0.1}) {
      compare_binary<float>(n, smoothing);
      compare_binary<double>(n, smoothing);
    }
  }
}

// y: of each class, or one-hot by the labels.
template <class T>
void compare_classes(int64_t rows, int64_t classes, double smoothing, bool by_label) {
  Numbers numbers(static_cast<uint64_t>(rows * classes));
  const auto x = numbers.array<T>(rows * classes, -5, 5);
  auto y = numbers.array<T>(rows * classes, 0, 1);
  std::vector<int64_t> labels;
  for (int64_t r = 0; r < rows && by_label; ++r) {
    labels.push_back(numbers.below(classes));
    for (int64_t c = 0; c < classes; ++c) y[r * classes + c] = c == labels[r];
  }
  std::vector<Real> plain;
  Real total = 0;
  for (int64_t r = 0; r < rows; ++r) {
    Real powers = 0, weight = 0;
    auto t = [&](int64_t c) {
      return (1 - smoothing) * y[r * classes + c] + Real(smoothing) / classes;
    };
    for (int64_t c = 0; c < classes; ++c)
      powers += std::exp(static_cast<Real>(x[r * classes + c])), weight += t(c);
    for (int64_t c = 0; c < classes; ++c) {
      total -= t(c) * (x[r * classes + c] - std::log(powers));
      plain.push_back(kScale *
                      (weight * std::exp(static_cast<Real>(x[r * classes + c])) / powers - t(c)));
    }
  }
  std::vector<T> slope(rows * classes);
  auto run = [&](T* to) {
    return by_label ? cross_entropy(x.data(), labels.data(), rows, classes, smoothing, kScale, to)
                    : cross_entropy(x.data(), y.data(), rows, classes, smoothing, kScale, to);
  };
  const double with = run(slope.data()), without = run(nullptr);
  EXPECT_EQ(with, without);
  EXPECT_LE(ulps_apart<T>(std::vector<double>{with}, std::vector<Real>{total}), kTolerance)
      << rows << " " << classes;
  EXPECT_LE(ulps_apart<T>(slope, plain), kTolerance) << rows << " " << classes;
}

TEST(LossKernels, CrossEntropy) {
  for (const int64_t classes : {1, 2, 5, 16, 33}) {
    for (const double smoothing : {0.0, 0.1}) {
      for (const bool by_label : {false, true}) {
        compare_classes<float>(7, classes, smoothing, by_label);
        compare_classes<double>(7, classes, smoothing, by_label);
      }
    }
  }
}

}  // namespace
