#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/random/philox.cpp"
#include "kernels/random/philox.h"

#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

constexpr int64_t kWords = 1024;  // made at a time, which stay in the first cache
constexpr uint64_t kEven = 0xd2511f53, kOdd = 0xcd9e8d57;
constexpr uint32_t kNextKey0 = 0x9e3779b9, kNextKey1 = 0xbb67ae85;
constexpr int kRounds = 10;

#if HWY_TARGET == HWY_SCALAR
HWY_INLINE void Blocks(uint64_t key, uint64_t block, int64_t blocks, uint32_t* to) {
  for (int64_t b = 0; b < blocks; ++b, ++block, to += 4) {
    uint64_t even = 0, odd = block >> 32, word0 = block, word2 = 0;
    auto key0 = static_cast<uint32_t>(key), key1 = static_cast<uint32_t>(key >> 32);
    for (int r = 0; r < kRounds; ++r, key0 += kNextKey0, key1 += kNextKey1) {
      const uint64_t word1 = odd, word3 = even;
      even = kEven * static_cast<uint32_t>(word0), odd = kOdd * static_cast<uint32_t>(word2);
      word0 = (odd >> 32) ^ word1 ^ key0, word2 = (even >> 32) ^ word3 ^ key1;
    }
    to[0] = static_cast<uint32_t>(word0), to[1] = static_cast<uint32_t>(odd);
    to[2] = static_cast<uint32_t>(word2), to[3] = static_cast<uint32_t>(even);
  }
}
#else
// The words of blocks [block, block + blocks), and of some more that fill the vectors. A lane of 64 bits
// is of one block; its upper half is whatever a product has left there, which no product reads.
HWY_INLINE void Blocks(uint64_t key, uint64_t block, int64_t blocks, uint32_t* to) {
  const hn::ScalableTag<uint64_t> d;
  const hn::Repartition<uint32_t, decltype(d)> half;
  using V = hn::Vec<decltype(d)>;
  constexpr int kAtOnce = 2;  // chains of products, of which each waits for itself
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const V by_even = hn::Set(d, kEven), by_odd = hn::Set(d, kOdd);
  V key0[kRounds], key1[kRounds];
  HWY_UNROLL(10)
  for (int r = 0; r < kRounds; ++r) {
    const auto n = static_cast<uint32_t>(r);
    key0[r] = hn::Set(d, static_cast<uint32_t>(key) + n * kNextKey0);
    key1[r] = hn::Set(d, static_cast<uint32_t>(key >> 32) + n * kNextKey1);
  }
  V counter = hn::Iota(d, 0);
  counter = hn::Add(counter, hn::Set(d, block));
  const V step = hn::Set(d, static_cast<uint64_t>(lanes));
  for (int64_t b = 0; b < blocks; b += kAtOnce * lanes) {
    V word0[kAtOnce], word2[kAtOnce], even[kAtOnce], odd[kAtOnce];
    HWY_UNROLL(4)
    for (int i = 0; i < kAtOnce; ++i, counter = hn::Add(counter, step)) {
      word0[i] = counter, odd[i] = hn::ShiftRight<32>(counter);
      word2[i] = even[i] = hn::Zero(d);
    }
    HWY_UNROLL(10)
    for (int r = 0; r < kRounds; ++r) {
      HWY_UNROLL(4)
      for (int i = 0; i < kAtOnce; ++i) {
        const V word1 = hn::Xor(odd[i], key0[r]), word3 = hn::Xor(even[i], key1[r]);
        even[i] = hn::MulEven(hn::BitCast(half, word0[i]), hn::BitCast(half, by_even));
        odd[i] = hn::MulEven(hn::BitCast(half, word2[i]), hn::BitCast(half, by_odd));
        word0[i] = hn::Xor(hn::ShiftRight<32>(odd[i]), word1);
        word2[i] = hn::Xor(hn::ShiftRight<32>(even[i]), word3);
      }
    }
    HWY_UNROLL(4)
    for (int i = 0; i < kAtOnce; ++i, to += 4 * lanes) {
      const auto pair = [&](V low, V high) HWY_ATTR {
        return hn::BitCast(
            d, hn::OddEven(hn::BitCast(half, hn::ShiftLeft<32>(high)), hn::BitCast(half, low)));
      };
      hn::StoreInterleaved2(pair(word0[i], odd[i]), pair(word2[i], even[i]), d,
                            reinterpret_cast<uint64_t*>(to));
    }
  }
}
#endif

