// Transpositions against plain loops: what is beside the result stays as it was.
#include "kernels/transpose.h"

#include <gtest/gtest.h>

#include "kernels/numbers.h"
#include "kernels/transpose_bytes.h"

namespace {

using namespace kernel_tests;

template <class T>
void compare(int64_t rows, int64_t n) {
  const int64_t from_stride = n + 3, to_stride = rows + 2;
  const auto from = Numbers(static_cast<uint64_t>(rows)).array<T>(rows * from_stride, -1, 1);
  std::vector<T> to(n * to_stride, T(7)), plain = to;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < n; ++i) plain[i * to_stride + r] = from[r * from_stride + i];
  }
  luxtorch::kernels::transpose(from.data(), from_stride, rows, n, to.data(), to_stride);
  EXPECT_TRUE(to == plain) << rows << " x " << n;
}

TEST(TransposeKernels, MatricesOfNumbers) {
  for (const int64_t rows : {1, 2, 3, 4, 5, 8, 11}) {
    for (const int64_t n : {1, 2, 3, 4, 6, 31, 32, 33, 70})
      compare<float>(rows, n), compare<double>(rows, n);
  }
}

void compare_bytes(int64_t element, int64_t n, int64_t rows, int64_t misplaced) {
  const int64_t from_step = rows * element + 5, to_step = n * element + 9;
  Numbers numbers(static_cast<uint64_t>(n));
  std::vector<char> from(n * from_step + misplaced), to(rows * to_step + misplaced, 'a');
  for (char& c : from) c = static_cast<char>(numbers.below(256));
  std::vector<char> plain = to;
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t r = 0; r < rows; ++r) {
      std::copy_n(&from[misplaced + i * from_step + r * element], element,
                  &plain[misplaced + r * to_step + i * element]);
    }
  }
  luxtorch::kernels::transpose_bytes(static_cast<size_t>(element), from.data() + misplaced,
                                     from_step, n, rows, to.data() + misplaced, to_step);
  EXPECT_TRUE(to == plain) << element << " bytes, " << n << " x " << rows;
}

TEST(TransposeKernels, MatricesOfBytes) {
  for (const int64_t element : {1, 2, 4, 8}) {
    for (const int64_t n : {1, 3, 16, 17, 150}) {
      for (const int64_t rows : {1, 2, 16, 63, 600}) {
        for (const int64_t misplaced : {0, 3}) compare_bytes(element, n, rows, misplaced);
      }
    }
  }
}

}  // namespace
