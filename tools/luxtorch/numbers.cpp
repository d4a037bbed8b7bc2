#include "numbers.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

using luxtorch::Tensor, luxtorch::kFloat64, luxtorch::kInt64;

namespace {

constexpr int64_t kPart = 1 << 16;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// f of the start and the length of every part of [0, count).
template <class F>
void for_parts(int64_t count, F f) {
  for (int64_t start = 0; start < count; start += kPart) f(start, std::min(kPart, count - start));
}

bool is_float4(const Tensor& t) { return t.scalar_type() == c10::ScalarType::Float4_e2m1fn_x2; }

/// One element of memory after the other; of float4 bytes, each of them two numbers.
Tensor flat(const Tensor& t) {
  auto all = is_float4(t) ? t.detach().view(c10::ScalarType::Byte) : t.detach();
  return all.contiguous().reshape({-1});
}

/// Bytes as the numbers of float4 that they are, the lower half first (Open Compute Project, OCP
/// Microscaling Formats 1.0): a sign, two bits of exponent, one of mantissa.
Tensor float4_numbers(const Tensor& bytes) {
  constexpr std::array kNumbers = {0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0};
  auto number = [&](unsigned bits) {
    return (bits & 8U) != 0 ? -kNumbers[bits & 7U] : kNumbers[bits];
  };
  auto numbers = at::empty({2 * bytes.numel()}, at::TensorOptions(kFloat64));
  auto* out = numbers.mutable_data_ptr<double>();
  const auto* in = bytes.const_data_ptr<uint8_t>();
  for (int64_t i = 0; i < bytes.numel(); ++i) {
    *out++ = number(in[i] & 15U);
    *out++ = number(in[i] >> 4U);
  }
  return numbers;
}

bool is_integer(const Tensor& t) { return c10::isIntegralType(t.scalar_type(), true); }

/// The bits of integers as int64: an unsigned 64-bit number above 2^63 comes out negative.
Tensor as_words(const Tensor& part) {
  return part.scalar_type() == c10::ScalarType::UInt64 ? part.view(kInt64) : part.to(kInt64);
}

Tensor magnitudes(const Tensor& part) {
  if (!part.is_complex()) return part.to(kFloat64);
  return part.to(c10::ScalarType::ComplexDouble).abs();
}

double apart(double a, double b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  double d = std::abs(a - b);
  return std::isnan(d) ? kInfinity : d;
}

void compare_words(const Tensor& a, const Tensor& b, bool is_unsigned, Distance& out) {
  auto as = as_words(a), bs = as_words(b);
  const int64_t *p = as.const_data_ptr<int64_t>(), *q = bs.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < as.numel(); ++i) {
    auto u = static_cast<uint64_t>(p[i]), v = static_cast<uint64_t>(q[i]);
    double magnitude = is_unsigned ? static_cast<double>(v) : std::abs(static_cast<double>(q[i]));
    out.largest_b = std::max(out.largest_b, magnitude);
    if (u == v) continue;
    bool less = is_unsigned ? u < v : p[i] < q[i];
    ++out.differing;
    out.absolute = std::max(out.absolute, static_cast<double>(less ? v - u : u - v));
  }
}

// Real numbers, or complex ones as pairs of them.
void compare_reals(const Tensor& a, const Tensor& b, bool pairs, Distance& out) {
  const double *p = a.const_data_ptr<double>(), *q = b.const_data_ptr<double>();
  int64_t step = pairs ? 2 : 1;
  for (int64_t i = 0; i < a.numel(); i += step) {
    double d = apart(p[i], q[i]), magnitude = std::abs(q[i]);
    if (pairs) {
      d = std::hypot(d, apart(p[i + 1], q[i + 1]));
      magnitude = std::hypot(q[i], q[i + 1]);
    }
    // An infinity in b on both sides must not make every other difference small.
    if (std::isfinite(magnitude)) out.largest_b = std::max(out.largest_b, magnitude);
    if (d == 0) continue;
    ++out.differing;
    out.absolute = std::max(out.absolute, d);
  }
}

Tensor as_reals(const Tensor& part, bool pairs) {
  if (!pairs) return part.to(kFloat64);
  return part.to(c10::ScalarType::ComplexDouble).contiguous().view(kFloat64);
}

}  // namespace

Summary summary(const Tensor& t) {
  Summary s{kNan, kNan, kNan, kNan};
  auto all = flat(t);
  int64_t count = 0;
  double mean = 0, squares = 0;  // squares of the distances from the mean
  for_parts(all.numel(), [&](int64_t start, int64_t length) {
    auto elements = all.narrow(0, start, length);
    auto part = is_float4(t) ? float4_numbers(elements) : magnitudes(elements).contiguous();
    length = part.numel();
    const double* x = part.const_data_ptr<double>();
    int64_t n = 0;
    double sum = 0, part_squares = 0;
    for (int64_t i = 0; i < length; ++i) {
      if (std::isnan(x[i])) {
        ++s.nan;
      } else if (std::isinf(x[i])) {
        ++s.infinite;
      } else {
        ++n;
        sum += x[i];
        s.least = std::fmin(s.least, x[i]);
        s.most = std::fmax(s.most, x[i]);
      }
    }
    if (n == 0) return;
    double part_mean = sum / static_cast<double>(n);
    for (int64_t i = 0; i < length; ++i)
      if (std::isfinite(x[i])) part_squares += (x[i] - part_mean) * (x[i] - part_mean);
    // Chan, Golub and LeVeque 1979: mean and squares of two parts together.
    double a = static_cast<double>(count), b = static_cast<double>(n), shift = part_mean - mean;
    mean += shift * b / (a + b);
    squares += part_squares + shift * shift * a * b / (a + b);
    count += n;
  });
  if (count > 0) s.mean = mean;
  if (count > 1) s.deviation = std::sqrt(squares / static_cast<double>(count - 1));
  return s;
}

double Distance::relative() const { return absolute == 0 ? 0 : absolute / largest_b; }

int64_t count_of_numbers(const Tensor& t) { return t.numel() * (is_float4(t) ? 2 : 1); }

Distance distance(const Tensor& a, const Tensor& b) {
  Distance d;
  auto as = flat(a), bs = flat(b);
  // Words of a signed and of an unsigned type are no numbers of one kind.
  auto is_u64 = [](const Tensor& t) { return t.scalar_type() == c10::ScalarType::UInt64; };
  bool words = is_integer(a) && is_integer(b) && is_u64(a) == is_u64(b);
  bool pairs = a.is_complex() || b.is_complex();
  for_parts(as.numel(), [&](int64_t start, int64_t length) {
    auto x = as.narrow(0, start, length), y = bs.narrow(0, start, length);
    if (is_float4(a)) {
      compare_reals(float4_numbers(x), float4_numbers(y), false, d);
    } else if (words) {
      compare_words(x, y, is_u64(a), d);
    } else {
      compare_reals(as_reals(x, pairs), as_reals(y, pairs), pairs, d);
    }
  });
  return d;
}
