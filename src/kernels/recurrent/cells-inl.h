// The cells' equations and their derivatives for one vector of hidden units.
#if defined(LUXTORCH_KERNELS_CELLS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LUXTORCH_KERNELS_CELLS_INL_H
#undef LUXTORCH_KERNELS_CELLS_INL_H
#else
#define LUXTORCH_KERNELS_CELLS_INL_H
#endif

#include <hwy/highway.h>

#include "kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Where a row's vector of hidden units lies at one step. In: before the step, out: after it.
template <class T>
struct ForwardUnit {
  const T *h_in, *c_in;
  T *h_out, *c_out;
};
template <class T>
struct BackwardUnit {
  const T *h_in, *h_out, *c_in, *c_out, *saved;
  const T* tanh_c;     // of c_out
  T* by_c;             // the gradient by c, of this step and then of the one before
  T* by_h;             // gets the part of the gradient by the h before that passes no product
  T* by_gates;         // gets it by each gate's sum with x, gate after gate
  T* by_hidden_gates;  // by each gate's sum with h; by_gates itself unless kTwoSums
};

// kGates: products per unit. kSaved: vectors kept for backward per unit. kMemory: has c. kTwoSums: a gate
// keeps its sum with h apart from the one with x. kCheap: its function takes less time than storing its sums.
// Gates: the functions of the gates' sums that wait for nothing else, in place; vector g is gate g's sum,
// vector kGates GRU's second one of n. Forward: what follows from them, `step` numbers apart; returns h.
// Vectors of several rows are in flight at once if all rows' gates come first. After both, the gates are
// what backward needs of them.
// Backward: the gradients; tanh of c is made before, for the same reason.

struct Lstm {
  static constexpr int kGates = 4, kSaved = 4;
  static constexpr bool kMemory = true, kTwoSums = false, kCheap = false;

  template <class D, class T = hn::TFromD<D>>
  static HWY_INLINE void Gates(D d, T* sums) {
    constexpr size_t kLanes = hn::MaxLanes(D());
    for (T* sum : {sums, sums + kLanes, sums + 3 * kLanes})
      hn::StoreU(Sigmoid(d, hn::LoadU(d, sum)), d, sum);
    hn::StoreU(Tanh(d, hn::LoadU(d, sums + 2 * kLanes)), d, sums + 2 * kLanes);
  }

  template <class D, class T = hn::TFromD<D>, class V = hn::Vec<D>>
  static HWY_INLINE V Forward(D d, T* gates, int64_t step, const ForwardUnit<T>& at) {
    const V i = hn::LoadU(d, gates), f = hn::LoadU(d, gates + step),
            g = hn::LoadU(d, gates + 2 * step), o = hn::LoadU(d, gates + 3 * step);
    const V c = hn::MulAdd(f, hn::LoadU(d, at.c_in), hn::Mul(i, g));
    hn::StoreU(c, d, at.c_out);
    return hn::Mul(o, Tanh(d, c));
  }

  template <class D, class V = hn::Vec<D>, class M, class T = hn::TFromD<D>>
  static HWY_INLINE void Backward(D d, V by_h, M valid, const BackwardUnit<T>& at) {
    constexpr size_t kLanes = hn::MaxLanes(D());
    const V one = hn::Set(d, 1);
    const V i = hn::LoadU(d, at.saved), f = hn::LoadU(d, at.saved + kLanes),
            g = hn::LoadU(d, at.saved + 2 * kLanes), o = hn::LoadU(d, at.saved + 3 * kLanes);
    const V c = hn::LoadU(d, at.tanh_c);
    const V by_o = hn::Mul(hn::Mul(by_h, c), hn::Mul(o, hn::Sub(one, o)));
    const V by_c = hn::MulAdd(hn::Mul(by_h, o), hn::NegMulAdd(c, c, one), hn::LoadU(d, at.by_c));
    const V by_i = hn::Mul(hn::Mul(by_c, g), hn::Mul(i, hn::Sub(one, i)));
    const V by_f = hn::Mul(hn::Mul(by_c, hn::LoadU(d, at.c_in)), hn::Mul(f, hn::Sub(one, f)));
    const V by_g = hn::Mul(hn::Mul(by_c, i), hn::NegMulAdd(g, g, one));
    hn::StoreU(hn::Mul(by_c, f), d, at.by_c);
    hn::StoreU(valid(by_i), d, at.by_gates);
    hn::StoreU(valid(by_f), d, at.by_gates + kLanes);
    hn::StoreU(valid(by_g), d, at.by_gates + 2 * kLanes);
    hn::StoreU(valid(by_o), d, at.by_gates + 3 * kLanes);
    hn::StoreU(hn::Zero(d), d, at.by_h);
  }
};