// f(words, i, count) for the words of elements i to i + count, kEach words for an element, until n.
template <int64_t kEach, class F>
HWY_INLINE void ForWords(WordStream stream, int64_t n, const F& f) {
  HWY_ALIGN uint32_t words[kWords];
  for (int64_t i = 0; i < n;) {
    const uint64_t first = stream.first + static_cast<uint64_t>(kEach * i);
    const auto skipped = static_cast<int64_t>(first % 4);
    const int64_t count = std::min(n - i, (kWords - skipped) / kEach);
    Blocks(stream.key, first / 4, (skipped + kEach * count + 3) / 4, words);
    f(words + skipped, i, count);
    i += count;
  }
}

void PhiloxWords(WordStream stream, int64_t n, uint32_t* to) {
  ForWords<1>(stream, n, [&](const uint32_t* words, int64_t at, int64_t count) HWY_ATTR {
    std::memcpy(to + at, words, static_cast<size_t>(count) * sizeof *words);
  });
}

void UniformFloats(WordStream stream, int64_t n, double low, double range, float* x) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<uint32_t, decltype(d)> du;
  const hn::Rebind<int32_t, decltype(d)> di;
  const hn::Rebind<float, decltype(d)> df;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto unit = hn::Set(d, 0x1p-24), lows = hn::Set(d, low), ranges = hn::Set(d, range);
  ForWords<1>(stream, n, [&](const uint32_t* words, int64_t at, int64_t count) HWY_ATTR {
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes) {
      const auto bits = hn::BitCast(di, hn::ShiftRight<8>(hn::LoadU(du, words + i)));
      const auto u = hn::Mul(hn::PromoteTo(d, bits), unit);
      hn::StoreU(hn::DemoteTo(df, hn::Add(lows, hn::Mul(ranges, u))), df, x + at + i);
    }
    for (; i < count; ++i)
      x[at + i] = static_cast<float>(low + range * ((words[i] >> 8) * 0x1p-24));
  });
}

void UniformDoubles(WordStream stream, int64_t n, double low, double range, double* x) {
  ForWords<2>(stream, n, [&](const uint32_t* words, int64_t at, int64_t count) HWY_ATTR {
    for (int64_t i = 0; i < count; ++i) {
      const uint64_t bits = words[2 * i] | static_cast<uint64_t>(words[2 * i + 1]) << 32;
      x[at + i] = low + range * (static_cast<double>(static_cast<int64_t>(bits >> 11)) * 0x1p-53);
    }
  });
}

// All bits of the elements of D at the words that are kept, as many as D has lanes; none of the others.
template <class D>
HWY_INLINE hn::VFromD<D> AllOrNone(D d, const uint32_t* words, uint32_t threshold) {
  using Bits = hn::TFromD<D>;
  const hn::Rebind<int32_t, D> di;
  const hn::Rebind<uint32_t, D> du;
  const auto below = hn::Set(di, static_cast<int32_t>(threshold) - 1);
  const auto bits = hn::BitCast(di, hn::ShiftRight<8>(hn::LoadU(du, words)));
  const auto all_or_none = hn::VecFromMask(di, hn::Gt(bits, below));
  if constexpr (sizeof(Bits) < 4) return hn::DemoteTo(d, all_or_none);
  if constexpr (sizeof(Bits) == 4) return all_or_none;
  if constexpr (sizeof(Bits) > 4) return hn::PromoteTo(d, all_or_none);
}

