#include "luxtorch/rng.h"

#include <ATen/EmptyTensor.h>

#include <cmath>
#include <numbers>
#include <numeric>

#include "luxtorch/core/error.h"
#include "rng_philox.h"
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

// One stream of 32-bit words, four at a time.
class Words {
 public:
  explicit Words(Rng rng)
      : key_{static_cast<uint32_t>(rng.key()), static_cast<uint32_t>(rng.key() >> 32)} {}

  uint32_t operator()(uint64_t i) {
    if (uint64_t block = i / 4; block != block_) {
      block_ = block;
      words_ = detail::philox(
          {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0}, key_);
    }
    return words_[i % 4];
  }
  uint64_t wide(uint64_t i) {
    return (*this)(2 * i) | static_cast<uint64_t>((*this)(2 * i + 1)) << 32;
  }

 private:
  detail::PhiloxKey key_;
  detail::PhiloxWords words_{};
  uint64_t block_ = ~uint64_t{0};
};

double unit24(uint32_t w) { return (w >> 8) * 0x1p-24; }
double unit53(uint64_t w) { return (w >> 11) * 0x1p-53; }

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

// Fills a float32 or float64 tensor with f(i), then converts: narrow types are rounded float32
// draws.
template <class F, class D>
Tensor filled(ShapeView shape, Dtype dtype, F&& float_at, D&& double_at) {
  bool wide = is_wide(dtype);
  Tensor t = at::detail::empty_cpu(shape, wide ? kFloat64 : kFloat32);
  int64_t n = t.numel();
  if (wide) {
    auto* p = t.mutable_data_ptr<double>();
    for (int64_t i = 0; i < n; ++i) p[i] = double_at(i);
  } else {
    auto* p = t.mutable_data_ptr<float>();
    for (int64_t i = 0; i < n; ++i) p[i] = static_cast<float>(float_at(i));
  }
  return t.to(dtype);
}

// An unbiased integer of [0, n) by rejection (Lemire 2019); `next` is where in the stream it reads.
uint64_t below(Words& words, uint64_t& next, uint64_t n) {
  while (true) {
    auto product = static_cast<unsigned __int128>(words.wide(next++)) * n;
    if (static_cast<uint64_t>(product) >= (0 - n) % n) return static_cast<uint64_t>(product >> 64);
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
  Words stream(rng);
  for (size_t i = 0; i < count; ++i) words[i] = stream(first + i);
}

Tensor random::uniform(Rng rng, ShapeView shape, double low, double high, Dtype dtype) {
  if (transforms::active()) [[unlikely]]
    return transforms::drawn(rng, [&](Rng r) { return uniform(r, shape, low, high, dtype); });
  Words w(rng);
  double range = high - low;
  return filled(
      shape, dtype, [&](int64_t i) { return low + range * unit24(w(i)); },
      [&](int64_t i) { return low + range * unit53(w.wide(i)); });
}

Tensor random::normal(Rng rng, ShapeView shape, double mean, double std, Dtype dtype) {
  if (transforms::active()) [[unlikely]]
    return transforms::drawn(rng, [&](Rng r) { return normal(r, shape, mean, std, dtype); });
  Words w(rng);
  Pair pair{};
  auto draw = [&](int64_t i, auto unit) {
    if (i % 2 == 0) pair = box_muller(unit(i), unit(i + 1));
    return mean + std * (i % 2 == 0 ? pair.a : pair.b);
  };
  return filled(
      shape, dtype, [&](int64_t i) { return draw(i, [&](int64_t j) { return unit24(w(j)); }); },
      [&](int64_t i) { return draw(i, [&](int64_t j) { return unit53(w.wide(j)); }); });
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
  Words w(rng);
  uint64_t next = 0, range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  for (int64_t i = 0; i < t.numel(); ++i)
    p[i] = static_cast<int64_t>(static_cast<uint64_t>(low) + below(w, next, range));
  return t;
}

std::vector<int64_t> random::permutation_indices(Rng rng, int64_t n) {
  if (n < 0) {
    throw ArgumentError("random::permutation",
                        "expected n of 0 or more, got " + std::to_string(n) + ".");
  }
  std::vector<int64_t> p(static_cast<size_t>(n));
  std::iota(p.begin(), p.end(), 0);
  Words w(rng);
  uint64_t next = 0;
  for (size_t i = p.size(); i > 1; --i) std::swap(p[i - 1], p[below(w, next, i)]);
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
