// Rng: a splittable random key, passed by value. One key always gives the same numbers; new keys
// come from names and positions.
//
//     Rng rng(42);
//     Tensor w = random::uniform(rng.fold_in("weight"), {8, 2}, -0.5, 0.5);
//     auto [now, later] = rng.split<2>();
//
// Level 1: seed -> Rng -> setup. Nothing here uses or changes torch's generators. Numbers are
// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), made on the
// CPU and then moved: bits, integers and uniforms are equal on every machine, normals within one
// float ulp.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"

namespace luxtorch {

class LUXTORCH_API Rng {
 public:
  explicit constexpr Rng(uint64_t key) : key_(key) {}
  constexpr uint64_t key() const { return key_; }

  /// The key that belongs to a name or to a position; different names, positions and parents give
  /// unrelated keys.
  Rng fold_in(std::string_view name) const;
  Rng fold_in(uint64_t position) const;

  /// n independent keys; the first of n is the first of any other n. Draw from them, not from this
  /// one too.
  std::vector<Rng> split(size_t n) const;
  template <size_t N>
  std::array<Rng, N> split() const {
    return [this]<size_t... I>(std::index_sequence<I...>) {
      return std::array<Rng, N>{fold_in(I)...};
    }(std::make_index_sequence<N>());
  }

  friend constexpr bool operator==(Rng a, Rng b) = default;

 private:
  uint64_t key_;
};

/// What a draw gives in a function under vmap (luxtorch/autodiff/vmap.h): an ArgumentError; one draw for all samples; a draw
/// for each, that of sample i from rng.fold_in(i).
enum class Randomness { Error, Same, Different };

namespace random {

/// Words [first, first + count) of the key's stream, 32 random bits each.
LUXTORCH_API void bits(Rng rng, uint64_t first, uint32_t* words, size_t count);

// Element i of a uniform or normal draw depends on (key, i) alone: a longer draw starts with a
// shorter one. dtype: any floating one (an ArgumentError otherwise); narrow types are rounded
// float32 draws.

/// Uniform on [low, high), up to the rounding of the dtype: 24 random bits, 53 for float64.
LUXTORCH_API Tensor uniform(Rng rng, ShapeView shape, double low = 0, double high = 1,
                            Dtype dtype = kFloat32);
/// Gaussian (Box and Muller 1958).
LUXTORCH_API Tensor normal(Rng rng, ShapeView shape, double mean = 0, double std = 1,
                           Dtype dtype = kFloat32);
/// Unbiased integers of [low, high), int64.
LUXTORCH_API Tensor integers(Rng rng, ShapeView shape, int64_t low, int64_t high);
/// A permutation of 0 .. n-1 as int64 (n).
LUXTORCH_API Tensor permutation(Rng rng, int64_t n);
LUXTORCH_API std::vector<int64_t> permutation_indices(Rng rng, int64_t n);

}  // namespace random
}  // namespace luxtorch
