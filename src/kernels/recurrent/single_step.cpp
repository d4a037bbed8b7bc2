#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/recurrent/single_step.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/recurrent.h"
#include "kernels/recurrent/cells-inl.h"

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// to[j] = bias[j] + the product of row j of the matrix (rows, n) and x. Four rows at a time, so that
// their sums do not wait for each other.
template <class T>
HWY_INLINE void MultiplyRows(const T* matrix, const T* bias, int64_t rows, int64_t n, const T* x,
                             T* to) {
  constexpr int64_t kRows = 4;
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), whole = n / lanes * lanes;
  auto run = [&](int64_t j, auto count) HWY_ATTR {
    constexpr int64_t kCount = decltype(count)::value;
    const T* row = matrix + j * n;
    V sums[kCount];
    for (auto& sum : sums) sum = hn::Zero(d);
    for (int64_t i = 0; i < whole; i += lanes) {
      const V v = hn::LoadU(d, x + i);
      for (int64_t k = 0; k < kCount; ++k)
        sums[k] = hn::MulAdd(hn::LoadU(d, row + k * n + i), v, sums[k]);
    }
    for (int64_t k = 0; k < kCount; ++k) {
      T sum = hn::GetLane(hn::SumOfLanes(d, sums[k]));
      for (int64_t i = whole; i < n; ++i) sum += row[k * n + i] * x[i];
      to[j + k] = bias ? sum + bias[j + k] : sum;
    }
  };
  int64_t j = 0;
  for (; j + kRows <= rows; j += kRows) run(j, std::integral_constant<int64_t, kRows>());
  for (; j < rows; ++j) run(j, std::integral_constant<int64_t, 1>());
}

template <class Cell, class T>
HWY_INLINE void Step(const RecurrentCall<T>& call, const RecurrentOutput<T>& out, T* scratch) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d)), n = call.out;
  constexpr int64_t kGates = Cell::kGates;
  // Each a vector longer than it need be, since whole vectors are read.
  T* const by_x = scratch;
  T* const by_h = by_x + kGates * n + lanes;
  T* const unit = by_h + kGates * n + lanes;
  for (int64_t b = 0; b < call.batch; ++b) {
    const T* const h = call.h + b * n;
    if (call.tokens) {
      const T* column = call.weight_ih + call.tokens[b * call.x_batch];
      for (int64_t j = 0; j < kGates * n; ++j)
        by_x[j] = column[j * call.in] + (call.bias_ih ? call.bias_ih[j] : T(0));
    } else {
      MultiplyRows(call.weight_ih, call.bias_ih, kGates * n, call.in, call.x + b * call.x_batch,
                   by_x);
    }
    MultiplyRows(call.weight_hh, call.bias_hh, kGates * n, n, h, by_h);

    for (int64_t u = 0; u < n; u += lanes) {
      const int64_t left = std::min(lanes, n - u);
      HWY_ALIGN T sums[(kGates + 1) * hn::MaxLanes(hn::ScalableTag<T>())];
      for (int64_t g = 0; g < kGates; ++g) {
        const V from_x = hn::LoadU(d, by_x + g * n + u), from_h = hn::LoadU(d, by_h + g * n + u);
        const bool apart = Cell::kTwoSums && g == kGates - 1;
        hn::StoreU(apart ? from_x : hn::Add(from_x, from_h), d, sums + g * lanes);
        if (apart) hn::StoreU(from_h, d, sums + kGates * lanes);
      }
      T *const h_in = unit, *const c_in = unit + lanes, *const c_out = unit + 2 * lanes,
               *const h_out = unit + 3 * lanes;
      std::copy_n(h + u, left, h_in);
      if (Cell::kMemory) std::copy_n(call.c + b * n + u, left, c_in);
      Cell::Gates(d, sums);
      const V y = Cell::Forward(d, sums, lanes, ForwardUnit<T>{h_in, c_in, nullptr, c_out});
      hn::StoreU(y, d, h_out);
      std::copy_n(h_out, left, out.h + b * n + u);
      if (Cell::kMemory) std::copy_n(c_out, left, out.c + b * n + u);
    }
    if (out.y) std::copy_n(out.h + b * n, n, out.y + b * out.y_batch);
  }
}

template <class T>
HWY_INLINE void RunStep(const RecurrentCall<T>& call, const RecurrentOutput<T>& out, T* scratch) {
  switch (call.cell) {
    case RecurrentCell::lstm:
      return Step<Lstm>(call, out, scratch);
    case RecurrentCell::gru:
      return Step<Gru>(call, out, scratch);
    case RecurrentCell::rnn_tanh:
      return Step<Rnn<false>>(call, out, scratch);
    case RecurrentCell::rnn_relu:
      return Step<Rnn<true>>(call, out, scratch);
  }
}

void StepFloat(const RecurrentCall<float>& call, const RecurrentOutput<float>& out,
               float* scratch) {
  RunStep(call, out, scratch);
}
void StepDouble(const RecurrentCall<double>& call, const RecurrentOutput<double>& out,
                double* scratch) {
  RunStep(call, out, scratch);
}
// Where there are no vectors, one byte is a vector of bytes, but a lane of doubles has eight.
int64_t VectorBytes() {
  return std::max<int64_t>(sizeof(double), hn::MaxLanes(hn::ScalableTag<uint8_t>()));
}

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace luxtorch::kernels {

HWY_EXPORT(StepFloat);
HWY_EXPORT(StepDouble);
HWY_EXPORT(VectorBytes);

template <class T>
int64_t single_step_scratch_size(const RecurrentCall<T>& call) {
  const int64_t lanes = HWY_DYNAMIC_DISPATCH(VectorBytes)() / static_cast<int64_t>(sizeof(T));
  return 2 * (gates_of(call.cell) * call.out + lanes) + 4 * lanes;
}
template int64_t single_step_scratch_size(const RecurrentCall<float>&);
template int64_t single_step_scratch_size(const RecurrentCall<double>&);

template <>
void recurrent_single_step(const RecurrentCall<float>& call, const RecurrentOutput<float>& out,
                           float* scratch) {
  HWY_DYNAMIC_DISPATCH(StepFloat)(call, out, scratch);
}
template <>
void recurrent_single_step(const RecurrentCall<double>& call, const RecurrentOutput<double>& out,
                           double* scratch) {
  HWY_DYNAMIC_DISPATCH(StepDouble)(call, out, scratch);
}

}  // namespace luxtorch::kernels
#endif
