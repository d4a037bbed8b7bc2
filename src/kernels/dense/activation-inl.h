// What becomes of a layer's sums, and the slope of it, from y alone.
#if defined(LUXTORCH_KERNELS_DENSE_ACTIVATION_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LUXTORCH_KERNELS_DENSE_ACTIVATION_INL_H
#undef LUXTORCH_KERNELS_DENSE_ACTIVATION_INL_H
#else
#define LUXTORCH_KERNELS_DENSE_ACTIVATION_INL_H
#endif

#include "kernels/dense.h"
#include "kernels/math-inl.h"
#include "kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// These few fit in registers; the others run over what was stored.
HWY_INLINE bool IsCheap(DenseActivation a) {
  return a != DenseActivation::sigmoid && a != DenseActivation::tanh;
}

template <class D, class V = hn::Vec<D>, class T = hn::TFromD<D>>
HWY_INLINE V CheaplyActivated(D d, DenseActivation a, T slope, V z) {
  const V zero = hn::Zero(d);
  if (a == DenseActivation::relu) return AtLeast(zero, z);
  if (a == DenseActivation::leakyrelu)
    return hn::IfThenElse(hn::Gt(z, zero), z, hn::Mul(z, hn::Set(d, slope)));
  return z;
}

// In place: n numbers, those beyond them may belong to somebody else.
template <class D, class T = hn::TFromD<D>>
HWY_NOINLINE void Activate(D d, DenseActivation a, T* row, int64_t n) {
  const int64_t lanes = hn::MaxLanes(D());
  for (int64_t i = 0; i < n; i += lanes) {
    const auto z = LoadFirst(d, row + i, n - i);
    StoreFirst(d, a == DenseActivation::tanh ? Tanh(d, z) : Sigmoid(d, z), row + i, n - i);
  }
}

// The gradient by the sums, from that by y.
template <class D, class V = hn::Vec<D>, class T = hn::TFromD<D>>
HWY_INLINE V ByZ(D d, DenseActivation a, T slope, V by_y, V y) {
  switch (a) {
    case DenseActivation::identity:
      return by_y;
    case DenseActivation::relu:
      return hn::IfThenZeroElse(hn::Le(y, hn::Zero(d)), by_y);
    case DenseActivation::leakyrelu:
      return hn::IfThenElse(hn::Gt(y, hn::Zero(d)), by_y, hn::Mul(by_y, hn::Set(d, slope)));
    case DenseActivation::sigmoid:
      return hn::Mul(by_y, hn::Mul(y, hn::Sub(hn::Set(d, 1), y)));
    case DenseActivation::tanh:
      return hn::Mul(by_y, hn::NegMulAdd(y, y, hn::Set(d, 1)));
  }
  return by_y;
}

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
