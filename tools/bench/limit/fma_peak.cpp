#include "fma_peak.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "limit/fma_peak.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cstdint>
#include <utility>

#include "processors.h"

HWY_BEFORE_NAMESPACE();
namespace bench::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Processors begin up to four multiply-adds in a cycle, each of which takes four or five: two ports
// need 10 sums, four need 16 to 20. With two factors more they must fit into the registers, of which
// processors without AVX-512 have 16.
#if HWY_ARCH_X86 && HWY_TARGET > HWY_AVX3
constexpr int kSums = 12;
#else
constexpr int kSums = 24;
#endif

// Of a run, whose length does not matter: about half a millisecond.
constexpr int64_t kRepeats = 200'000;

// The sums' sum, so that the compiler keeps them. They converge, so that no number gets slow.
template <class D, class V, class... Sums>
HWY_INLINE hn::TFromD<D> Multiply(D d, V factor, V addend, Sums... sums) {
  for (int64_t i = 0; i < kRepeats; ++i) ((sums = hn::MulAdd(sums, factor, addend)), ...);
  V total = hn::Zero(d);
  ((total = hn::Add(total, sums)), ...);
  return hn::GetLane(hn::SumOfLanes(d, total));
}

template <class T>
HWY_INLINE double Run(T factor) {
  const hn::ScalableTag<T> d;
  return static_cast<double>([&]<int... kSum>(std::integer_sequence<int, kSum...>) HWY_ATTR {
    return Multiply(d, hn::Set(d, factor), hn::Set(d, T{1}), hn::Set(d, static_cast<T>(kSum))...);
  }(std::make_integer_sequence<int, kSums>()));
}

double RunFloat32(double factor) { return Run(static_cast<float>(factor)); }
double RunFloat64(double factor) { return Run(factor); }

template <class T>
double Operations() {
  return 2.0 * kSums * kRepeats * static_cast<double>(hn::Lanes(hn::ScalableTag<T>()));
}
double OperationsFloat32() { return Operations<float>(); }
double OperationsFloat64() { return Operations<double>(); }

std::string Vectors() { return hwy::TargetName(HWY_TARGET); }

}  // namespace bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bench {

HWY_EXPORT(RunFloat32);
HWY_EXPORT(RunFloat64);
HWY_EXPORT(OperationsFloat32);
HWY_EXPORT(OperationsFloat64);
HWY_EXPORT(Vectors);

namespace {

// volatile: the compiler must not know that a run's result is nobody's.
volatile double factor = 0.5, result;

double rate(double operations, int threads, double seconds, double (*run)(double factor)) {
  const auto ns = shortest_ns(threads, seconds, [](int) {}, [run](int) { result = run(factor); });
  return threads * operations / static_cast<double>(ns);
}

}  // namespace

double fma_peak_float32(int threads, double seconds) {
  return rate(HWY_DYNAMIC_DISPATCH(OperationsFloat32)(), threads, seconds,
              [](double x) { return HWY_DYNAMIC_DISPATCH(RunFloat32)(x); });
}

double fma_peak_float64(int threads, double seconds) {
  return rate(HWY_DYNAMIC_DISPATCH(OperationsFloat64)(), threads, seconds,
              [](double x) { return HWY_DYNAMIC_DISPATCH(RunFloat64)(x); });
}

std::string vectors() { return HWY_DYNAMIC_DISPATCH(Vectors)(); }

}  // namespace bench
#endif
