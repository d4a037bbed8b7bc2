// The gradients by a dense layer's weight, g' x, and by its bias.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dense/weight_gradient.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/dense/panels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

// So many rows are added up before a weight's gradient goes to memory: a panel of x and one of g fit the first cache.
constexpr int64_t kRowsOfSum = 256;
// So many outputs' gradients meet a panel of x while it is there; they fit the second cache.
constexpr int64_t kOutputsAtOnce = 96;
// So many columns of x are packed at a time.
constexpr int64_t kColumnsAtOnce = 1024;

// to[o][v] (+)= sum over rows of a[row][o] * b[row][v], for o below n; to's rows are `stride` apart, of `columns` numbers.
template <int kVectors, int kMost, class D, class T = hn::TFromD<D>>
HWY_NOINLINE void MultiplyRowsAway(D d, const Panels<T, kTile>& a, int64_t n, const T* b,
                                   int64_t b_stride, int64_t rows, bool add, T* to, int64_t stride,
                                   int64_t columns) {
  constexpr int64_t kLanes = hn::MaxLanes(D());
  ForBlocks<kMost>(n, [&](auto block, int64_t o) HWY_ATTR {
    constexpr int R = decltype(block)::value;
    Sums<D, R, kVectors> sums;
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      hwy::Prefetch(to + (o + r) * stride);
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v) sums.at[r][v] = hn::Zero(d);
    }
    MultiplyColumns(d, a.column(o), a.stride, b, b_stride, rows, sums);
    if (add) AddStored(d, to + o * stride, stride, columns, sums);
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      T* at = to + (o + r) * stride;
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v)
        StoreFirst(d, sums.at[r][v], at + v * kLanes, columns - v * kLanes);
    }
  });
}

// Where packed outputs end in the scratch memory, and packed columns begin.
template <class T>
HWY_INLINE int64_t PackedOutputs() {
  return (kOutputsAtOnce / kTile + 1) * (kRowsOfSum * kTile + kBetweenPanels);
}

template <class T>
int64_t Scratch(int64_t in) {
  const int64_t width = PanelWidth<T>(), columns = std::min(kColumnsAtOnce, in);
  return PackedOutputs<T>() + (columns + width - 1) / width * (kRowsOfSum * width + kBetweenPanels);
}
int64_t ScratchFloat(int64_t in) { return Scratch<float>(in); }
int64_t ScratchDouble(int64_t in) { return Scratch<double>(in); }

// By the bias, of outputs whose gradients are read where they lie.
template <class T>
HWY_INLINE void BiasGradient(const DenseLayer<T>& layer, int64_t rows, int64_t first, int64_t last,
                             T* by_bias) {
  const Whole<T> d;
  const int64_t lanes = hn::MaxLanes(d), whole = first + (last - first) / lanes * lanes;
  const DenseRows<T> by_z = layer.by_z;
  std::fill(by_bias + first, by_bias + last, T(0));
  for (int64_t begin = 0; begin < rows; begin += kRowsOfSum) {
    const int64_t end = std::min(rows, begin + kRowsOfSum);
    for (int64_t o = first; o < whole; o += lanes) {
      auto sum = hn::Zero(d);
      for (int64_t r = begin; r < end; ++r)
        sum = hn::Add(sum, hn::LoadU(d, by_z.at + r * by_z.stride + o));
      hn::StoreU(hn::Add(hn::LoadU(d, by_bias + o), sum), d, by_bias + o);
    }
    for (int64_t o = whole; o < last; ++o) {
      T sum = 0;
      for (int64_t r = begin; r < end; ++r) sum += by_z.at[r * by_z.stride + o];
      by_bias[o] += sum;
    }
  }
}
void BiasGradientFloat(const DenseLayer<float>& layer, int64_t rows, float* by_bias) {
  BiasGradient(layer, rows, 0, layer.out, by_bias);
}
void BiasGradientDouble(const DenseLayer<double>& layer, int64_t rows, double* by_bias) {
  BiasGradient(layer, rows, 0, layer.out, by_bias);
}

// The gradient of some outputs, [o, o + n), by some columns of x; add: to that of the rows before.
template <class T>
HWY_INLINE void Multiply(const Panels<T, kTile>& a, int64_t n, const Columns<T>& b, int64_t rows,
                         bool add, T* to, int64_t stride) {
  const Whole<T> d;
  constexpr int64_t kWidth = PanelWidth<T>();
  for (int64_t column = 0; column < b.n; column += kWidth, to += kWidth) {
    const int64_t columns = std::min(kWidth, b.n - column);
    const bool apart = columns < kWidth && b.last;
    const T* from = apart ? b.last : b.panels.column(column);
    const int64_t from_stride = apart ? kWidth : b.panels.stride;
    WithVectors(d, columns, [&](auto vectors) HWY_ATTR {
      constexpr int kVectors = decltype(vectors)::value;
      constexpr int kMost = RowsOfTile(kVectors);
      if (kMost != kTile && a.stride != kTile)  // read where they lie
        MultiplyRowsAway<kVectors, kMost>(d, a, n, from, from_stride, rows, add, to, stride,
                                          columns);
      else
        MultiplyRowsAway<kVectors, kTile>(d, a, n, from, from_stride, rows, add, to, stride,
                                          columns);
    });
  }
}

