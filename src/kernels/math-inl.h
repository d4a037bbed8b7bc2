// Exponentials on vectors; infinities and NaN go where IEEE arithmetic takes them. Sigmoid and tanh are
// within 2.5 units in the last place of float and double; a float's sigmoid below 1e-4 within 6.
#if defined(LUXTORCH_KERNELS_MATH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LUXTORCH_KERNELS_MATH_INL_H
#undef LUXTORCH_KERNELS_MATH_INL_H
#else
#define LUXTORCH_KERNELS_MATH_INL_H
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// kLn2: ln 2 in parts; without fused multiplication the first one's products with small integers are exact. kTerms: of q in
// e^r = 1 + r + r^2 q(r) for |r| up to ln 2 / 2, the last first.
template <class T>
struct ExpTerms;

template <>
struct ExpTerms<float> {
  static constexpr float kLog2e = 1.44269504f;
#if !HWY_NATIVE_FMA
  static constexpr float kLn2[] = {0.693359375f, -2.12194440e-4f};
#else
  // The products are not rounded. What is left, n times 2e-9, is large only where e^x is next to nothing.
  static constexpr float kLn2[] = {0.693147181f};
#endif
  // 1.5 * 2^23: added to x it leaves x, rounded to an integer, in the lowest bits.
  static constexpr float kRound = 12582912.0f;
  static constexpr int kBias = 127, kMantissa = 23;
  // Beyond these 2^n is 0 and infinity.
  static constexpr float kLow = -88.1f, kHigh = 88.8f;
  static constexpr float kTanhLimit = 20.0f;  // of 2x: there tanh(x) is 1 to the last bit
  // Of least relative error (Remez), 3e-9.
  static constexpr float kTerms[] = {1.381458633e-3f, 8.368723865e-3f, 4.166838868e-2f,
                                     1.666652057e-1f, 4.999999344e-1f};
};

template <>
struct ExpTerms<double> {
  static constexpr double kLog2e = 1.4426950408889634074,
                          kLn2[] = {6.93147180369123816490e-01, 1.90821492927058770002e-10};
  static constexpr double kRound = 6755399441055744.0;
  static constexpr int kBias = 1023, kMantissa = 52;
  static constexpr double kLow = -709.1, kHigh = 709.8;
  static constexpr double kTanhLimit = 44.0;
  // 1/n!
  static constexpr double kTerms[] = {
      1.6059043836821614599e-10, 2.0876756987868098979e-9, 2.5052108385441718775e-8,
      2.7557319223985890653e-7,  2.7557319223985890653e-6, 2.4801587301587301587e-5,
      1.9841269841269841270e-4,  1.3888888888888888889e-3, 8.3333333333333333333e-3,
      4.1666666666666666667e-2,  1.6666666666666666667e-1, 0.5};
};

// e^x = power * (1 + rest), power a power of two; x between kLow and kHigh, or NaN.
template <class V>
struct Exponential {
  V power, rest;
};
template <class D, class V = hn::Vec<D>, class T = hn::TFromD<D>>
HWY_INLINE Exponential<V> Exp(D d, V x) {
  using Terms = ExpTerms<T>;
  const V round = hn::Set(d, Terms::kRound);
  const V sum = hn::MulAdd(x, hn::Set(d, Terms::kLog2e), round);
  const V n = hn::Sub(sum, round);
  V r = x;
  for (const T part : Terms::kLn2) r = hn::NegMulAdd(n, hn::Set(d, part), r);
  V p = hn::Set(d, Terms::kTerms[0]);
  HWY_UNROLL(16)
  for (size_t i = 1; i < sizeof(Terms::kTerms) / sizeof(T); ++i)
    p = hn::MulAdd(p, r, hn::Set(d, Terms::kTerms[i]));
  const V rest = hn::MulAdd(hn::Mul(r, r), p, r);
  const hn::RebindToUnsigned<D> bits;
  const auto exponent = hn::Add(hn::BitCast(bits, sum), hn::Set(bits, Terms::kBias));
  return {hn::BitCast(d, hn::ShiftLeft<Terms::kMantissa>(exponent)), rest};
}

// x, or the bound where x is beyond it; NaN stays NaN. x86 returns the second operand when one is NaN,
// others may return the number.
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128 && HWY_TARGET != HWY_SCALAR
template <class V>
HWY_INLINE V AtLeast(V bound, V x) {
  return hn::Max(bound, x);
}
template <class V>
HWY_INLINE V AtMost(V bound, V x) {
  return hn::Min(bound, x);
}
#else
template <class V>
HWY_INLINE V AtLeast(V bound, V x) {
  return hn::IfThenElse(hn::Lt(x, bound), bound, x);
}
template <class V>
HWY_INLINE V AtMost(V bound, V x) {
  return hn::IfThenElse(hn::Lt(bound, x), bound, x);
}
#endif
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Clamp(D d, V x, hn::TFromD<D> low, hn::TFromD<D> high) {
  return AtLeast(hn::Set(d, low), AtMost(hn::Set(d, high), x));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sigmoid(D d, V x) {
  using Terms = ExpTerms<hn::TFromD<D>>;
  const V one = hn::Set(d, 1);
  const auto e = Exp(d, Clamp(d, hn::Neg(x), Terms::kLow, Terms::kHigh));
  // Where the power is infinite, rest may be below 0.
  return hn::Div(one, hn::MulAdd(e.power, hn::Add(e.rest, one), one));
}

// (e^2x - 1) / (e^2x + 1), keeping the digits of small x.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Tanh(D d, V x) {
  using Terms = ExpTerms<hn::TFromD<D>>;
  const auto e = Exp(d, Clamp(d, hn::Add(x, x), -Terms::kTanhLimit, Terms::kTanhLimit));
  const V less_one = hn::MulAdd(e.power, e.rest, hn::Sub(e.power, hn::Set(d, 1)));
  return hn::Div(less_one, hn::Add(less_one, hn::Set(d, 2)));
}

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
