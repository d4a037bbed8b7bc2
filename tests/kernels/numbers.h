// Numbers for the tests of the kernels, the same on every machine, and how far two arrays are apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

namespace kernel_tests {

class Numbers {
 public:
  explicit Numbers(uint64_t seed) : words_(seed) {}

  double between(double low, double high) {
    return low + (high - low) * (static_cast<double>(words_() >> 11) * 0x1p-53);
  }
  int64_t below(int64_t n) { return static_cast<int64_t>(words_() % static_cast<uint64_t>(n)); }

  template <class T>
  std::vector<T> array(int64_t n, double low, double high) {
    std::vector<T> numbers(static_cast<size_t>(n));
    for (T& x : numbers) x = static_cast<T>(between(low, high));
    return numbers;
  }

 private:
  std::mt19937_64 words_;
};

// The largest difference, in units of the rounding error of T at the size of the largest number (or of
// 1); infinite where one is NaN.
template <class T, class A, class B>
double ulps_apart(const std::vector<A>& a, const std::vector<B>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double most = 0, size = 1;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
    most = std::max(most, difference);
    size = std::max(size, std::abs(static_cast<double>(b[i])));
  }
  return most / size / static_cast<double>(std::numeric_limits<T>::epsilon());
}

}  // namespace kernel_tests
