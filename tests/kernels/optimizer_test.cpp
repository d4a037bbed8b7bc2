// Optimizer loops against one element at a time, bit by bit. Compiled without fused multiply-add, as they
// are: on every machine a step has the same bits.
#include "kernels/optimizer.h"

#include <gtest/gtest.h>

#include <cstring>

#include "kernels/numbers.h"

namespace {

using namespace kernel_tests;
using namespace luxtorch::kernels;

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

template <class Rule, class T>
void compare(Formula formula, const char* name, int64_t n, bool apply) {
  Numbers numbers(static_cast<uint64_t>(n));
  const T c[kMaxCoefficients] = {T(0.9),   T(0.1), T(0.99), T(0.01),
                                 T(0.003), T(0.7), T(1e-3), T(0.02)};
  auto x = numbers.array<T>(n, -1, 1);
  const auto g = numbers.array<T>(n, -1, 1);
  std::vector<T> d(n), moments[kMaxSlots];
  for (auto& m : moments) m = numbers.array<T>(n, 0, 1);

  auto plain_x = x;
  std::vector<T> plain_d(n), plain[kMaxSlots] = {moments[0], moments[1], moments[2]};
  for (int64_t i = 0; i < n; ++i) {
    T s[kMaxSlots] = {plain[0][i], plain[1][i], plain[2][i]};
    const T direction = Rule::template direction<T, T>(c, g[i], x[i], s);
    for (int k = 0; k < Rule::slots; ++k) plain[k][i] = s[k];
    if (apply) {
      plain_x[i] = plain_x[i] - direction;
    } else {
      plain_d[i] = direction;
    }
  }
  run(formula, Block<T>{.n = n,
                        .x = x.data(),
                        .g = g.data(),
                        .d = apply ? nullptr : d.data(),
                        .s = {moments[0].data(), moments[1].data(), moments[2].data()},
                        .c = c});
  EXPECT_TRUE(same_bits(x, plain_x)) << name << " " << n;
  EXPECT_TRUE(same_bits(d, plain_d)) << name << " " << n;
  for (int k = 0; k < kMaxSlots; ++k)
    EXPECT_TRUE(same_bits(moments[k], plain[k])) << name << " " << n;
}

TEST(OptimizerKernels, EveryFormula) {
  for (const int64_t n : {1, 3, 4, 7, 16, 61}) {
    for (const bool apply : {false, true}) {
#define LUXTORCH_COMPARE(rule)                                 \
  compare<rules::rule, float>(Formula::rule, #rule, n, apply); \
  compare<rules::rule, double>(Formula::rule, #rule, n, apply);
      LUXTORCH_FOR_EACH_OPTIMIZER_RULE(LUXTORCH_COMPARE)
#undef LUXTORCH_COMPARE
    }
  }
}

// The bits are those of x86-64.
TEST(OptimizerKernels, StepsOfAdamHaveTheSameBitsOnEveryMachine) {
  const float c[kMaxCoefficients] = {0.9f, 0.1f, 0.999f, 0.001f, 0.01f, 1, 1e-8f};
  float x[5] = {0.5f, -0.25f, 0.125f, 1, -2}, m[5] = {}, v[5] = {};
  for (int step = 0; step < 20; ++step) {
    float g[5];
    for (int i = 0; i < 5; ++i) g[i] = x[i] - 0.3f * static_cast<float>(i);
    run(Formula::Adam,
        Block<float>{.n = 5, .x = x, .g = g, .d = nullptr, .s = {m, v, nullptr}, .c = c});
  }
  uint32_t bits[5];
  std::memcpy(bits, x, sizeof bits);
  const uint32_t expected[5] = {3189849064, 1056112890, 1061075787, 1063167165, 3210101988};
  for (int i = 0; i < 5; ++i) EXPECT_EQ(bits[i], expected[i]) << i << " " << x[i];
}

template <class T>
void compare_powers() {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const int64_t n : {1, 7, 8, 29}) {
    auto g = Numbers(static_cast<uint64_t>(n)).array<T>(n, -2, 2);
    for (const double p : {1.0, 2.0, 3.0, infinity}) {
      double plain = 0;
      for (const T v : g) {
        const double size = std::abs(static_cast<double>(v));
        plain = std::isinf(p) ? std::max(plain, size) : plain + std::pow(size, p);
      }
      EXPECT_LE(std::abs(power_sum(g.data(), n, p) - plain), 1e-14 * plain) << n << " " << p;
    }
    g.back() = std::numeric_limits<T>::quiet_NaN();
    for (const double p : {1.0, 2.0, 3.0, infinity})
      EXPECT_TRUE(std::isnan(power_sum(g.data(), n, p))) << n << " " << p;
  }
}

TEST(OptimizerKernels, SumsOfPowers) {
  compare_powers<float>();
  compare_powers<double>();
}

}  // namespace
