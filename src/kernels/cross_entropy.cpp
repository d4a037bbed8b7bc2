#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cross_entropy.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/math-inl.h"
#include "kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// The lanes of a vector that hold elements: all, or the first ones of a row's last vector.
struct All {};
struct First {
  int64_t n;
};

template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> Get(D d, All, const T* p) {
  return hn::LoadU(d, p);
}
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> Get(D d, First lanes, const T* p) {
  return LoadFirst(d, p, lanes.n);
}
template <class D, class V = hn::Vec<D>, class T = hn::TFromD<D>>
HWY_INLINE void Put(D d, All, V v, T* p) {
  hn::StoreU(v, d, p);
}
template <class D, class V = hn::Vec<D>, class T = hn::TFromD<D>>
HWY_INLINE void Put(D d, First lanes, V v, T* p) {
  StoreFirst(d, v, p, lanes.n);
}
// v, with `other` in the lanes without an element.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Fill(D, All, V v, V) {
  return v;
}
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Fill(D d, First lanes, V v, V other) {
  return hn::IfThenElse(hn::FirstN(d, static_cast<size_t>(lanes.n)), v, other);
}

// f(i, lanes) for the vectors of n elements.
template <class D, class F>
HWY_INLINE void ForVectors(D d, int64_t n, const F& f) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(i, All{});
  if (i < n) f(i, First{n - i});
}

template <class T>
HWY_INLINE T Greatest(const T* x, int64_t n) {
  const hn::ScalableTag<T> d;
  const auto least = hn::Set(d, -std::numeric_limits<T>::infinity());
  auto most = least;
  ForVectors(d, n, [&](int64_t i, auto lanes) HWY_ATTR {
    most = hn::Max(most, Fill(d, lanes, Get(d, lanes, x + i), least));
  });
  return hn::GetLane(hn::MaxOfLanes(d, most));
}

// Adds the elements of v, in double, to the lanes of two sums.
template <class D, class V = hn::Vec<D>, class W>
HWY_INLINE void AddTo(D, W& low, [[maybe_unused]] W& high, V v) {
  const hn::ScalableTag<double> wide;
  if constexpr (sizeof(hn::TFromD<D>) == sizeof(double)) {
    low = hn::Add(low, v);
  } else {
#if HWY_TARGET == HWY_SCALAR
    low = hn::Add(low, hn::PromoteTo(wide, v));
#else
    const hn::Half<D> half;
    low = hn::Add(low, hn::PromoteTo(wide, hn::LowerHalf(half, v)));
    high = hn::Add(high, hn::PromoteTo(wide, hn::UpperHalf(half, v)));
#endif
  }
}

// The sum of exp(x_c - most); powers, where it is not null, gets them.
template <class T>
HWY_INLINE double Powers(const T* x, int64_t n, T most, T* powers) {
  using Terms = ExpTerms<T>;
  const hn::ScalableTag<T> d;
  const auto shift = hn::Set(d, most);
  const hn::ScalableTag<double> wide;
  auto low = hn::Zero(wide), high = low;
  ForVectors(d, n, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto shifted = hn::Sub(Get(d, lanes, x + i), shift);
    const auto e = Exp(d, Clamp(d, shifted, Terms::kLow, Terms::kHigh));
    const auto power = hn::MulAdd(e.power, e.rest, e.power);
    AddTo(d, low, high, Fill(d, lanes, power, hn::Zero(d)));
    if (powers) Put(d, lanes, power, powers + i);
  });
  return hn::GetLane(hn::SumOfLanes(wide, hn::Add(low, high)));
}

// slope_c = slope_c share - (by_y y_c + less); no y: of zeros.
template <class T>
HWY_INLINE void Slope(int64_t n, T share, const T* y, T by_y, T less, T* slope) {
  const hn::ScalableTag<T> d;
  const auto shares = hn::Set(d, share), by_ys = hn::Set(d, by_y), less_all = hn::Set(d, less);
  ForVectors(d, n, [&](int64_t i, auto lanes) HWY_ATTR {
    auto target = less_all;
    if (y) target = hn::MulAdd(Get(d, lanes, y + i), by_ys, target);
    Put(d, lanes, hn::MulSub(Get(d, lanes, slope + i), shares, target), slope + i);
  });
}

