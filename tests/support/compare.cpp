#include "support/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

namespace luxtorch::testing {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string text(const Tensor& t) {
  std::ostringstream out;
  out << Tree(t);
  return out.str();
}

// "bias: 0.1 in place of 0.2 at element 3": what a person wants to see first.
std::string worst_element(const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined() || a.sizes() != b.sizes() || a.numel() == 0) return "";
  auto x = a.detach().to(Device(c10::DeviceType::CPU)).to(kFloat64).flatten();
  auto y = b.detach().to(Device(c10::DeviceType::CPU)).to(kFloat64).flatten();
  auto i = (x - y).abs().nan_to_num(kInfinity).argmax().item<int64_t>();
  std::ostringstream out;
  out.precision(9);
  out << "; element " << i << " is " << x[i].item<double>() << " and " << y[i].item<double>();
  return out.str();
}

::testing::AssertionResult refuse(const std::string& a, const std::string& b,
                                  const std::string& why) {
  return ::testing::AssertionFailure() << a << " and " << b << " differ: " << why;
}

}  // namespace

double relative_difference(const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined() ? 0 : kInfinity;
  if (a.sizes() != b.sizes()) return kInfinity;
  if (a.numel() == 0) return 0;
  auto cpu = Device(c10::DeviceType::CPU);
  auto x = a.detach().to(cpu).to(kFloat64), y = b.detach().to(cpu).to(kFloat64);
  // Equal elements differ by nothing, NaN and infinities included.
  auto equal = (x == y) | (x.isnan() & y.isnan());
  auto difference = (x - y).abs().masked_fill(equal, 0).max().item<double>();
  if (difference == 0) return 0;
  if (!std::isfinite(difference)) return kInfinity;
  auto scale = y.abs().nan_to_num(0, 0, 0).max().item<double>();
  return scale == 0 ? difference : difference / scale;
}

double relative_difference(const Tree& a, const Tree& b) {
  auto x = tree::tensors(a), y = tree::tensors(b);
  if (tree::paths(a) != tree::paths(b) || x.size() != y.size()) return kInfinity;
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) worst = std::max(worst, relative_difference(x[i], y[i]));
  return worst;
}

::testing::AssertionResult close(const char* a_text, const char* b_text, const char*,
                                 const Tensor& a, const Tensor& b, double tolerance) {
  if (a.defined() && b.defined() && a.scalar_type() != b.scalar_type()) {
    return refuse(a_text, b_text, text(a) + " and " + text(b));
  }
  auto d = relative_difference(a, b);
  if (d <= tolerance) return ::testing::AssertionSuccess();
  std::ostringstream why;
  why << "max|a-b|/max|b| is " << d << ", above " << tolerance << "; a is " << text(a) << ", b is "
      << text(b) << worst_element(a, b);
  return refuse(a_text, b_text, why.str());
}

::testing::AssertionResult trees_close(const char* a_text, const char* b_text, const char*,
                                       const Tree& a, const Tree& b, double tolerance) {
  if (auto d = tree::difference(a, b); !d.empty()) return refuse(a_text, b_text, d);
  for (const auto& path : tree::paths(a)) {
    auto &x = a.at(path), &y = b.at(path);
    if (!x.is_tensor()) {
      if (!tree::equal(x, y)) return refuse(a_text, b_text, "at " + path);
      continue;
    }
    auto result = close(a_text, b_text, "", x.tensor(), y.tensor(), tolerance);
    if (!result) return refuse(a_text, b_text, "at " + path + ": " + result.message());
  }
  return ::testing::AssertionSuccess();
}

::testing::AssertionResult same(const char* a_text, const char* b_text, const Tree& a,
                                const Tree& b) {
  if (tree::equal(a, b)) return ::testing::AssertionSuccess();
  if (auto d = tree::difference(a, b); !d.empty()) return refuse(a_text, b_text, d);
  for (const auto& path : tree::paths(a)) {
    auto &x = a.at(path), &y = b.at(path);
    if (tree::equal(x, y)) continue;
    return refuse(a_text, b_text,
                  "at " + (path.empty() ? "the root" : path) + ": other bits" +
                      (x.is_tensor() ? worst_element(x.tensor(), y.tensor()) : ""));
  }
  return refuse(a_text, b_text, "other bits");
}

}  // namespace luxtorch::testing
