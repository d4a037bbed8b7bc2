// A run of dense layers, y = activation(x W' + b), forward and backward: rows stay in the cache through all
// layers. The caller divides rows, panels of weights and threads.
//
// Level 1, no torch. T is float or double. Matrices are dense in their rows: one row's numbers lie side by side.
#pragma once

#include <cstdint>

namespace luxtorch::kernels {

/// So many rows pass through all layers, and are multiplied with a panel of weights while it is near.
inline constexpr int64_t kDenseRows = 96;

/// What a layer's sums become. The slope of each is known from y alone; leakyrelu's number is not below 0.
enum class DenseActivation : uint8_t { identity, relu, leakyrelu, sigmoid, tanh };

/// Rows of numbers in memory, `stride` numbers apart.
template <class T>
struct DenseRows {
  T* at = nullptr;
  int64_t stride = 0;
};

/// One layer of a run.
template <class T>
struct DenseLayer {
  int64_t in = 0, out = 0;
  DenseActivation activation = DenseActivation::identity;
  T slope = 0;                     ///< of leakyrelu below 0
  const T* weight = nullptr;       ///< (out, in), dense
  const T* bias = nullptr;         ///< (out), or none
  const T* for_outputs = nullptr;  ///< dense_pack_outputs of weight: forward reads it
  const T* for_inputs = nullptr;   ///< dense_pack_inputs of weight: backward reads it
  DenseRows<T> y;                  ///< of all rows; a hidden layer's stride is dense_stride<T>(out)
  DenseRows<T> by_z;               ///< the gradient by its sums; the stride is dense_stride<T>(out)
};

/// The width of the panels that weights are packed in.
template <class T>
int64_t dense_panel();
template <>
int64_t dense_panel<float>();
template <>
int64_t dense_panel<double>();
/// How many panels n columns take.
template <class T>
int64_t dense_panels(int64_t n) {
  return (n + dense_panel<T>() - 1) / dense_panel<T>();
}
/// The stride of rows of n numbers that can be read and written in whole panels. Rows that are a power of two apart would
/// share few lines of a cache.
template <class T>
int64_t dense_stride(int64_t n) {
  constexpr int64_t kLine = 64 / sizeof(T);
  const int64_t stride = dense_panels<T>(n) * dense_panel<T>();
  return stride % (4 * kLine) == 0 ? stride + kLine : stride;
}

/// The panels [first, last) of a layer's outputs: panel p holds (in, panel) numbers, those of output p * panel + j
/// in column j, zeros beyond the last one. `to` is where panel 0 begins; all are in * panel * dense_panels<T>(out) numbers.
template <class T>
void dense_pack_outputs(const DenseLayer<T>& layer, int64_t first, int64_t last, T* to);
/// The same of its inputs: panel p holds (out, panel) numbers; all are out * panel * dense_panels<T>(in).
template <class T>
void dense_pack_inputs(const DenseLayer<T>& layer, int64_t first, int64_t last, T* to);

/// The rows [first, last) of x through `count` layers, into each layer's y.
template <class T>
void dense_forward(const DenseLayer<T>* layers, int64_t count, DenseRows<const T> x, int64_t first,
                   int64_t last);

/// The gradients of the rows [first, last): by each layer's sums, from by_y, the gradient by the last layer's y, and by x
/// where by_x.at is not null. by_y may be the last layer's by_z, of any stride, if its activation is identity.
template <class T>
void dense_backward(const DenseLayer<T>* layers, int64_t count, DenseRows<const T> by_y,
                    DenseRows<T> by_x, int64_t first, int64_t last);

/// How many numbers of scratch memory dense_weight_gradient takes for a layer of so many inputs.
template <class T>
int64_t dense_scratch(int64_t in);
template <>
int64_t dense_scratch<float>(int64_t in);
template <>
int64_t dense_scratch<double>(int64_t in);
/// The rows [first, last) of the gradient by a layer's weight, (out, in), in by_weight, and those numbers of that by its
/// bias, (out), in by_bias, if it is not null. Both are summed over all rows in their order. x: what the layer was given.
template <class T>
void dense_weight_gradient(const DenseLayer<T>& layer, DenseRows<const T> x, int64_t rows,
                           int64_t first, int64_t last, T* scratch, T* by_weight, T* by_bias);
/// The gradient by its bias alone.
template <class T>
void dense_bias_gradient(const DenseLayer<T>& layer, int64_t rows, T* by_bias);

}  // namespace luxtorch::kernels
