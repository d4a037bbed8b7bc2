// What a transformer computes beside its products against plain loops over long doubles.
#include "kernels/transformer.h"

#include <gtest/gtest.h>

#include "kernels/numbers.h"

namespace {

using namespace kernel_tests;
using luxtorch::kernels::attend;
using luxtorch::kernels::HeadMemory;
using luxtorch::kernels::rms_norm;
using luxtorch::kernels::rotate;
using Real = long double;

constexpr double kTolerance = 16;
constexpr double kForbidden = -std::numeric_limits<double>::infinity();

template <class T>
void compare_rms_norm(int64_t rows, int64_t features, double epsilon, bool scaled) {
  Numbers numbers(static_cast<uint64_t>(100 * rows + features));
  const auto x = numbers.array<T>(rows * features, -3, 3),
             scale = numbers.array<T>(features, 0.5, 2);
  std::vector<T> y(rows * features);
  std::vector<Real> plain;
  for (int64_t r = 0; r < rows; ++r) {
    Real squares = 0;
    for (int64_t i = 0; i < features; ++i)
      squares += static_cast<Real>(x[r * features + i]) * x[r * features + i];
    for (int64_t i = 0; i < features; ++i) {
      plain.push_back(x[r * features + i] / std::sqrt(squares / features + epsilon) *
                      (scaled ? static_cast<Real>(scale[i]) : 1));
    }
  }
  rms_norm(x.data(), scaled ? scale.data() : nullptr, rows, features, epsilon, y.data());
  EXPECT_LE(ulps_apart<T>(y, plain), kTolerance) << rows << " " << features << " " << scaled;
}

TEST(TransformerKernels, RmsNorm) {
  // Fewer features than lanes, as many, and with a rest.
  for (const int64_t features : {1, 7, 16, 48, 61}) {
    for (const int64_t rows : {0, 1, 5}) {
      for (const bool scaled : {false, true}) {
        compare_rms_norm<float>(rows, features, 1e-5, scaled);
        compare_rms_norm<double>(rows, features, 0.3, scaled);
      }
    }
  }
}

template <class T>
void compare_rotate(int64_t half, bool interleaved) {
  Numbers numbers(static_cast<uint64_t>(half));
  const auto x = numbers.array<T>(2 * half, -3, 3);
  std::vector<T> cos, sin, y(2 * half);
  std::vector<Real> plain(2 * half);
  for (int64_t i = 0; i < half; ++i) {
    const double angle = numbers.between(-7, 7);
    cos.push_back(static_cast<T>(std::cos(angle))), sin.push_back(static_cast<T>(std::sin(angle)));
    const int64_t a = interleaved ? 2 * i : i, b = interleaved ? 2 * i + 1 : half + i;
    plain[a] = static_cast<Real>(x[a]) * cos[i] - static_cast<Real>(x[b]) * sin[i];
    plain[b] = static_cast<Real>(x[b]) * cos[i] + static_cast<Real>(x[a]) * sin[i];
  }
  rotate(x.data(), cos.data(), sin.data(), half, interleaved, y.data());
  EXPECT_LE(ulps_apart<T>(y, plain), kTolerance) << half << " " << interleaved;
}

TEST(TransformerKernels, Rotate) {
  for (const int64_t half : {1, 3, 8, 33}) {
    for (const bool interleaved : {false, true}) {
      compare_rotate<float>(half, interleaved);
      compare_rotate<double>(half, interleaved);
    }
  }
}

// added: what is added to each product, nothing for none.
template <class T>
void compare_attend(int64_t keys, int64_t d, int64_t e, const std::vector<T>& added,
                    double tolerance = 4 * kTolerance) {
  Numbers numbers(static_cast<uint64_t>(1000 * keys + 10 * d + e));
  // Rows of keys and values stand apart, as those of one of several heads.
  const int64_t k_stride = d + 3, v_stride = 2 * e;
  const auto q = numbers.array<T>(d, -2, 2), k = numbers.array<T>(keys * k_stride, -2, 2),
             v = numbers.array<T>(keys * v_stride, -2, 2);
  const T scale = static_cast<T>(0.4);
  std::vector<Real> scores, plain(e);
  Real most = kForbidden, sum = 0;
  for (int64_t j = 0; j < keys; ++j) {
    Real product = 0;
    for (int64_t i = 0; i < d; ++i) product += static_cast<Real>(q[i]) * k[j * k_stride + i];
    scores.push_back(product * scale + (added.empty() ? 0 : added[j]));
    most = std::max(most, scores[j]);
  }
  if (most != kForbidden) {
    for (const Real score : scores) sum += std::exp(score - most);
    for (int64_t j = 0; j < keys; ++j) {
      for (int64_t i = 0; i < e; ++i)
        plain[i] += std::exp(scores[j] - most) / sum * v[j * v_stride + i];
    }
  }
  std::vector<T> memory(keys), y(e, 9);
  attend(q.data(),
         HeadMemory<T>{.k = k.data(),
                       .v = v.data(),
                       .k_stride = k_stride,
                       .v_stride = v_stride,
                       .added = added.empty() ? nullptr : added.data()},
         keys, d, e, scale, memory.data(), y.data());
  EXPECT_LE(ulps_apart<T>(y, plain), tolerance) << keys << " " << d << " " << e;
}

template <class T>
void compare_attention() {
  for (const int64_t keys : {1, 2, 9, 40}) {
    for (const int64_t d : {1, 16, 19}) {
      for (const int64_t e : {1, 5}) {
        Numbers numbers(static_cast<uint64_t>(keys));
        auto added = numbers.array<T>(keys, -4, 4);
        compare_attend<T>(keys, d, e, {});
        compare_attend<T>(keys, d, e, added);
        for (int64_t j = 0; j < keys; j += 2) added[j] = static_cast<T>(kForbidden);
        compare_attend<T>(keys, d, e, added);
        // Whose powers overflow, and whose rounding is 1000 times as large.
        for (T& a : added) a += 1000;
        compare_attend<T>(keys, d, e, added, 1000 * kTolerance);
        compare_attend<T>(keys, d, e, std::vector<T>(keys, static_cast<T>(kForbidden)));
      }
    }
  }
}

TEST(TransformerKernels, AttentionOfOneQuery) {
  compare_attention<float>();
  compare_attention<double>();
}

TEST(TransformerKernels, OfForbiddenKeysTakeNothing) {
  const std::vector<float> q{1, 2}, k{1, 1, 3, 4}, v{5, 6, 7, 8},
      added{0, static_cast<float>(kForbidden)};
  std::vector<float> scores(2), y(1, 9);
  attend(q.data(),
         HeadMemory<float>{
             .k = k.data(), .v = v.data(), .k_stride = 2, .v_stride = 2, .added = added.data()},
         2, 2, 1, 1.0F, scores.data(), y.data());
  EXPECT_EQ(y[0], 5);
}

}  // namespace
