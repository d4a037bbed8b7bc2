// Products of a few rows with a few vectors of columns, held in registers.
#if defined(LUXTORCH_KERNELS_TILE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LUXTORCH_KERNELS_TILE_INL_H
#undef LUXTORCH_KERNELS_TILE_INL_H
#else
#define LUXTORCH_KERNELS_TILE_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>
#include <utility>

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// AVX-512 has 32 registers, NEON too, AVX2 16; without vectors, few sums are what a compiler likes.
#if (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3) || HWY_ARCH_ARM_A64
constexpr int kRegisters = 32;
#elif HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SCALAR
constexpr int kRegisters = 6;
#else
constexpr int kRegisters = 16;
#endif
// A tile of so many vectors per row has at most so many rows: the sums, one vector of the right
// factor for each of theirs (or one at a time, where registers are few), one number of the left.
constexpr int RowsOfTile(int vectors) {
  const int rows = (kRegisters - (kRegisters == 32 ? vectors + 1 : 2)) / vectors;
  const int most = vectors == 1 ? 8 : 6;  // as many sums as two units with a latency of four keep
  return rows > most ? most : rows < 1 ? 1 : rows;
}

template <class D, int kRows, int kVectors>
struct Sums {
  HWY_INLINE Sums() {}  // written out: the compiler's own would not have the target's instructions

  hn::Vec<D> at[kRows][kVectors];
};

// sums[r][v] += sum over k of a[r][k] * b[k * b_stride + v * lanes]
template <class D, int kRows, int kVectors, class T = hn::TFromD<D>>
HWY_INLINE void MultiplyRows(D d, const T* const (&a)[kRows], const T* b, int64_t b_stride,
                             int64_t n, Sums<D, kRows, kVectors>& sums) {
  constexpr size_t kLanes = hn::MaxLanes(D());
  for (int64_t k = 0; k < n; ++k, b += b_stride) {
    hn::Vec<D> right[kVectors];
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) right[v] = hn::LoadU(d, b + v * kLanes);
    HWY_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      const auto left = hn::Set(d, a[r][k]);
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v) sums.at[r][v] = hn::MulAdd(left, right[v], sums.at[r][v]);
    }
  }
}

// sums[r][v] += sum over s of a[s * a_stride + r] * b[s * b_stride + v * lanes]
template <class D, int kRows, int kVectors, class T = hn::TFromD<D>>
HWY_INLINE void MultiplyColumns(D d, const T* a, int64_t a_stride, const T* b, int64_t b_stride,
                                int64_t n, Sums<D, kRows, kVectors>& sums) {
  constexpr size_t kLanes = hn::MaxLanes(D());
  for (int64_t s = 0; s < n; ++s, a += a_stride, b += b_stride) {
    hn::Vec<D> right[kVectors];
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) right[v] = hn::LoadU(d, b + v * kLanes);
    HWY_UNROLL(8)
    for (int r = 0; r < kRows; ++r) {
      const auto left = hn::Set(d, a[r]);
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v) sums.at[r][v] = hn::MulAdd(left, right[v], sums.at[r][v]);
    }
  }
}

// The first n of a vector; memory beyond them may belong to somebody else.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> LoadFirst(D d, const T* from, int64_t n) {
  constexpr int64_t kLanes = hn::MaxLanes(D());
  if (HWY_LIKELY(n >= kLanes)) return hn::LoadU(d, from);
  HWY_ALIGN T part[kLanes] = {};
  if (n > 0) std::memcpy(part, from, n * sizeof(T));
  return hn::Load(d, part);
}
template <class D, class T = hn::TFromD<D>>
HWY_INLINE void StoreFirst(D d, hn::Vec<D> v, T* to, int64_t n) {
  constexpr int64_t kLanes = hn::MaxLanes(D());
  if (HWY_LIKELY(n >= kLanes)) return hn::StoreU(v, d, to);
  HWY_ALIGN T part[kLanes];
  hn::Store(v, d, part);
  if (n > 0) std::memcpy(to, part, n * sizeof(T));
}

// Calls f(integral_constant<int, R>, first) for blocks of R rows that together are rows 0 to n - 1:
// as many of kMost as there are, then 4, 2 and 1 for the rest (each size is compiled once more).
template <int kMost, class F>
HWY_INLINE void ForBlocks(int64_t n, const F& f) {
  int64_t row = 0;
  for (; n - row >= kMost; row += kMost) f(std::integral_constant<int, kMost>(), row);
  if constexpr (kMost > 4) {
    if (n - row >= 4) f(std::integral_constant<int, 4>(), row), row += 4;
  }
  if constexpr (kMost > 2) {
    if (n - row >= 2) f(std::integral_constant<int, 2>(), row), row += 2;
  }
  if constexpr (kMost > 1) {
    if (n - row >= 1) f(std::integral_constant<int, 1>(), row);
  }
}

// Calls f(integral_constant<int, vectors>) of a panel: 1, 3 or 4 of them.
template <class F>
HWY_INLINE void ForVectors(int64_t vectors, const F& f) {
  if (vectors == 1) return f(std::integral_constant<int, 1>());
  if (vectors == 3) return f(std::integral_constant<int, 3>());
  f(std::integral_constant<int, 4>());
}

// Rows whose products are made before their cells' functions: a multiple of a tile's rows, few enough
// to stay in the first cache.
constexpr int64_t kStrip = 24;
constexpr int64_t kMostVectors = 4;  // of a row of a strip

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
