// Philox and what is drawn from it against the cipher of single blocks, bit by bit.
#include "kernels/random/philox.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "kernels/numbers.h"
#include "kernels/plain_philox.h"

namespace {

using namespace kernel_tests;
using namespace luxtorch::kernels;

constexpr uint64_t kKey = 0x299f31d0a4093822;
// Within a block, at its end, and where the lower half of the counter overflows.
constexpr uint64_t kStarts[] = {0, 1, 6, 1023, (uint64_t{1} << 34) - 515};
// One, fewer than any vector has, about as many as are made at a time, and more.
constexpr int64_t kSizes[] = {0, 1, 3, 17, 1023, 1024, 1025, 3001};

uint32_t plain_word(WordStream stream, int64_t i) {
  const uint64_t word = stream.first + static_cast<uint64_t>(i), block = word / 4;
  return philox(
      {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0},
      {static_cast<uint32_t>(stream.key), static_cast<uint32_t>(stream.key >> 32)})[word % 4];
}

// check(stream, n) for all starts and sizes.
template <class F>
void for_streams(const F& check) {
  for (const uint64_t first : kStarts)
    for (const int64_t n : kSizes) check(WordStream{kKey, first}, n);
}

TEST(PhiloxKernels, WordsAreThoseOfSingleBlocks) {
  for_streams([](WordStream stream, int64_t n) {
    std::vector<uint32_t> words(n + 1, 7), plain = words;
    for (int64_t i = 0; i < n; ++i) plain[i] = plain_word(stream, i);
    philox_words(stream, n, words.data());
    EXPECT_TRUE(words == plain) << stream.first << " " << n;
  });
}

TEST(PhiloxKernels, UniformsAreRoundedOnce) {
  const double low = -0.3, range = 1.1;
  for_streams([&](WordStream stream, int64_t n) {
    std::vector<float> x(n + 1, 7), plain = x;
    std::vector<double> wide(n + 1, 7), plain_wide = wide;
    for (int64_t i = 0; i < n; ++i) {
      plain[i] = static_cast<float>(low + range * ((plain_word(stream, i) >> 8) * 0x1p-24));
      const uint64_t bits =
          plain_word(stream, 2 * i) | static_cast<uint64_t>(plain_word(stream, 2 * i + 1)) << 32;
      plain_wide[i] = low + range * (static_cast<double>(bits >> 11) * 0x1p-53);
    }
    philox_uniform(stream, n, low, range, x.data());
    philox_uniform(stream, n, low, range, wide.data());
    EXPECT_TRUE(x == plain) << stream.first << " " << n;
    EXPECT_TRUE(wide == plain_wide) << stream.first << " " << n;
  });
}

template <class T>
void compare_masks(WordStream stream, int64_t n, uint32_t threshold) {
  const T element = static_cast<T>(0x4321567876543211);
  std::vector<T> mask(n + 1, 7), plain = mask;
  for (int64_t i = 0; i < n; ++i)
    plain[i] = plain_word(stream, i) >> 8 >= threshold ? element : T(0);
  philox_mask(stream, n, threshold, sizeof(T), &element, mask.data());
  EXPECT_TRUE(mask == plain) << sizeof(T) << " " << n << " " << threshold;
}

template <class T>
void compare_drop(WordStream stream, int64_t n, uint32_t threshold) {
  auto x = Numbers(static_cast<uint64_t>(n)).array<T>(n + 1, -3, 3);
  const T scale = static_cast<T>(1.7);
  std::vector<T> y(n + 1, 7), plain = y;
  for (int64_t i = 0; i < n; ++i)
    plain[i] = x[i] * (plain_word(stream, i) >> 8 >= threshold ? scale : T(0));
  philox_drop(stream, n, threshold, scale, x.data(), y.data());
  // As bits: -0 is not 0.
  EXPECT_EQ(std::memcmp(y.data(), plain.data(), y.size() * sizeof(T)), 0) << n << " " << threshold;
  y.back() = x.back();
  philox_drop(stream, n, threshold, scale, x.data(), x.data());
  EXPECT_TRUE(x == y) << "in place, " << n;
}

TEST(PhiloxKernels, MasksKeepWhatReachesTheThreshold) {
  // None and all are dropped, and the threshold that is itself among the words.
  const uint32_t of_a_word = plain_word({kKey, 0}, 2) >> 8;
  for (const uint32_t threshold : {0U, of_a_word, of_a_word + 1, 1U << 24}) {
    for_streams([&](WordStream stream, int64_t n) {
      compare_masks<uint8_t>(stream, n, threshold), compare_masks<uint16_t>(stream, n, threshold);
      compare_masks<uint32_t>(stream, n, threshold), compare_masks<uint64_t>(stream, n, threshold);
      compare_drop<float>(stream, n, threshold), compare_drop<double>(stream, n, threshold);
    });
  }
}

}  // namespace
