#include "memory_bandwidth.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "limit/memory_bandwidth.cpp"
#include <hwy/aligned_allocator.h>
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <new>
#include <vector>

#include "processors.h"

HWY_BEFORE_NAMESPACE();
namespace bench::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;

// n, here and below: a multiple of four vectors. From four places at once, which keeps more reads under way
// than one does.
float Read(const float* a, int64_t n) {
  const Floats d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const int64_t quarter = n / 4;
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  for (int64_t i = 0; i < quarter; i += lanes) {
    s0 = hn::Add(s0, hn::Load(d, a + i));
    s1 = hn::Add(s1, hn::Load(d, a + i + quarter));
    s2 = hn::Add(s2, hn::Load(d, a + i + 2 * quarter));
    s3 = hn::Add(s3, hn::Load(d, a + i + 3 * quarter));
  }
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3))));
}

template <class F>
HWY_INLINE void Write(float* a, int64_t n, bool past_caches, const F& value) {
  const Floats d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  if (past_caches) {
    for (int64_t i = 0; i < n; i += lanes) hn::Stream(value(d, i), d, a + i);
    hwy::FlushStream();
  } else {
    for (int64_t i = 0; i < n; i += lanes) hn::Store(value(d, i), d, a + i);
  }
}

void Copy(float* a, const float* b, int64_t n, bool past_caches) {
  Write(a, n, past_caches, [b](auto d, int64_t i) HWY_ATTR { return hn::Load(d, b + i); });
}

void Triad(float* a, const float* b, const float* c, float s, int64_t n, bool past_caches) {
  Write(a, n, past_caches, [=](auto d, int64_t i) HWY_ATTR {
    return hn::MulAdd(hn::Set(d, s), hn::Load(d, c + i), hn::Load(d, b + i));
  });
}

}  // namespace bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bench {

HWY_EXPORT(Read);
HWY_EXPORT(Copy);
HWY_EXPORT(Triad);

namespace {

constexpr int64_t kMiB = 1 << 20;
// Of each array a thread's run takes so many elements, the next ones each time: a millisecond or two, in
// which other programs seldom interrupt it. All others come before it takes these again.
constexpr int64_t kSlice = 2 * kMiB;

struct Arrays {
  hwy::AlignedFreeUniquePtr<float[]> a, b, c;
};

// Where a thread is: the first element of its part, and the next slice of it. Each on a line of its own.
struct alignas(64) Place {
  int64_t first = 0, next = 0;
};

hwy::AlignedFreeUniquePtr<float[]> allocate(int64_t n) {
  auto found = hwy::AllocateAligned<float>(static_cast<size_t>(n));
  if (!found) throw std::bad_alloc();
  return found;
}

}  // namespace

int64_t bandwidth_array_bytes() {
  return std::clamp(4 * last_level_cache_bytes(), 64 * kMiB, 1024 * kMiB);
}

Bandwidth memory_bandwidth(int threads, double seconds, int64_t array_bytes) {
  const int64_t floats = array_bytes / static_cast<int64_t>(sizeof(float));
  const int64_t slices = std::max<int64_t>(2, floats / threads / kSlice);  // of a thread
  const int64_t n = threads * slices * kSlice;
  const Arrays arrays{allocate(n), allocate(n), allocate(n)};
  float *a = arrays.a.get(), *b = arrays.b.get(), *c = arrays.c.get();
  std::vector<Place> places(static_cast<size_t>(threads));
  volatile float sum = 0;  // so that the compiler keeps the reading

  // The thread that uses a part writes it first: memory lies beside the processor that does.
  auto fill = [&](int thread) {
    auto& place = places[static_cast<size_t>(thread)];
    place.first = thread * slices * kSlice;
    place.next = 0;
    for (float* array : {a, b, c}) std::fill_n(array + place.first, slices * kSlice, 0.5F);
  };
  // work(at): on the elements from `at` on, as many as a slice has.
  auto rate = [&](int arrays_moved, const auto& work) {
    const auto ns = shortest_ns(threads, seconds, fill, [&](int thread) {
      auto& place = places[static_cast<size_t>(thread)];
      work(place.first + place.next * kSlice);
      place.next = (place.next + 1) % slices;
    });
    return static_cast<double>(threads * arrays_moved * kSlice) * sizeof(float) /
           static_cast<double>(ns);
  };
  auto copy = [&](bool past_caches) {
    return rate(
        2, [&](int64_t at) { HWY_DYNAMIC_DISPATCH(Copy)(a + at, b + at, kSlice, past_caches); });
  };
  auto triad = [&](bool past_caches) {
    return rate(3, [&](int64_t at) {
      HWY_DYNAMIC_DISPATCH(Triad)(a + at, b + at, c + at, 0.5F, kSlice, past_caches);
    });
  };
  Bandwidth found;
  found.read = rate(1, [&](int64_t at) { sum = HWY_DYNAMIC_DISPATCH(Read)(a + at, kSlice); });
  found.copy = std::max(copy(false), copy(true));
  found.triad = std::max(triad(false), triad(true));
  return found;
}

}  // namespace bench
#endif
