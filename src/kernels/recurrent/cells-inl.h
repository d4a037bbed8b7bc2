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
  T* saved;  // or nullptr
};
template <class T>
struct BackwardUnit {
  const T *h_in, *h_out, *c_in, *c_out, *saved;
  T* by_c;             // the gradient by c, of this step and then of the one before
  T* by_h;             // gets the part of the gradient by the h before that passes no product
  T* by_gates;         // gets it by each gate's sum with x, gate after gate
  T* by_hidden_gates;  // by each gate's sum with h; by_gates itself unless kTwoSums
};

// kGates: products per unit. kUnits: vectors of units in a panel. kSaved: vectors saved for a unit.
// kMemory: has c. kTwoSums: a gate keeps its sum with h apart from the one with x.
// Forward: sums[g] are the gates before their function, sums[kGates] is GRU's second one of n.

struct Lstm {
  static constexpr int kGates = 4, kUnits = 1, kSaved = 4;
  static constexpr bool kMemory = true, kTwoSums = false;

  template <class D, class V = hn::Vec<D>, class T = hn::TFromD<D>>
  static HWY_INLINE V Forward(D d, const V* sums, const ForwardUnit<T>& at) {
    constexpr size_t kLanes = hn::MaxLanes(D());
    const V i = Sigmoid(d, sums[0]), f = Sigmoid(d, sums[1]), g = Tanh(d, sums[2]),
            o = Sigmoid(d, sums[3]);
    const V c = hn::MulAdd(f, hn::LoadU(d, at.c_in), hn::Mul(i, g));
    hn::StoreU(c, d, at.c_out);
    if (at.saved) {
      hn::StoreU(i, d, at.saved);
      hn::StoreU(f, d, at.saved + kLanes);
      hn::StoreU(g, d, at.saved + 2 * kLanes);
      hn::StoreU(o, d, at.saved + 3 * kLanes);
    }
    return hn::Mul(o, Tanh(d, c));
  }

  template <class D, class V = hn::Vec<D>, class M, class T = hn::TFromD<D>>
  static HWY_INLINE void Backward(D d, V by_h, M valid, const BackwardUnit<T>& at) {
    constexpr size_t kLanes = hn::MaxLanes(D());
    const V one = hn::Set(d, 1);
    const V i = hn::LoadU(d, at.saved), f = hn::LoadU(d, at.saved + kLanes),
            g = hn::LoadU(d, at.saved + 2 * kLanes), o = hn::LoadU(d, at.saved + 3 * kLanes);
    const V c = Tanh(d, hn::LoadU(d, at.c_out));
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
  static constexpr int kGates = 3, kUnits = 1, kSaved = 4;
  static constexpr bool kMemory = false, kTwoSums = true;

  template <class D, class V = hn::Vec<D>, class T = hn::TFromD<D>>
  static HWY_INLINE V Forward(D d, const V* sums, const ForwardUnit<T>& at) {
    constexpr size_t kLanes = hn::MaxLanes(D());
    const V r = Sigmoid(d, sums[0]), z = Sigmoid(d, sums[1]);
    const V n = Tanh(d, hn::MulAdd(r, sums[3], sums[2]));
    if (at.saved) {
      hn::StoreU(r, d, at.saved);
      hn::StoreU(z, d, at.saved + kLanes);
      hn::StoreU(n, d, at.saved + 2 * kLanes);
      hn::StoreU(sums[3], d, at.saved + 3 * kLanes);
    }
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

// units: 1 where the hidden units fill one vector, else 4.
template <int units, bool relu>
struct Rnn {
  static constexpr int kGates = 1, kUnits = units, kSaved = 0;
  static constexpr bool kMemory = false, kTwoSums = false;

  template <class D, class V = hn::Vec<D>, class T = hn::TFromD<D>>
  static HWY_INLINE V Forward(D d, const V* sums, const ForwardUnit<T>&) {
    if constexpr (relu) return AtLeast(hn::Zero(d), sums[0]);
    return Tanh(d, sums[0]);
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
