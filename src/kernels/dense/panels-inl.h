// Columns of rows, packed into panels for the product of a weight's gradient.
#if defined(LUXTORCH_KERNELS_DENSE_PANELS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LUXTORCH_KERNELS_DENSE_PANELS_INL_H
#undef LUXTORCH_KERNELS_DENSE_PANELS_INL_H
#else
#define LUXTORCH_KERNELS_DENSE_PANELS_INL_H
#endif

#include <hwy/cache_control.h>

#include <algorithm>

#include "kernels/dense/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// A row is asked for so many rows before it is copied: no processor foresees which page follows.
constexpr int64_t kAhead = 8;
// Numbers after a panel: a last vector may end there, and neighbours do not begin in the same part of a cache.
constexpr int64_t kBetweenPanels = 80;

// Columns of rows in memory, kWidth of them side by side; the next ones begin `panel` numbers further.
template <class T, int64_t kWidth>
struct Panels {
  const T* at;
  int64_t stride, panel;

  HWY_INLINE const T* column(int64_t c) const { return at + c / kWidth * panel + c % kWidth; }
};

// Whether rows so far apart are copied before each is multiplied with so many numbers. Far ones would lie on a page of their
// own; a panel of nearer ones has its lines in few places of a cache.
HWY_INLINE bool PaysToPack(int64_t stride, int64_t times) {
  return stride > (times >= 256 ? 64 : 128);
}

// Outputs of a tile.
constexpr int64_t kTile = RowsOfTile(kPanelVectors);

// n columns of so many rows as panels; zeros follow the last one.
template <int64_t kWidth, class D, class T = hn::TFromD<D>>
HWY_NOINLINE Panels<T, kWidth> Packed(D d, const T* from, int64_t stride, int64_t rows, int64_t n,
                                      T* to) {
  constexpr int64_t kLanes = hn::MaxLanes(D()), kVectors = (kWidth + kLanes - 1) / kLanes,
                    kLine = 64 / sizeof(T);
  const int64_t panel = rows * kWidth + kBetweenPanels;
  for (int64_t r = 0; r < rows; ++r, from += stride) {
    if (r + kAhead < rows) {
      for (int64_t c = 0; c < n; c += kLine) hwy::Prefetch(from + kAhead * stride + c);
    }
    T* row = to + r * kWidth;
    int64_t c = 0;
    for (; c + kVectors * kLanes <= n; c += kWidth, row += panel) {
      HWY_UNROLL(8)
      for (int64_t v = 0; v < kVectors; ++v)
        hn::StoreU(hn::LoadU(d, from + c + v * kLanes), d, row + v * kLanes);
    }
    for (; c < n; c += kWidth, row += panel) {
      HWY_UNROLL(8)
      for (int64_t v = 0; v < kVectors; ++v) hn::StoreU(hn::Zero(d), d, row + v * kLanes);
      // Shorter than the call of a function that copies memory.
      const int64_t left = std::min(kWidth, n - c);
      HWY_UNROLL(1)
      for (int64_t i = 0; i < left; ++i) row[i] = from[c + i];
    }
  }
  return {to, kWidth, panel};
}

// to[o] (+)= the sum over rows of packed outputs' gradients. Four panels at a time do not wait for each other.
template <class D, class T = hn::TFromD<D>>
HWY_NOINLINE void AddPackedRows(D d, const Panels<T, kTile>& a, int64_t n, int64_t rows, bool add,
                                T* to) {
  constexpr int64_t kLanes = hn::MaxLanes(D()), kVectors = (kTile + kLanes - 1) / kLanes,
                    kTogether = 4;
  for (int64_t o = 0; o < n; o += kTogether * kTile) {
    const T* from[kTogether];
    Sums<D, kTogether, kVectors> sums;
    for (int64_t p = 0; p < kTogether; ++p) {
      from[p] = a.column(std::min(o + p * kTile, (n - 1) / kTile * kTile));
      for (int64_t v = 0; v < kVectors; ++v) sums.at[p][v] = hn::Zero(d);
    }
    for (int64_t r = 0; r < rows; ++r) {
      HWY_UNROLL(8)
      for (int64_t p = 0; p < kTogether; ++p) {
        HWY_UNROLL(8)
        for (int64_t v = 0; v < kVectors; ++v)
          sums.at[p][v] = hn::Add(sums.at[p][v], hn::LoadU(d, from[p] + r * kTile + v * kLanes));
      }
    }
    for (int64_t p = 0; p < kTogether; ++p) {
      for (int64_t v = 0; v < kVectors; ++v) {
        const int64_t at = o + p * kTile + v * kLanes, left = std::min(kTile - v * kLanes, n - at);
        const auto before = add ? LoadFirst(d, to + at, left) : hn::Zero(d);
        StoreFirst(d, hn::Add(before, sums.at[p][v]), to + at, left);
      }
    }
  }
}

// n columns of x, packed at `to`, or read where they lie: then a last panel that tiles would read beyond is packed.
template <class T>
struct Columns {
  Panels<T, PanelWidth<T>()> panels;
  int64_t n;
  const T* last = nullptr;  // the last panel, if it is apart from the others

  HWY_INLINE Columns(const T* x, int64_t x_stride, int64_t rows, int64_t columns, bool packs, T* to)
      : n(columns) {
    const Whole<T> d;
    const int64_t width = PanelWidth<T>(), lanes = hn::MaxLanes(d);
    if (packs) {
      panels = Packed<PanelWidth<T>()>(d, x, x_stride, rows, n, to);
      return;
    }
    panels = {x, x_stride, width};
    const int64_t left = n % width;
    if (left == 0 || left == lanes || (kPanelVectors > 2 && left == 2 * lanes)) return;
    last = Packed<PanelWidth<T>()>(d, x + n - left, x_stride, rows, left, to).at;
  }
};

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