template <class T>
HWY_INLINE double OfTargets(const T* x, const T* y, int64_t rows, int64_t classes, double smoothing,
                            double scale, T* slope) {
  const T keep = static_cast<T>(1 - smoothing),
          rest = static_cast<T>(smoothing / static_cast<double>(classes));
  double total = 0;
  for (int64_t r = 0; r < rows; ++r, x += classes, y += classes, slope += slope ? classes : 0) {
    const T most = Greatest(x, classes);
    const double sum = Powers(x, classes, most, slope), log_sum = std::log(sum);
    double weight = 0;
    for (int64_t c = 0; c < classes; ++c) {
      const T t = keep * y[c] + rest;
      weight += t;
      total += t * (log_sum - (x[c] - most));
    }
    if (!slope) continue;
    const T by_y = static_cast<T>(scale) * keep, less = static_cast<T>(scale) * rest;
    Slope(classes, static_cast<T>(weight * scale / sum), y, by_y, less, slope);
  }
  return total;
}

template <class T>
HWY_INLINE double OfLabels(const T* x, const int64_t* labels, int64_t rows, int64_t classes,
                           double smoothing, double scale, T* slope) {
  const double rest = smoothing / static_cast<double>(classes);
  double total = 0;
  for (int64_t r = 0; r < rows; ++r, x += classes, slope += slope ? classes : 0) {
    const T most = Greatest(x, classes);
    const double sum = Powers(x, classes, most, slope), log_sum = std::log(sum);
    total += (1 - smoothing) * (log_sum - (x[labels[r]] - most));
    if (rest != 0) {
      for (int64_t c = 0; c < classes; ++c) total += rest * (log_sum - (x[c] - most));
    }
    if (!slope) continue;
    const T* no_y = nullptr;
    Slope(classes, static_cast<T>(scale / sum), no_y, T(0), static_cast<T>(rest * scale), slope);
    slope[labels[r]] -= static_cast<T>((1 - smoothing) * scale);
  }
  return total;
}

#define LUXTORCH_OF_DTYPE(T, Targets, Labels)                                             \
  double Targets(const T* x, const T* y, int64_t rows, int64_t classes, double smoothing, \
                 double scale, T* slope) {                                                \
    return OfTargets(x, y, rows, classes, smoothing, scale, slope);                       \
  }                                                                                       \
  double Labels(const T* x, const int64_t* labels, int64_t rows, int64_t classes,         \
                double smoothing, double scale, T* slope) {                               \
    return OfLabels(x, labels, rows, classes, smoothing, scale, slope);                   \
  }
LUXTORCH_OF_DTYPE(float, TargetsOfFloats, LabelsOfFloats)
LUXTORCH_OF_DTYPE(double, TargetsOfDoubles, LabelsOfDoubles)
#undef LUXTORCH_OF_DTYPE

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "kernels/loss.h"

namespace luxtorch::kernels {

HWY_EXPORT(TargetsOfFloats);
HWY_EXPORT(LabelsOfFloats);
HWY_EXPORT(TargetsOfDoubles);
HWY_EXPORT(LabelsOfDoubles);

template <class T>
double cross_entropy(const T* x, const T* y, int64_t rows, int64_t classes, double smoothing,
                     double scale, T* slope) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return HWY_DYNAMIC_DISPATCH(TargetsOfFloats)(x, y, rows, classes, smoothing, scale, slope);
  } else {
    return HWY_DYNAMIC_DISPATCH(TargetsOfDoubles)(x, y, rows, classes, smoothing, scale, slope);
  }
}

template <class T>
double cross_entropy(const T* x, const int64_t* labels, int64_t rows, int64_t classes,
                     double smoothing, double scale, T* slope) {
  if constexpr (sizeof(T) == sizeof(float)) {
    return HWY_DYNAMIC_DISPATCH(LabelsOfFloats)(x, labels, rows, classes, smoothing, scale, slope);
  } else {
    return HWY_DYNAMIC_DISPATCH(LabelsOfDoubles)(x, labels, rows, classes, smoothing, scale, slope);
  }
}

template double cross_entropy(const float*, const float*, int64_t, int64_t, double, double, float*);
template double cross_entropy(const double*, const double*, int64_t, int64_t, double, double,
                              double*);
template double cross_entropy(const float*, const int64_t*, int64_t, int64_t, double, double,
                              float*);
template double cross_entropy(const double*, const int64_t*, int64_t, int64_t, double, double,
                              double*);

}  // namespace luxtorch::kernels
#endif