struct Gru {
  static constexpr int kGates = 3, kSaved = 4;
  static constexpr bool kMemory = false, kTwoSums = true, kCheap = false;

  template <class D, class T = hn::TFromD<D>>
  static HWY_INLINE void Gates(D d, T* sums) {
    constexpr size_t kLanes = hn::MaxLanes(D());
    for (T* sum : {sums, sums + kLanes}) hn::StoreU(Sigmoid(d, hn::LoadU(d, sum)), d, sum);
  }

  template <class D, class T = hn::TFromD<D>, class V = hn::Vec<D>>
  static HWY_INLINE V Forward(D d, T* gates, int64_t step, const ForwardUnit<T>& at) {
    const V r = hn::LoadU(d, gates), z = hn::LoadU(d, gates + step),
            hidden = hn::LoadU(d, gates + 3 * step);
    const V n = Tanh(d, hn::MulAdd(r, hidden, hn::LoadU(d, gates + 2 * step)));
    hn::StoreU(n, d, gates + 2 * step);
    return hn::MulAdd(hn::Sub(hn::Set(d, 1), z), n, hn::Mul(z, hn::LoadU(d, at.h_in)));
  }

  template <class D, class V = hn::Vec<D>, class M, class T = hn::TFromD<D>>
  static HWY_INLINE void Backward(D d, V by_h, M valid, const BackwardUnit<T>& at) {
    constexpr size_t kLanes = hn::MaxLanes(D());
    const V one = hn::Set(d, 1);
    const V r = hn::LoadU(d, at.saved), z = hn::LoadU(d, at.saved + kLanes),
            n = hn::LoadU(d, at.saved + 2 * kLanes), hidden = hn::LoadU(d, at.saved + 3 * kLanes);
    const V by_n = hn::Mul(hn::Mul(by_h, hn::Sub(one, z)), hn::NegMulAdd(n, n, one));
    const V by_z =
        hn::Mul(hn::Mul(by_h, hn::Sub(hn::LoadU(d, at.h_in), n)), hn::Mul(z, hn::Sub(one, z)));
    const V by_r = hn::Mul(hn::Mul(by_n, hidden), hn::Mul(r, hn::Sub(one, r)));
    for (T* to : {at.by_gates, at.by_hidden_gates}) {
      hn::StoreU(valid(by_r), d, to);
      hn::StoreU(valid(by_z), d, to + kLanes);
    }
    hn::StoreU(valid(by_n), d, at.by_gates + 2 * kLanes);
    hn::StoreU(valid(hn::Mul(by_n, r)), d, at.by_hidden_gates + 2 * kLanes);
    hn::StoreU(hn::Mul(by_h, z), d, at.by_h);
  }
};

template <bool relu>
struct Rnn {
  static constexpr int kGates = 1, kSaved = 0;
  static constexpr bool kMemory = false, kTwoSums = false, kCheap = relu;

  template <class D, class T = hn::TFromD<D>>
  static HWY_INLINE void Gates(D, T*) {}

  template <class D, class T = hn::TFromD<D>, class V = hn::Vec<D>>
  static HWY_INLINE V Forward(D d, T* gates, int64_t, const ForwardUnit<T>&) {
    if constexpr (relu) return AtLeast(hn::Zero(d), hn::LoadU(d, gates));
    return Tanh(d, hn::LoadU(d, gates));
  }

  template <class D, class V = hn::Vec<D>, class M, class T = hn::TFromD<D>>
  static HWY_INLINE void Backward(D d, V by_h, M valid, const BackwardUnit<T>& at) {
    const V h = hn::LoadU(d, at.h_out);
    V by_gate;
    if constexpr (relu) {
      by_gate = hn::IfThenZeroElse(hn::Le(h, hn::Zero(d)), by_h);
    } else {
      by_gate = hn::Mul(by_h, hn::NegMulAdd(h, h, hn::Set(d, 1)));
    }
    hn::StoreU(valid(by_gate), d, at.by_gates);
    hn::StoreU(hn::Zero(d), d, at.by_h);
  }
};

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
