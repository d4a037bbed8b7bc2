// Rng: a splittable random key, passed by value. One key always gives the same numbers; new keys
// come from names and positions.
//
//     Rng rng(42);
//     Tensor w = random::uniform(rng.fold_in("weight"), {8, 2}, -0.5, 0.5);
//     auto [now, later] = rng.split<2>();
//
// Nothing here uses or changes torch's generators. Numbers are from Philox4x32-10 (Salmon et al.
// 2011, "Parallel random numbers: as easy as 1, 2, 3"), made on the CPU: bits, integers and
// uniforms are equal on every machine, normals within one float ulp.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"

namespace luxtorch {

/// A random key, as those of JAX: drawing from it does not change it.
class LUXTORCH_API Rng {
 public:
  /// The key itself, or a seed: any number will do.
  explicit constexpr Rng(uint64_t key) : key_(key) {}
  /// The number that the Rng was made of.
  constexpr uint64_t key() const { return key_; }

  /// The key that belongs to a name. Different names, positions and parents give unrelated keys.
  Rng fold_in(std::string_view name) const;
  /// The key that belongs to a position, from 0.
  Rng fold_in(uint64_t position) const;

  /// n independent keys, key i being fold_in(i). Draw from them, and not from this one too.
  std::vector<Rng> split(size_t n) const;
  /// The same for a fixed number: `auto [now, later] = rng.split<2>();`
  template <size_t N>
  std::array<Rng, N> split() const {
    return [this]<size_t... I>(std::index_sequence<I...>) {
      return std::array<Rng, N>{fold_in(I)...};
    }(std::make_index_sequence<N>());
  }

  /// The same key.
  friend constexpr bool operator==(Rng a, Rng b) = default;

 private:
  uint64_t key_;
};

/// What a draw in a function under vmap (luxtorch/autodiff/vmap.h) gives.
enum class Randomness {
  Error,      ///< An ArgumentError.
  Same,       ///< One draw for all samples.
  Different,  ///< A draw for each sample: sample i draws from rng.fold_in(i).
};

namespace random {

/// Writes the words [first, first + count) of the key's stream, 32 random bits each, to `words`,
/// which has room for `count`.
LUXTORCH_API void bits(Rng rng, uint64_t first, uint32_t* words, size_t count);

// Element i of a uniform or normal draw depends on (key, i) alone: a longer draw starts with a
// shorter one.

/// Uniform on [low, high), up to the rounding of the dtype: 24 random bits, 53 for float64.
/// Narrower dtypes are rounded float32 draws. ArgumentError: a dtype that is not a floating one.
LUXTORCH_API Tensor uniform(Rng rng, ShapeView shape, double low = 0, double high = 1,
                            Dtype dtype = kFloat32);
/// Normal with a mean and a standard deviation (Box and Muller 1958). dtypes as those of uniform.
LUXTORCH_API Tensor normal(Rng rng, ShapeView shape, double mean = 0, double std = 1,
                           Dtype dtype = kFloat32);
/// Integers from low to high - 1, int64, each equally likely. ArgumentError: low >= high.
LUXTORCH_API Tensor integers(Rng rng, ShapeView shape, int64_t low, int64_t high);
/// A random permutation of 0, ..., n - 1, int64 (n). ArgumentError: n < 0.
LUXTORCH_API Tensor permutation(Rng rng, int64_t n);
/// The same permutation as a vector.
LUXTORCH_API std::vector<int64_t> permutation_indices(Rng rng, int64_t n);

}  // namespace random
}  // namespace luxtorch
