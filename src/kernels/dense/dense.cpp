#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dense/dense.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/dense/rows-inl.h"
#include "kernels/transpose.h"

#ifndef LUXTORCH_KERNELS_DENSE_SIZES
#define LUXTORCH_KERNELS_DENSE_SIZES
namespace luxtorch::kernels {

// So many of a row's numbers are multiplied with all panels before the next ones: what they take stays near.
constexpr int64_t kDepth = 512;

}  // namespace luxtorch::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

int64_t PanelFloat() { return PanelWidth<float>(); }
int64_t PanelDouble() { return PanelWidth<double>(); }

// a's rows times all panels of n columns: out_of(column, columns) says where to.
template <class T, class F>
HWY_INLINE void MultiplyPanels(DenseRows<const T> a, int64_t first, int64_t last, int64_t depth,
                               const T* packed, int64_t n, const F& out_of) {
  const Whole<T> d;
  const int64_t width = PanelWidth<T>();
  for (int64_t begin = 0; begin < depth; begin += kDepth) {
    const int64_t end = std::min(depth, begin + kDepth);
    for (int64_t column = 0; column < n; column += width) {
      const int64_t columns = std::min(width, n - column);
      const PanelOutput<T> out = out_of(column, columns);
      WithVectors(d, columns, [&](auto vectors) HWY_ATTR {
        MultiplyPanel<decltype(vectors)::value>(d, a, first, last, begin, end, depth,
                                                packed + column * depth, width, out);
      });
    }
  }
}

template <class T>
HWY_INLINE void ForwardRows(const DenseLayer<T>& layer, bool hidden, DenseRows<const T> x,
                            int64_t first, int64_t last) {
  MultiplyPanels(x, first, last, layer.in, layer.for_outputs, layer.out,
                 [&](int64_t column, int64_t columns) {
                   return PanelOutput<T>{.to = layer.y.at + column,
                                         .stride = layer.y.stride,
                                         .columns = columns,
                                         .padded = hidden,
                                         .activation = layer.activation,
                                         .slope = layer.slope,
                                         .start = layer.bias ? layer.bias + column : nullptr};
                 });
}

template <class T>
HWY_INLINE void Forward(const DenseLayer<T>* layers, int64_t count, DenseRows<const T> x,
                        int64_t first, int64_t last) {
  for (int64_t row = first; row < last; row += kDenseRows) {
    const int64_t end = std::min(last, row + kDenseRows);
    DenseRows<const T> from = x;
    for (int64_t l = 0; l < count; ++l) {
      ForwardRows(layers[l], l + 1 < count, from, row, end);
      from = {layers[l].y.at, layers[l].y.stride};
    }
  }
}
void ForwardFloat(const DenseLayer<float>* layers, int64_t count, DenseRows<const float> x,
                  int64_t first, int64_t last) {
  Forward(layers, count, x, first, last);
}
void ForwardDouble(const DenseLayer<double>* layers, int64_t count, DenseRows<const double> x,
                   int64_t first, int64_t last) {
  Forward(layers, count, x, first, last);
}

// The gradient by the sums of the last layer.
template <class T>
HWY_INLINE void StartBackward(const DenseLayer<T>& layer, DenseRows<const T> by_y, int64_t first,
                              int64_t last) {
  const Whole<T> d;
  constexpr int64_t kLanes = hn::MaxLanes(Whole<T>());
  for (int64_t row = first; row < last; ++row) {
    const T *g = by_y.at + row * by_y.stride, *y = layer.y.at + row * layer.y.stride;
    T* to = layer.by_z.at + row * layer.by_z.stride;
    for (int64_t i = 0; i < layer.out; i += kLanes) {
      const int64_t left = layer.out - i;
      hn::StoreU(ByZ(d, layer.activation, layer.slope, LoadFirst(d, g + i, left),
                     LoadFirst(d, y + i, left)),
                 d, to + i);
    }
  }
}

// By what the layer was given: `before` is the layer that gave it, or null for by_x.
template <class T>
HWY_INLINE void BackwardRows(const DenseLayer<T>& layer, const DenseLayer<T>* before,
                             DenseRows<T> by_x, int64_t first, int64_t last) {
  const DenseRows<const T> by_z{layer.by_z.at, layer.by_z.stride};
  MultiplyPanels(
      by_z, first, last, layer.out, layer.for_inputs, layer.in,
      [&](int64_t column, int64_t columns) {
        if (!before)
          return PanelOutput<T>{
              .to = by_x.at + column, .stride = by_x.stride, .columns = columns, .padded = false};
        return PanelOutput<T>{.to = before->by_z.at + column,
                              .stride = before->by_z.stride,
                              .columns = columns,
                              .padded = true,
                              .activation = before->activation,
                              .slope = before->slope,
                              .y = before->y.at + column,
                              .y_stride = before->y.stride};
      });
}

