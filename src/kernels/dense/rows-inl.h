// Products of rows with a panel of weights.
#if defined(LUXTORCH_KERNELS_DENSE_ROWS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LUXTORCH_KERNELS_DENSE_ROWS_INL_H
#undef LUXTORCH_KERNELS_DENSE_ROWS_INL_H
#else
#define LUXTORCH_KERNELS_DENSE_ROWS_INL_H
#endif

#include "kernels/dense/activation-inl.h"

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Enough independent sums for two multiply-adds a cycle, few enough for the registers.
constexpr int kPanelVectors = kRegisters == 32 ? 4 : 2;

template <class T>
using Whole = hn::ScalableTag<T>;
template <class T>
constexpr int64_t PanelWidth() {
  return kPanelVectors * static_cast<int64_t>(hn::MaxLanes(Whole<T>()));
}

// What a product with a panel reads and writes beside its rows.
template <class T>
struct PanelOutput {
  T* to;
  int64_t stride;
  int64_t columns;  // of the panel that there are
  bool padded;      // rows of `to` have room for whole vectors
  DenseActivation activation = DenseActivation::identity;
  T slope = 0;
  const T* start = nullptr;  // what each row's sum begins with, `columns` numbers; or zero
  const T* y = nullptr;  // backward: the sums are gradients by this y, and become those by its sums
  int64_t y_stride = 0;
};

template <class D, int R, int kVectors, class T>
HWY_INLINE void StoreForward(D d, const PanelOutput<T>& out, int64_t row,
                             const Sums<D, R, kVectors>& sums) {
  constexpr int64_t kLanes = hn::MaxLanes(D());
  const int64_t columns = out.padded ? kVectors * kLanes : out.columns;
  HWY_UNROLL(8)
  for (int r = 0; r < R; ++r) {
    T* to = out.to + (row + r) * out.stride;
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v)
      StoreFirst(d, CheaplyActivated(d, out.activation, out.slope, sums.at[r][v]), to + v * kLanes,
                 columns - v * kLanes);
  }
  if (IsCheap(out.activation)) return;
  for (int r = 0; r < R; ++r) Activate(d, out.activation, out.to + (row + r) * out.stride, columns);
}

template <class D, int R, int kVectors, class T>
HWY_INLINE void StoreBackward(D d, const PanelOutput<T>& out, int64_t row,
                              const Sums<D, R, kVectors>& sums) {
  constexpr int64_t kLanes = hn::MaxLanes(D());
  HWY_UNROLL(8)
  for (int r = 0; r < R; ++r) {
    T* to = out.to + (row + r) * out.stride;
    const T* y = out.y + (row + r) * out.y_stride;  // of a hidden layer: whole panels
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) {
      const auto by_z =
          ByZ(d, out.activation, out.slope, sums.at[r][v], hn::LoadU(d, y + v * kLanes));
      hn::StoreU(by_z, d, to + v * kLanes);
    }
  }
}

// Sums of sums keep more digits than one sum that goes on.
template <class D, int R, int kVectors, class T = hn::TFromD<D>>
HWY_INLINE void AddStored(D d, const T* from, int64_t stride, int64_t columns,
                          Sums<D, R, kVectors>& sums) {
  constexpr int64_t kLanes = hn::MaxLanes(D());
  HWY_UNROLL(8)
  for (int r = 0; r < R; ++r) {
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) {
      const auto stored = LoadFirst(d, from + r * stride + v * kLanes, columns - v * kLanes);
      sums.at[r][v] = hn::Add(sums.at[r][v], stored);
    }
  }
}

// The rows of a, numbers [begin, end) of n, times those rows of a panel. Parts follow each other from 0.
template <int kVectors, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void MultiplyPanel(D d, DenseRows<const T> a, int64_t first, int64_t last,
                                int64_t begin, int64_t end, int64_t n, const T* panel,
                                int64_t width, const PanelOutput<T>& out) {
  constexpr int64_t kLanes = hn::MaxLanes(D());
  const int64_t stored = out.padded ? kVectors * kLanes : out.columns;
  ForBlocks<RowsOfTile(kVectors)>(last - first, [&](auto block, int64_t at) HWY_ATTR {
    constexpr int R = decltype(block)::value;
    const int64_t row = first + at;
    T* to = out.to + row * out.stride;
    Sums<D, R, kVectors> sums;
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) {
      const auto start =
          out.start ? LoadFirst(d, out.start + v * kLanes, out.columns - v * kLanes) : hn::Zero(d);
      HWY_UNROLL(8)
      for (int r = 0; r < R; ++r) sums.at[r][v] = begin == 0 ? start : hn::Zero(d);
    }
    const T* from[R];
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) from[r] = a.at + (row + r) * a.stride + begin;
    MultiplyRows(d, from, panel + begin * width, width, end - begin, sums);
    if (begin > 0) AddStored(d, to, out.stride, stored, sums);
    if (end < n) {
      HWY_UNROLL(8)
      for (int r = 0; r < R; ++r) {
        HWY_UNROLL(8)
        for (int v = 0; v < kVectors; ++v)
          StoreFirst(d, sums.at[r][v], to + r * out.stride + v * kLanes, stored - v * kLanes);
      }
    } else {
      out.y ? StoreBackward(d, out, row, sums) : StoreForward(d, out, row, sums);
    }
  });
}

// Calls f(integral_constant<int, vectors>) with as many vectors as so many columns need.
template <class D, class F>
HWY_INLINE void WithVectors(D, int64_t columns, const F& f) {
  constexpr int64_t kLanes = hn::MaxLanes(D());
  if (columns <= kLanes) return f(std::integral_constant<int, 1>());
  if constexpr (kPanelVectors > 2) {
    if (columns <= 2 * kLanes) return f(std::integral_constant<int, 2>());
  }
  f(std::integral_constant<int, kPanelVectors>());
}

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
