#include "fit/axis.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

namespace luxtorch::detail {
namespace {

// No power of ten outside of these is a normal double.
constexpr int kLeastPower = -307, kMostPower = 308;

double power_of_ten(int power) {
  return std::pow(10.0, std::clamp(power, kLeastPower, kMostPower));
}

int power_below(double positive) { return static_cast<int>(std::floor(std::log10(positive))); }

// Digits that tell multiples of `step` up to `largest` apart.
int digits_needed(double largest, double step) {
  return largest > 0 ? std::clamp(power_below(largest) - power_below(step) + 1, 1, 17) : 1;
}

std::vector<Tick> linear_ticks(const Axis& axis, int most) {
  // Halves, since the difference of two doubles may be none.
  const double least_step = 2 * ((axis.high / 2 - axis.low / 2) / most);
  int power = power_below(std::max(least_step, power_of_ten(kLeastPower)));
  double step = 0, first = 0, count = 0;
  for (bool found = false; !found; ++power) {
    for (double times : {1.0, 2.0, 5.0}) {
      step = times * power_of_ten(power);
      // With room for a rounded quotient.
      first = std::ceil(axis.low / step - 1e-9);
      count = std::floor(axis.high / step + 1e-9) - first + 1;
      found = !(count > most) || power >= kMostPower;
      if (found) break;
    }
  }
  std::vector<Tick> all;
  const int digits = digits_needed(std::max(std::abs(axis.low), std::abs(axis.high)), step);
  for (double i = 0; i < std::min(count, static_cast<double>(most)); ++i) {
    double value = (first + i) * step;
    if (value == 0) value = 0;  // no -0
    all.push_back({value, brief(value, digits)});
  }
  return all;
}

std::vector<Tick> logarithmic_ticks(const Axis& axis, int most) {
  const int from = power_below(axis.low), to = power_below(axis.high) + 1;
  auto within = [&](double value) {
    return value >= axis.low * (1 - 1e-12) && value <= axis.high * (1 + 1e-12);
  };
  auto tick = [&](std::vector<Tick>& to_these, double value) {
    if (within(value)) to_these.push_back({value, brief(value, 1)});
  };
  std::vector<Tick> all;
  if (to - from <= most) {
    for (int power = from; power <= to; ++power)
      for (double times : {1.0, 2.0, 5.0}) tick(all, times * power_of_ten(power));
    if (all.size() < 2) return linear_ticks(axis, most);
    if (static_cast<int>(all.size()) <= most) return all;
    all.clear();
  }
  const int stride = (to - from) / most + 1;
  for (int power = from; power <= to; ++power)
    if (power % stride == 0) tick(all, power_of_ten(power));
  return all;
}

}  // namespace

bool Axis::has(double value) const { return std::isfinite(value) && (!logarithmic || value > 0); }

double Axis::position(double value) const {
  if (logarithmic)
    return (std::log10(value) - std::log10(low)) / (std::log10(high) - std::log10(low));
  return (value / 2 - low / 2) / (high / 2 - low / 2);
}

Axis axis_of(const std::vector<double>& values, bool logarithmic) {
  Axis axis{0, 0, logarithmic};
  bool any = false;
  for (double value : values) {
    if (!axis.has(value)) continue;
    axis.low = any ? std::min(axis.low, value) : value;
    axis.high = any ? std::max(axis.high, value) : value;
    any = true;
  }
  if (!any) return {logarithmic ? 1.0 : 0.0, logarithmic ? 10.0 : 1.0, logarithmic};
  // Nearer than rounding, the ends would have one place.
  const double middle = axis.low / 2 + axis.high / 2;
  if (axis.high / 2 - axis.low / 2 > 1e-12 * std::abs(middle)) return axis;
  constexpr double kMost = std::numeric_limits<double>::max();
  if (logarithmic) {
    axis.low = std::max(middle / 2, 1e-308);
    axis.high = std::min(std::max(middle, 1e-308) * 2, kMost);
    if (axis.high <= axis.low) axis.low = axis.high / 10;
  } else {
    const double around = std::max(std::abs(middle) / 10, middle == 0 ? 1 : 1e-300);
    axis.low = std::max(middle - around, -kMost);
    axis.high = std::min(middle + around, kMost);
    if (axis.high <= axis.low) (middle > 0 ? axis.low : axis.high) = middle / 2;
  }
  return axis;
}

std::vector<Tick> ticks(const Axis& axis, int most) {
  return axis.logarithmic ? logarithmic_ticks(axis, most) : linear_ticks(axis, most);
}

std::string brief(double value, int digits) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char text[64];
  std::snprintf(text, sizeof text, "%.*e", digits - 1, value);
  std::string scientific = text;
  const auto e = scientific.find('e');
  const int power = std::stoi(scientific.substr(e + 1));
  std::string mantissa = scientific.substr(0, e);
  auto without_zeros = [](std::string& number) {
    if (number.find('.') == number.npos) return;
    number.erase(number.find_last_not_of('0') + 1);
    if (number.back() == '.') number.pop_back();
  };
  if (power < -4 || power > 6) {
    without_zeros(mantissa);
    return mantissa + "e" + std::to_string(power);
  }
  std::snprintf(text, sizeof text, "%.*f", std::max(digits - 1 - power, 0), value);
  std::string plain = text;
  without_zeros(plain);
  return plain;
}

}  // namespace luxtorch::detail