template <class T>
HWY_INLINE void Backward(const DenseLayer<T>* layers, int64_t count, DenseRows<const T> by_y,
                         DenseRows<T> by_x, int64_t first, int64_t last) {
  for (int64_t row = first; row < last; row += kDenseRows) {
    const int64_t end = std::min(last, row + kDenseRows);
    if (by_y.at != layers[count - 1].by_z.at) StartBackward(layers[count - 1], by_y, row, end);
    for (int64_t l = count - 1; l > 0; --l) BackwardRows(layers[l], &layers[l - 1], {}, row, end);
    if (by_x.at) BackwardRows<T>(layers[0], nullptr, by_x, row, end);
  }
}
void BackwardFloat(const DenseLayer<float>* layers, int64_t count, DenseRows<const float> by_y,
                   DenseRows<float> by_x, int64_t first, int64_t last) {
  Backward(layers, count, by_y, by_x, first, last);
}
void BackwardDouble(const DenseLayer<double>* layers, int64_t count, DenseRows<const double> by_y,
                    DenseRows<double> by_x, int64_t first, int64_t last) {
  Backward(layers, count, by_y, by_x, first, last);
}

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace luxtorch::kernels {

HWY_EXPORT(PanelFloat);
HWY_EXPORT(PanelDouble);
HWY_EXPORT(ForwardFloat);
HWY_EXPORT(ForwardDouble);
HWY_EXPORT(BackwardFloat);
HWY_EXPORT(BackwardDouble);

template <>
int64_t dense_panel<float>() {
  return HWY_DYNAMIC_DISPATCH(PanelFloat)();
}
template <>
int64_t dense_panel<double>() {
  return HWY_DYNAMIC_DISPATCH(PanelDouble)();
}
template <class T>
void dense_pack_outputs(const DenseLayer<T>& layer, int64_t first, int64_t last, T* to) {
  const int64_t width = dense_panel<T>();
  for (int64_t p = first; p < last; ++p) {
    T* panel = to + p * width * layer.in;
    const int64_t columns = std::min(width, layer.out - p * width);
    if (columns < width) std::fill_n(panel, width * layer.in, T(0));
    transpose(layer.weight + p * width * layer.in, layer.in, columns, layer.in, panel, width);
  }
}
template void dense_pack_outputs(const DenseLayer<float>&, int64_t, int64_t, float*);
template void dense_pack_outputs(const DenseLayer<double>&, int64_t, int64_t, double*);

template <class T>
void dense_pack_inputs(const DenseLayer<T>& layer, int64_t first, int64_t last, T* to) {
  const int64_t width = dense_panel<T>();
  for (int64_t p = first; p < last; ++p) {
    T* panel = to + p * width * layer.out;
    const int64_t columns = std::min(width, layer.in - p * width);
    for (int64_t o = 0; o < layer.out; ++o) {
      const T* from = layer.weight + o * layer.in + p * width;
      std::copy_n(from, columns, panel + o * width);
      std::fill_n(panel + o * width + columns, width - columns, T(0));
    }
  }
}
template void dense_pack_inputs(const DenseLayer<float>&, int64_t, int64_t, float*);
template void dense_pack_inputs(const DenseLayer<double>&, int64_t, int64_t, double*);

template <>
void dense_forward(const DenseLayer<float>* layers, int64_t count, DenseRows<const float> x,
                   int64_t first, int64_t last) {
  HWY_DYNAMIC_DISPATCH(ForwardFloat)(layers, count, x, first, last);
}
template <>
void dense_forward(const DenseLayer<double>* layers, int64_t count, DenseRows<const double> x,
                   int64_t first, int64_t last) {
  HWY_DYNAMIC_DISPATCH(ForwardDouble)(layers, count, x, first, last);
}
template <>
void dense_backward(const DenseLayer<float>* layers, int64_t count, DenseRows<const float> by_y,
                    DenseRows<float> by_x, int64_t first, int64_t last) {
  HWY_DYNAMIC_DISPATCH(BackwardFloat)(layers, count, by_y, by_x, first, last);
}
template <>
void dense_backward(const DenseLayer<double>* layers, int64_t count, DenseRows<const double> by_y,
                    DenseRows<double> by_x, int64_t first, int64_t last) {
  HWY_DYNAMIC_DISPATCH(BackwardDouble)(layers, count, by_y, by_x, first, last);
}
}  // namespace luxtorch::kernels
#endif
