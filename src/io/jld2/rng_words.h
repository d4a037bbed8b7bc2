// An Rng as the five words of a Julia Random.Xoshiro, and back.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "luxtorch/tree.h"

namespace luxtorch::jld2 {

inline constexpr std::string_view kXoshiro = "Random.Xoshiro";

/// s0 .. s4: a valid generator for Julia, and a mark by which rng_from knows the Rng again.
std::array<uint64_t, 5> xoshiro_words(Rng rng);

/// Is it a random generator of Julia's, by the name of its type?
bool is_generator(std::string_view julia_type);

/// The Rng that xoshiro_words was given; for any other generator one made by mixing all of its
/// numbers. `state` holds the generator's fields; none for one without (TaskLocalRNG).
Rng rng_from(const Tree& state);

/// Are the words of `state` the ones that xoshiro_words gives for `rng`?
bool is_marked(const Tree& state, Rng rng);

}  // namespace luxtorch::jld2
