#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/transpose.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Four rows by four columns at a time, in stripes whose lines are finished while they are near.
template <class T>
HWY_INLINE void Transpose(const T* from, int64_t from_stride, int64_t rows, int64_t n, T* to,
                          int64_t to_stride) {
  constexpr int64_t kStripe = 32;
  const hn::CappedTag<T, 4> d;
  const int64_t lanes = hn::Lanes(d);
  const int64_t whole_rows = rows / 4 * 4;
  HWY_ALIGN T block[16];
  for (int64_t begin = 0; begin < n; begin += kStripe) {
    const int64_t end = std::min(n, begin + kStripe), whole = begin + (end - begin) / lanes * lanes;
    for (int64_t r = 0; r < whole_rows; r += 4) {
      const T* row = from + r * from_stride;
      for (int64_t i = begin; i < whole; i += lanes) {
        hn::StoreInterleaved4(hn::LoadU(d, row + i), hn::LoadU(d, row + from_stride + i),
                              hn::LoadU(d, row + 2 * from_stride + i),
                              hn::LoadU(d, row + 3 * from_stride + i), d, block);
        for (int64_t k = 0; k < lanes; ++k) {
          T* at = to + (i + k) * to_stride + r;
          for (int64_t l = 0; l < 4; l += lanes)
            hn::StoreU(hn::Load(d, block + 4 * k + l), d, at + l);
        }
      }
      for (int64_t i = whole; i < end; ++i) {
        for (int64_t l = 0; l < 4; ++l) to[i * to_stride + r + l] = row[l * from_stride + i];
      }
    }
    for (int64_t r = whole_rows; r < rows; ++r) {
      for (int64_t i = begin; i < end; ++i) to[i * to_stride + r] = from[r * from_stride + i];
    }
  }
}

void TransposeFloat(const float* from, int64_t from_stride, int64_t rows, int64_t n, float* to,
                    int64_t to_stride) {
  Transpose(from, from_stride, rows, n, to, to_stride);
}
void TransposeDouble(const double* from, int64_t from_stride, int64_t rows, int64_t n, double* to,
                     int64_t to_stride) {
  Transpose(from, from_stride, rows, n, to, to_stride);
}

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "kernels/transpose.h"

namespace luxtorch::kernels {

HWY_EXPORT(TransposeFloat);
HWY_EXPORT(TransposeDouble);

void transpose(const float* from, int64_t from_stride, int64_t rows, int64_t n, float* to,
               int64_t to_stride) {
  HWY_DYNAMIC_DISPATCH(TransposeFloat)(from, from_stride, rows, n, to, to_stride);
}
void transpose(const double* from, int64_t from_stride, int64_t rows, int64_t n, double* to,
               int64_t to_stride) {
  HWY_DYNAMIC_DISPATCH(TransposeDouble)(from, from_stride, rows, n, to, to_stride);
}

}  // namespace luxtorch::kernels
#endif
