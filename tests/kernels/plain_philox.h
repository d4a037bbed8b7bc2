// Philox4x32-10, a block at a time: ten rounds that turn a counter and a key into four random words.
//
//     PhiloxWords words = philox({block, 0, 0, 0}, {seed, 0});
//
// From Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3".
#pragma once

#include <array>
#include <cstdint>

namespace kernel_tests {

using PhiloxWords = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

inline PhiloxWords philox(PhiloxWords words, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t even = uint64_t{0xd2511f53} * words[0];
    uint64_t odd = uint64_t{0xcd9e8d57} * words[2];
    words = {static_cast<uint32_t>(odd >> 32) ^ words[1] ^ key[0], static_cast<uint32_t>(odd),
             static_cast<uint32_t>(even >> 32) ^ words[3] ^ key[1], static_cast<uint32_t>(even)};
    key = {key[0] + 0x9e3779b9, key[1] + 0xbb67ae85};
  }
  return words;
}

}  // namespace kernel_tests