template <class T>
HWY_INLINE void WeightGradient(const DenseLayer<T>& layer, DenseRows<const T> x, int64_t rows,
                               int64_t first, int64_t last, T* scratch, T* by_weight, T* by_bias) {
  const hn::CappedTag<T, 8> d;  // a tile has 6 outputs
  const DenseRows<T> by_z = layer.by_z;
  const bool packs = PaysToPack(by_z.stride, layer.in),
             packs_x = PaysToPack(x.stride, last - first);
  for (int64_t begin = 0; begin < layer.in; begin += kColumnsAtOnce) {
    const int64_t columns = std::min(layer.in - begin, kColumnsAtOnce);
    for (int64_t row = 0; row < rows; row += kRowsOfSum) {
      const int64_t count = std::min(kRowsOfSum, rows - row);
      const Columns<T> b(x.at + row * x.stride + begin, x.stride, count, columns, packs_x,
                         scratch + PackedOutputs<T>());
      for (int64_t o = first; o < last; o += kOutputsAtOnce) {
        const int64_t outputs = std::min(kOutputsAtOnce, last - o);
        const T* at = by_z.at + row * by_z.stride + o;
        const Panels<T, kTile> a = packs
                                       ? Packed<kTile>(d, at, by_z.stride, count, outputs, scratch)
                                       : Panels<T, kTile>{at, by_z.stride, kTile};
        Multiply(a, outputs, b, count, row > 0, by_weight + o * layer.in + begin, layer.in);
        if (packs && by_bias && begin == 0)
          AddPackedRows(d, a, outputs, count, row > 0, by_bias + o);
      }
    }
  }
  if (!packs && by_bias) BiasGradient(layer, rows, first, last, by_bias);
}
void WeightGradientFloat(const DenseLayer<float>& layer, DenseRows<const float> x, int64_t rows,
                         int64_t first, int64_t last, float* scratch, float* by_weight,
                         float* by_bias) {
  WeightGradient(layer, x, rows, first, last, scratch, by_weight, by_bias);
}
void WeightGradientDouble(const DenseLayer<double>& layer, DenseRows<const double> x, int64_t rows,
                          int64_t first, int64_t last, double* scratch, double* by_weight,
                          double* by_bias) {
  WeightGradient(layer, x, rows, first, last, scratch, by_weight, by_bias);
}

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace luxtorch::kernels {

HWY_EXPORT(ScratchFloat);
HWY_EXPORT(ScratchDouble);
HWY_EXPORT(WeightGradientFloat);
HWY_EXPORT(WeightGradientDouble);
HWY_EXPORT(BiasGradientFloat);
HWY_EXPORT(BiasGradientDouble);

template <>
int64_t dense_scratch<float>(int64_t in) {
  return HWY_DYNAMIC_DISPATCH(ScratchFloat)(in);
}
template <>
int64_t dense_scratch<double>(int64_t in) {
  return HWY_DYNAMIC_DISPATCH(ScratchDouble)(in);
}
template <>
void dense_weight_gradient(const DenseLayer<float>& layer, DenseRows<const float> x, int64_t rows,
                           int64_t first, int64_t last, float* scratch, float* by_weight,
                           float* by_bias) {
  HWY_DYNAMIC_DISPATCH(WeightGradientFloat)
  (layer, x, rows, first, last, scratch, by_weight, by_bias);
}
template <>
void dense_weight_gradient(const DenseLayer<double>& layer, DenseRows<const double> x, int64_t rows,
                           int64_t first, int64_t last, double* scratch, double* by_weight,
                           double* by_bias) {
  HWY_DYNAMIC_DISPATCH(WeightGradientDouble)
  (layer, x, rows, first, last, scratch, by_weight, by_bias);
}
template <>
void dense_bias_gradient(const DenseLayer<float>& layer, int64_t rows, float* by_bias) {
  HWY_DYNAMIC_DISPATCH(BiasGradientFloat)(layer, rows, by_bias);
}
template <>
void dense_bias_gradient(const DenseLayer<double>& layer, int64_t rows, double* by_bias) {
  HWY_DYNAMIC_DISPATCH(BiasGradientDouble)(layer, rows, by_bias);
}

}  // namespace luxtorch::kernels
#endif
