// Products of many rows at once. None depends on the cell, so each is compiled once for all.
#if defined(LUXTORCH_KERNELS_PRODUCTS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LUXTORCH_KERNELS_PRODUCTS_INL_H
#undef LUXTORCH_KERNELS_PRODUCTS_INL_H
#else
#define LUXTORCH_KERNELS_PRODUCTS_INL_H
#endif

#include "kernels/recurrent/tags-inl.h"
#include "kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// sums[k][v] += sum over rows of a[row][k] * gates[row][v], for k of 0 to n - 1.
template <int kVectors, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void AddProduct(D d, const T* a, int64_t a_stride, const T* gates, int64_t rows,
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
HWY_NOINLINE void AddSum(D d, const T* gates, int64_t rows, T* to) {
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
HWY_NOINLINE void AddRows(D d, const int64_t* tokens, const T* gates, int64_t rows, T* to) {
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

// The operands of MultiplyInto.
template <class T>
struct RowsOfProduct {
  const T* start = nullptr;  // what row r's sum starts from, r * start_stride further, or zero
  int64_t start_stride = 0;
  const T* const* from = nullptr;  // rows of n numbers anywhere, or
  const T* block =
      nullptr;  // `parts` blocks of such rows, `part` apart: one row is `parts` * n long
  int64_t part = 0, parts = 1, n = 0;
  const T* weight = nullptr;        // (parts * n, width)
  T* const* to = nullptr;           // where each row's result goes, from `column` on, or
  T* dense = nullptr;               // one row after the other
  int64_t column = 0, columns = 0;  // of the result at most so many
};

// result = start + from * weight, for so many rows. A last vector of fewer columns than lanes starts whole.
template <int kVectors, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void MultiplyInto(D d, const RowsOfProduct<T>& p, int64_t rows) {
  constexpr int64_t kLanes = hn::MaxLanes(D()), kWidth = kVectors * kLanes;
  ForBlocks<RowsOfTile(kVectors)>(rows, [&](auto block, int64_t row) HWY_ATTR {
    constexpr int R = decltype(block)::value;
    Sums<D, R, kVectors> sums;
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      const T* start = p.start + (row + r) * p.start_stride;
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v)
        sums.at[r][v] =
            p.start && v * kLanes < p.columns ? hn::LoadU(d, start + v * kLanes) : hn::Zero(d);
    }
    const T* weight = p.weight;
    for (int64_t part = 0; part < p.parts; ++part, weight += p.n * kWidth) {
      const T* from[R];
      HWY_UNROLL(8)
      for (int r = 0; r < R; ++r) {
        from[r] = p.from ? p.from[row + r] : p.block + part * p.part + (row + r) * p.n;
      }
      MultiplyRows(d, from, weight, kWidth, p.n, sums);
    }
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v) {
        T* to = p.to ? p.to[row + r] + p.column : p.dense + (row + r) * kWidth;
        if (v * kLanes < p.columns)
          StoreFirst(d, sums.at[r][v], to + v * kLanes, p.columns - v * kLanes);
      }
    }
  });
}

// The operands of SumGates, for one panel.
template <class T>
struct GateSums {
  const T* start = nullptr;  // what row r's sums start from, r * start_stride further
  int64_t start_stride = 0;
  const T* const* x = nullptr;  // rows of `in` numbers, or
  const int64_t* const* tokens = nullptr;
  const T* ih = nullptr;  // (in, width), or nullptr: what the sums start from has x in it
  int64_t in = 0;
  const T* h = nullptr;  // rows of `out` numbers, h_stride apart
  int64_t h_stride = 0, out = 0;
  const T* hh = nullptr;            // (out, width)
  const T* hidden_start = nullptr;  // kTwoSums: what the last gate's sum with h starts from
  T* to = nullptr;  // rows of kVectors vectors; kTwoSums: one more, the last gate's sum with h
  bool together =
      false;  // RowsOfVector rows each: their first vectors, their second ones, and so on
};

// The sums of rows row to row + R - 1; kTwoSums: of the last gate those with h, and by_input gets those with x.
template <bool kTwoSums, class D, int R, int kVectors, class T = hn::TFromD<D>>
HWY_INLINE void SumTile(D d, const GateSums<T>& p, int64_t row, Sums<D, R, kVectors>& sums,
                        hn::Vec<D> (&by_input)[R]) {
  constexpr int64_t kLanes = hn::MaxLanes(D()), kWidth = kVectors * kLanes;
  HWY_UNROLL(8)
  for (int r = 0; r < R; ++r) {
    const T* start = p.start + (row + r) * p.start_stride;
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) sums.at[r][v] = hn::LoadU(d, start + v * kLanes);
  }
  const T* from[R];
  if (p.ih && !p.tokens) {
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) from[r] = p.x[row + r];
    MultiplyRows(d, from, p.ih, kWidth, p.in, sums);
  } else if (p.ih) {
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      const T* weight = p.ih + *p.tokens[row + r] * kWidth;
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v)
        sums.at[r][v] = hn::Add(sums.at[r][v], hn::LoadU(d, weight + v * kLanes));
    }
  }
  if constexpr (kTwoSums) {
    const auto start = hn::LoadU(d, p.hidden_start);
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      by_input[r] = sums.at[r][kVectors - 1];
      sums.at[r][kVectors - 1] = start;
    }
  }
  HWY_UNROLL(8)
  for (int r = 0; r < R; ++r) from[r] = p.h + (row + r) * p.h_stride;
  MultiplyRows(d, from, p.hh, kWidth, p.out, sums);
}

// to = start + x * ih + h * hh, for so many rows.
template <int kVectors, bool kTwoSums, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void SumGates(D d, const GateSums<T>& p, int64_t rows) {
  constexpr int64_t kLanes = hn::MaxLanes(D()), kStored = kVectors + kTwoSums,
                    kRows = RowsOfVector<D>();
  const int64_t step = (p.together ? kRows : 1) * kLanes;
  ForBlocks<RowsOfTile(kStored)>(rows, [&](auto block, int64_t row) HWY_ATTR {
    constexpr int R = decltype(block)::value;
    Sums<D, R, kVectors> sums;
    hn::Vec<D> by_input[R];
    SumTile<kTwoSums>(d, p, row, sums, by_input);
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      const int64_t i = row + r, within = kRows > 1 && p.together ? i % kRows : 0;
      T* to = p.to + (i - within) * kStored * kLanes + within * kLanes;
      if constexpr (kTwoSums) hn::StoreU(by_input[r], d, to + (kVectors - 1) * step);
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v) {
        const int64_t at = v + (kTwoSums && v == kVectors - 1);
        hn::StoreU(sums.at[r][v], d, to + at * step);
      }
    }
  });
}

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
