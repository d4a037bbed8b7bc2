// The words of Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as
// 1, 2, 3"), many blocks at a time, and what is made of each word.
//
//     philox_uniform({.key = 42, .first = 0}, n, -1, 2, x);  // x[i] in [-1, 1)
//
// Level 0.9, no torch. Block b of a key is the cipher of the counter (b, 0, 0, 0), in words of 32 bits
// from the lowest, and gives the words 4 b to 4 b + 3. Every function gives the same bits on every
// processor, and however a range is cut into parts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace luxtorch::kernels {

/// The words of a key from word `first` on.
struct WordStream {
  uint64_t key;
  uint64_t first;
};

/// words[i] = word i of the stream, for i below n.
void philox_words(WordStream stream, int64_t n, uint32_t* words);

/// x[i] = low + range u, u in [0, 1) being the upper 24 bits of word i, in double, then rounded.
void philox_uniform(WordStream stream, int64_t n, double low, double range, float* x);
/// The same with the upper 53 bits of the words 2 i (the lower half) and 2 i + 1.
void philox_uniform(WordStream stream, int64_t n, double low, double range, double* x);

/// Element i of `mask` = `element` where the upper 24 bits of word i are at least `threshold`, which is at
/// most 2^24; else all bits 0. size: of an element, 1, 2, 4 or 8 bytes.
void philox_mask(WordStream stream, int64_t n, uint32_t threshold, size_t size, const void* element,
                 void* mask);
/// y[i] = x[i] times such a mask of `scale`, so that an infinite or negative x[i] times 0 is not 0. x and y: (n),
/// maybe the same.
void philox_drop(WordStream stream, int64_t n, uint32_t threshold, float scale, const float* x,
                 float* y);
/// The same in float64.
void philox_drop(WordStream stream, int64_t n, uint32_t threshold, double scale, const double* x,
                 double* y);

}  // namespace luxtorch::kernels
