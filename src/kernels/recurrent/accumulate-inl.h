// Sums over rows and steps, which the weights' gradient is made of.
#if defined(LUXTORCH_KERNELS_ACCUMULATE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LUXTORCH_KERNELS_ACCUMULATE_INL_H
#undef LUXTORCH_KERNELS_ACCUMULATE_INL_H
#else
#define LUXTORCH_KERNELS_ACCUMULATE_INL_H
#endif

#include "kernels/recurrent/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// sums[k][v] += sum over rows of a[row][k] * gates[row][v], for k of 0 to n - 1.
template <int kVectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void AddProduct(D d, const T* a, int64_t a_stride, const T* gates, int64_t rows,
                           int64_t n, T* to) {
  constexpr int64_t kLanes = hn::MaxLanes(D()), kWidth = kVectors * kLanes;
  ForBlocks<RowsOfTile(kVectors)>(n, [&](auto block, int64_t k) HWY_ATTR {
    constexpr int K = decltype(block)::value;
    T* at = to + k * kWidth;
    Sums<D, K, kVectors> sums;
    HWY_UNROLL(8)
    for (int r = 0; r < K; ++r) {
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v) sums.at[r][v] = hn::LoadU(d, at + r * kWidth + v * kLanes);
    }
    MultiplyColumns(d, a + k, a_stride, gates, kWidth, rows, sums);
    HWY_UNROLL(8)
    for (int r = 0; r < K; ++r) {
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v) hn::StoreU(sums.at[r][v], d, at + r * kWidth + v * kLanes);
    }
  });
}

template <int kVectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void AddSum(D d, const T* gates, int64_t rows, T* to) {
  constexpr int64_t kLanes = hn::MaxLanes(D());
  hn::Vec<D> sum[kVectors];
  HWY_UNROLL(8)
  for (int v = 0; v < kVectors; ++v) sum[v] = hn::LoadU(d, to + v * kLanes);
  for (int64_t r = 0; r < rows; ++r, gates += kVectors * kLanes) {
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) sum[v] = hn::Add(sum[v], hn::LoadU(d, gates + v * kLanes));
  }
  HWY_UNROLL(8)
  for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[v], d, to + v * kLanes);
}

// Each row's gates to its token's row.
template <int kVectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void AddRows(D d, const int64_t* tokens, const T* gates, int64_t rows, T* to) {
  constexpr int64_t kLanes = hn::MaxLanes(D()), kWidth = kVectors * kLanes;
  for (int64_t r = 0; r < rows; ++r, gates += kWidth) {
    T* at = to + tokens[r] * kWidth;
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) {
      const auto sum = hn::Add(hn::LoadU(d, at + v * kLanes), hn::LoadU(d, gates + v * kLanes));
      hn::StoreU(sum, d, at + v * kLanes);
    }
  }
}

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
