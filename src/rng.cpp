#include "luxtorch/rng.h"

#include <ATen/EmptyTensor.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "core/parallel.h"
#include "kernels/random/philox.h"
#include "luxtorch/core/error.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch {

namespace {

// The finaliser of SplitMix64 (Steele, Lea and Flood 2014), for keys and names.
uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// The finaliser of MurmurHash3, for positions: position 3 and a name must never meet.
uint64_t mix_position(uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 33)) * 0xff51afd7ed558ccdu;
  z = (z ^ (z >> 33)) * 0xc4ceb9fe1a85ec53u;
  return z ^ (z >> 33);
}

// FNV-1a, 64 bits.
uint64_t hash64(std::string_view s) {
  uint64_t h = 0xcbf29ce484222325u;
  for (unsigned char c : s) h = (h ^ c) * 0x100000001b3u;
  return h;
}

kernels::WordStream words_from(Rng rng, int64_t first) {
  return {.key = rng.key(), .first = static_cast<uint64_t>(first)};
}

// A stream's numbers of 64 bits, one after another.
class WideWords {
 public:
  explicit WideWords(Rng rng) : rng_(rng) {}

  uint64_t next() {
    if (at_ == words_.size()) {
      kernels::philox_words(words_from(rng_, drawn_), kAhead, words_.data());
      drawn_ += kAhead, at_ = 0;
    }
    const uint64_t low = words_[at_], high = words_[at_ + 1];
    at_ += 2;
    return low | high << 32;
  }

 private:
  static constexpr int64_t kAhead = 128;
  Rng rng_;
  int64_t drawn_ = 0;
  std::array<uint32_t, kAhead> words_;
  size_t at_ = kAhead;
};

struct Pair {
  double a, b;
};
Pair box_muller(double u, double v) {
  double radius = std::sqrt(-2 * std::log1p(-u));  // u in [0, 1): log1p never meets log(0)
  return {radius * std::cos(2 * std::numbers::pi * v), radius * std::sin(2 * std::numbers::pi * v)};
}

bool is_wide(Dtype dtype) {
  if (!c10::isFloatingType(dtype)) {
    throw ArgumentError("random", "expected a floating dtype, got " + dtype_text(dtype) + ".");
  }
  return dtype == kFloat64;
}

// How many numbers are worth a thread.
constexpr int64_t kGrain = 16384;

// fill(data, first, last) on a float32 or float64 tensor, on all threads; then converted: narrow types are
// rounded float32 draws.
template <class F>
Tensor filled(ShapeView shape, Dtype dtype, int64_t unit, const F& fill) {
  const bool wide = is_wide(dtype);
  const Tensor t = at::detail::empty_cpu(shape, wide ? kFloat64 : kFloat32);
  auto on_threads = [&](auto* data) {
    const int64_t n = t.numel();
    detail::parallel_for(0, (n + unit - 1) / unit, kGrain / unit, [&](int64_t a, int64_t b) {
      fill(data, a * unit, std::min(b * unit, n));
    });
  };
  if (wide) {
    on_threads(t.mutable_data_ptr<double>());
  } else {
    on_threads(t.mutable_data_ptr<float>());
  }
  return t.to(dtype);
}

// Elements [first, last), first being even, of a normal draw: two of a pair of uniforms.
template <class T>
void fill_normal(Rng rng, double mean, double std, T* x, int64_t first, int64_t last) {
  constexpr int64_t kUniforms = 512;
  std::array<T, kUniforms> u;
  // In float32 as well: the 24 bits of a uniform fit.
  for (; first < last; first += kUniforms) {
    const int64_t n = std::min(kUniforms, last - first), even = n + n % 2;
    constexpr int64_t kWords = sizeof(T) / sizeof(uint32_t);
    kernels::philox_uniform(words_from(rng, kWords * first), even, 0, 1, u.data());
    for (int64_t i = 0; i < n; i += 2) {
      const auto at = static_cast<size_t>(i);
      const auto [a, b] = box_muller(u[at], u[at + 1]);
      x[first + i] = static_cast<T>(mean + std * a);
      if (i + 1 < n) x[first + i + 1] = static_cast<T>(mean + std * b);
    }
  }
}

