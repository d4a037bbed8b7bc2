// Which vectors a layer of so many units takes.
#if defined(LUXTORCH_KERNELS_TAGS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LUXTORCH_KERNELS_TAGS_INL_H
#undef LUXTORCH_KERNELS_TAGS_INL_H
#else
#define LUXTORCH_KERNELS_TAGS_INL_H
#endif

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class T>
using Whole = hn::ScalableTag<T>;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
// A layer that fills half a vector of 64 bytes takes vectors of 32.
template <class T>
using Half = hn::CappedTag<T, 32 / sizeof(T)>;
#else
template <class T>
using Half = Whole<T>;
#endif

// Rows whose vectors of D, side by side, fill a whole vector.
template <class D>
constexpr int64_t RowsOfVector() {
  return static_cast<int64_t>(hn::MaxLanes(Whole<hn::TFromD<D>>()) / hn::MaxLanes(D()));
}

template <class T>
int64_t LanesFor(int64_t out) {
  const int64_t half = hn::MaxLanes(Half<T>());
  return out <= half ? half : static_cast<int64_t>(hn::MaxLanes(Whole<T>()));
}

// Calls f(tag) with the one that has so many lanes.
template <class T, class F>
HWY_INLINE void WithTag(int64_t lanes, const F& f) {
  if constexpr (hn::MaxLanes(Half<T>()) != hn::MaxLanes(Whole<T>())) {
    if (lanes == static_cast<int64_t>(hn::MaxLanes(Half<T>()))) return f(Half<T>());
  }
  f(Whole<T>());
}

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
