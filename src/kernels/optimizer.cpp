#include "kernels/optimizer.h"

#include <cmath>

// A copy of each loop per instruction set, chosen when the program is loaded.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__) && \
    !defined(__SANITIZE_ADDRESS__)
#define LUXTORCH_CLONES __attribute__((target_clones("default", "avx2")))
#else
#define LUXTORCH_CLONES
#endif
#define LUXTORCH_INLINE inline __attribute__((always_inline))

// Some formulas have no vectors; Clang would warn that it found none.
#ifdef __clang__
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

namespace luxtorch::kernels {
namespace {

template <class Rule, class T, bool kApply>
LUXTORCH_INLINE void loop(const Block<T>& b) {
  const int64_t n = b.n;
  T *x = b.x, *d = b.d, *s0 = b.s[0], *s1 = b.s[1], *s2 = b.s[2];
  const T* g = b.g;
  T c[kMaxCoefficients];
  for (int i = 0; i < kMaxCoefficients; ++i) c[i] = b.c[i];
#ifdef __clang__
#pragma clang loop vectorize(assume_safety)
#else
#pragma GCC ivdep
#endif
  for (int64_t i = 0; i < n; ++i) {
    T s[kMaxSlots] = {};
    if constexpr (Rule::slots > 0) s[0] = s0[i];
    if constexpr (Rule::slots > 1) s[1] = s1[i];
    if constexpr (Rule::slots > 2) s[2] = s2[i];
    T direction = Rule::template direction<T, T>(c, g[i], x[i], s);
    if constexpr (Rule::slots > 0) s0[i] = s[0];
    if constexpr (Rule::slots > 1) s1[i] = s[1];
    if constexpr (Rule::slots > 2) s2[i] = s[2];
    if constexpr (kApply) {
      x[i] -= direction;
    } else {
      d[i] = direction;
    }
  }
}

#define LUXTORCH_LOOPS(rule)                                                                       \
  LUXTORCH_CLONES void rule##_float(const Block<float>& b) { loop<rules::rule, float, false>(b); } \
  LUXTORCH_CLONES void rule##_float_apply(const Block<float>& b) {                                 \
    loop<rules::rule, float, true>(b);                                                             \
  }                                                                                                \
  LUXTORCH_CLONES void rule##_double(const Block<double>& b) {                                     \
    loop<rules::rule, double, false>(b);                                                           \
  }                                                                                                \
  LUXTORCH_CLONES void rule##_double_apply(const Block<double>& b) {                               \
    loop<rules::rule, double, true>(b);                                                            \
  }
LUXTORCH_FOR_EACH_OPTIMIZER_RULE(LUXTORCH_LOOPS)
#undef LUXTORCH_LOOPS

// Eight partial sums, so that the additions vectorise and their order is the same everywhere.
template <class T, class F>
LUXTORCH_INLINE double sum_of(const T* g, int64_t n, F f) {
  double part[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int k = 0; k < 8; ++k) part[k] += f(static_cast<double>(g[i + k]));
  }
  for (; i < n; ++i) part[i % 8] += f(static_cast<double>(g[i]));
  return ((part[0] + part[4]) + (part[2] + part[6])) + ((part[1] + part[5]) + (part[3] + part[7]));
}

template <class T>
double power_sum_of(const T* g, int64_t n, double p) {
  if (p == 2) return sum_of(g, n, [](double v) { return v * v; });
  if (p == 1) return sum_of(g, n, [](double v) { return std::abs(v); });
  if (std::isinf(p)) {
    double largest = 0;
    for (int64_t i = 0; i < n; ++i)
      largest = rules::maximum(std::abs(static_cast<double>(g[i])), largest);
    return largest;
  }
  return sum_of(g, n, [p](double v) { return std::pow(std::abs(v), p); });
}

}  // namespace

void run(Formula formula, const Block<float>& b) {
  switch (formula) {
#define LUXTORCH_CASE(rule) \
  case Formula::rule:       \
    return b.d ? rule##_float(b) : rule##_float_apply(b);
    LUXTORCH_FOR_EACH_OPTIMIZER_RULE(LUXTORCH_CASE)
#undef LUXTORCH_CASE
  }
}
void run(Formula formula, const Block<double>& b) {
  switch (formula) {
#define LUXTORCH_CASE(rule) \
  case Formula::rule:       \
    return b.d ? rule##_double(b) : rule##_double_apply(b);
    LUXTORCH_FOR_EACH_OPTIMIZER_RULE(LUXTORCH_CASE)
#undef LUXTORCH_CASE
  }
}

double power_sum(const float* g, int64_t n, double p) { return power_sum_of(g, n, p); }
double power_sum(const double* g, int64_t n, double p) { return power_sum_of(g, n, p); }

}  // namespace luxtorch::kernels

#ifdef __clang__
#pragma clang diagnostic pop
#endif