// An unbiased integer of [0, n) by rejection (Lemire 2019).
uint64_t below(WideWords& words, uint64_t n) {
  while (true) {
    const auto product = static_cast<unsigned __int128>(words.next()) * n;
    const auto low = static_cast<uint64_t>(product);
    // The limit, whose division takes long, is below n.
    if (low >= n || low >= (0 - n) % n) return static_cast<uint64_t>(product >> 64);
  }
}

}  // namespace

Rng Rng::fold_in(std::string_view name) const {
  return Rng(mix(mix(key_) ^ mix(hash64(name) + name.size())));
}
Rng Rng::fold_in(uint64_t position) const { return Rng(mix(mix(key_) ^ mix_position(position))); }

std::vector<Rng> Rng::split(size_t n) const {
  std::vector<Rng> keys;
  keys.reserve(n);
  for (size_t i = 0; i < n; ++i) keys.push_back(fold_in(i));
  return keys;
}

void random::bits(Rng rng, uint64_t first, uint32_t* words, size_t count) {
  kernels::philox_words({.key = rng.key(), .first = first}, static_cast<int64_t>(count), words);
}

Tensor random::uniform(Rng rng, ShapeView shape, double low, double high, Dtype dtype) {
  if (transforms::active()) [[unlikely]]
    return transforms::drawn(rng, [&](Rng r) { return uniform(r, shape, low, high, dtype); });
  const double range = high - low;
  return filled(shape, dtype, 1, [&](auto* x, int64_t first, int64_t last) {
    constexpr int64_t kWords = sizeof(*x) / sizeof(uint32_t);
    kernels::philox_uniform(words_from(rng, kWords * first), last - first, low, range, x + first);
  });
}

Tensor random::normal(Rng rng, ShapeView shape, double mean, double std, Dtype dtype) {
  if (transforms::active()) [[unlikely]]
    return transforms::drawn(rng, [&](Rng r) { return normal(r, shape, mean, std, dtype); });
  return filled(shape, dtype, 2, [&](auto* x, int64_t first, int64_t last) {
    fill_normal(rng, mean, std, x, first, last);
  });
}

Tensor random::integers(Rng rng, ShapeView shape, int64_t low, int64_t high) {
  if (low >= high) {
    throw ArgumentError("random::integers", "expected low < high, got " + std::to_string(low) +
                                                " and " + std::to_string(high) + ".");
  }
  if (transforms::active()) [[unlikely]]
    return transforms::drawn(rng, [&](Rng r) { return integers(r, shape, low, high); });
  Tensor t = at::detail::empty_cpu(shape, kInt64);
  auto* p = t.mutable_data_ptr<int64_t>();
  WideWords words(rng);
  const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  for (int64_t i = 0; i < t.numel(); ++i)
    p[i] = static_cast<int64_t>(static_cast<uint64_t>(low) + below(words, range));
  return t;
}

std::vector<int64_t> random::permutation_indices(Rng rng, int64_t n) {
  if (n < 0) {
    throw ArgumentError("random::permutation",
                        "expected n of 0 or more, got " + std::to_string(n) + ".");
  }
  std::vector<int64_t> p(static_cast<size_t>(n));
  std::iota(p.begin(), p.end(), 0);
  WideWords words(rng);
  for (size_t i = p.size(); i > 1; --i) std::swap(p[i - 1], p[below(words, i)]);
  return p;
}

Tensor random::permutation(Rng rng, int64_t n) {
  if (transforms::active()) [[unlikely]]
    return transforms::drawn(rng, [&](Rng r) { return permutation(r, n); });
  auto p = permutation_indices(rng, n);
  Tensor t = at::detail::empty_cpu({n}, kInt64);
  std::copy(p.begin(), p.end(), t.mutable_data_ptr<int64_t>());
  return t;
}

}  // namespace luxtorch