// T: of signed integers.
template <class T>
HWY_INLINE void Mask(WordStream stream, int64_t n, uint32_t threshold, const void* element,
                     void* mask) {
  using Lanes32 = hn::ScalableTag<int32_t>;
  using D = std::conditional_t<(sizeof(T) > 4), hn::ScalableTag<T>, hn::Rebind<T, Lanes32>>;
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  T value;
  std::memcpy(&value, element, sizeof value);
  const auto values = hn::Set(d, value);
  T* y = static_cast<T*>(mask);
  ForWords<1>(stream, n, [&](const uint32_t* words, int64_t at, int64_t count) HWY_ATTR {
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes)
      hn::StoreU(hn::And(values, AllOrNone(d, words + i, threshold)), d, y + at + i);
    for (; i < count; ++i) y[at + i] = (words[i] >> 8) >= threshold ? value : T(0);
  });
}

void PhiloxMask(WordStream stream, int64_t n, uint32_t threshold, size_t size, const void* element,
                void* mask) {
  switch (size) {
    case 1:
      return Mask<int8_t>(stream, n, threshold, element, mask);
    case 2:
      return Mask<int16_t>(stream, n, threshold, element, mask);
    case 4:
      return Mask<int32_t>(stream, n, threshold, element, mask);
    default:
      return Mask<int64_t>(stream, n, threshold, element, mask);
  }
}

template <class T>
HWY_INLINE void Drop(WordStream stream, int64_t n, uint32_t threshold, T scale, const T* x, T* y) {
  const hn::ScalableTag<T> d;
  const hn::RebindToSigned<decltype(d)> bits;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto scales = hn::Set(d, scale);
  ForWords<1>(stream, n, [&](const uint32_t* words, int64_t at, int64_t count) HWY_ATTR {
    int64_t i = 0;
    for (; i + lanes <= count; i += lanes) {
      const auto kept = hn::BitCast(d, AllOrNone(bits, words + i, threshold));
      hn::StoreU(hn::Mul(hn::LoadU(d, x + at + i), hn::And(scales, kept)), d, y + at + i);
    }
    for (; i < count; ++i) y[at + i] = x[at + i] * ((words[i] >> 8) >= threshold ? scale : T(0));
  });
}

void DropFloats(WordStream stream, int64_t n, uint32_t threshold, float scale, const float* x,
                float* y) {
  Drop(stream, n, threshold, scale, x, y);
}
void DropDoubles(WordStream stream, int64_t n, uint32_t threshold, double scale, const double* x,
                 double* y) {
  Drop(stream, n, threshold, scale, x, y);
}

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace luxtorch::kernels {

HWY_EXPORT(PhiloxWords);
HWY_EXPORT(UniformFloats);
HWY_EXPORT(UniformDoubles);
HWY_EXPORT(PhiloxMask);
HWY_EXPORT(DropFloats);
HWY_EXPORT(DropDoubles);

void philox_words(WordStream stream, int64_t n, uint32_t* words) {
  HWY_DYNAMIC_DISPATCH(PhiloxWords)(stream, n, words);
}
void philox_uniform(WordStream stream, int64_t n, double low, double range, float* x) {
  HWY_DYNAMIC_DISPATCH(UniformFloats)(stream, n, low, range, x);
}
void philox_uniform(WordStream stream, int64_t n, double low, double range, double* x) {
  HWY_DYNAMIC_DISPATCH(UniformDoubles)(stream, n, low, range, x);
}
void philox_mask(WordStream stream, int64_t n, uint32_t threshold, size_t size, const void* element,
                 void* mask) {
  HWY_DYNAMIC_DISPATCH(PhiloxMask)(stream, n, threshold, size, element, mask);
}
void philox_drop(WordStream stream, int64_t n, uint32_t threshold, float scale, const float* x,
                 float* y) {
  HWY_DYNAMIC_DISPATCH(DropFloats)(stream, n, threshold, scale, x, y);
}
void philox_drop(WordStream stream, int64_t n, uint32_t threshold, double scale, const double* x,
                 double* y) {
  HWY_DYNAMIC_DISPATCH(DropDoubles)(stream, n, threshold, scale, x, y);
}

}  // namespace luxtorch::kernels
#endif
