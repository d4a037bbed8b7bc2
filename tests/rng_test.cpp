#include "luxtorch/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "kernels/plain_philox.h"
#include "luxtorch/core/operators.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

using Block = kernel_tests::PhiloxWords;
using kernel_tests::philox;

std::vector<double> values(const Tensor& t) {
  auto x = t.to(kFloat64).contiguous();
  return {x.const_data_ptr<double>(), x.const_data_ptr<double>() + x.numel()};
}

// Its kat_vectors, philox4x32 10.
TEST(Rng, PhiloxGivesTheKnownAnswersOfRandom123) {
  constexpr uint32_t f = 0xffffffff;
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({f, f, f, f}, {f, f}), (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, BitsArePhiloxBlocksOfTheKey) {
  for (uint64_t key : {uint64_t{0}, uint64_t{42}, uint64_t{0x299f31d0a4093822}, ~uint64_t{0}}) {
    for (uint64_t block : {uint64_t{0}, uint64_t{1}, uint64_t{12345}, uint64_t{1} << 40}) {
      Block got;
      random::bits(Rng(key), 4 * block, got.data(), 4);
      EXPECT_EQ(got,
                philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0},
                       {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)}));
    }
  }
}

TEST(Rng, BitsAreThoseOfRandom123) {
  // FNV-1a of 4096 words about block 2^32, computed with Random123 1.14.0's r123::Philox4x32.
  auto hash_of = [](uint64_t key) {
    std::vector<uint32_t> words(4096);
    random::bits(Rng(key), (uint64_t{1} << 34U) - 2049, words.data(), words.size());
    uint64_t hash = 0xcbf29ce484222325u;
    for (uint32_t word : words)
      for (unsigned shift = 0; shift < 32; shift += 8)
        hash = (hash ^ ((word >> shift) & 0xffU)) * 0x100000001b3u;
    return hash;
  };
  EXPECT_EQ(hash_of(0), 0x5f03a5dee928533cu);
  EXPECT_EQ(hash_of(42), 0xa8412a7faf27b85cu);
  EXPECT_EQ(hash_of(~uint64_t{0}), 0xd27e161c088336abu);
}

TEST(Rng, BitsMayStartAnywhereInTheStream) {
  std::array<uint32_t, 16> all;
  random::bits(Rng(7), 0, all.data(), all.size());
  for (size_t first = 0; first < 8; ++first) {
    std::array<uint32_t, 5> part;
    random::bits(Rng(7), first, part.data(), part.size());
    EXPECT_TRUE(std::equal(part.begin(), part.end(), all.begin() + static_cast<int>(first)));
  }
}

TEST(Rng, FoldInGivesTheKeysOfItsFormula) {
  // mix(mix(key) ^ mix(FNV-1a(name) + length)) with SplitMix64's finaliser, computed apart from the library.
  EXPECT_EQ(Rng(42).fold_in("weight").key(), 0x04d8184bc3566eecu);
  EXPECT_EQ(Rng(42).fold_in("lstm_cell").key(), 0x8ba949d55513a928u);
  EXPECT_EQ(Rng(0).fold_in("").key(), 0x8932c885a3fe960eu);
  EXPECT_EQ(Rng(42).fold_in(0).key(), 0x0958997bba9936d5u);
  EXPECT_EQ(Rng(42).fold_in(3).key(), 0xf6c3e6ed30bf6e6fu);
}

TEST(Rng, FoldingInTwoPartsOfANameIsNotFoldingInTheName) {
  Rng rng(42);
  EXPECT_NE(rng.fold_in("lstm").fold_in("_cell"), rng.fold_in("lstm_cell"));
  EXPECT_EQ(rng.fold_in("lstm").fold_in("_cell").key(), 0x8a3e9f45e8c7dd4bu);
  EXPECT_NE(rng.fold_in("a").fold_in("b"), rng.fold_in("b").fold_in("a"));
  EXPECT_NE(rng.fold_in(""), rng);
}

TEST(Rng, NamesPositionsAndParentsGiveDifferentKeys) {
  std::set<uint64_t> keys;
  size_t expected = 0;
  for (uint64_t parent = 0; parent < 20; ++parent) {
    Rng rng(parent);
    keys.insert(parent), ++expected;
    for (uint64_t i = 0; i < 500; ++i) {
      keys.insert(rng.fold_in(i).key()), ++expected;
      keys.insert(rng.fold_in(std::to_string(i)).key()), ++expected;
      keys.insert(rng.fold_in("layer_" + std::to_string(i)).key()), ++expected;
      keys.insert(rng.fold_in(std::string(i + 1, 'a')).key()), ++expected;
    }
  }
  EXPECT_EQ(keys.size(), expected);
}

TEST(Rng, NeighbouringKeysDifferInHalfOfTheirBits) {
  double flipped = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    flipped += std::popcount(Rng(i).fold_in("w").key() ^ Rng(i + 1).fold_in("w").key());
    flipped += std::popcount(Rng(1).fold_in(i).key() ^ Rng(1).fold_in(i + 1).key());
  }
  EXPECT_NEAR(flipped / 2000, 32, 1);
}

TEST(Rng, SplitGivesDifferentKeysAndKeepsItsFirstOnes) {
  auto [a, b] = Rng(1).split<2>();
  auto many = Rng(1).split(5);
  ASSERT_EQ(many.size(), 5u);
  EXPECT_EQ(many[0], a);
  EXPECT_EQ(many[1], b);
  EXPECT_NE(a, b);
  EXPECT_NE(a, Rng(1));
  EXPECT_TRUE(Rng(1).split(0).empty());
}

TEST(Rng, IsAConstant) {
  constexpr Rng rng(3);
  static_assert(rng.key() == 3 && rng == Rng(3));
  static_assert(!std::is_convertible_v<uint64_t, Rng>);
}

TEST(Random, OneKeyGivesTheSameNumbersAndAnotherKeyOthers) {
  EXPECT_SAME(random::uniform(Rng(5), {3, 4}), random::uniform(Rng(5), {3, 4}));
  EXPECT_SAME(random::normal(Rng(5), {3, 4}), random::normal(Rng(5), {3, 4}));
  EXPECT_FALSE(tree::equal(random::uniform(Rng(5), {3, 4}), random::uniform(Rng(6), {3, 4})));
}

TEST(Random, UniformsAreTheTopBitsOfTheWords) {
  std::array<uint32_t, 10> words;
  random::bits(Rng(9), 0, words.data(), words.size());
  auto x = random::uniform(Rng(9), {10}, -1, 3);
  auto wide = random::uniform(Rng(9), {5}, -1, 3, kFloat64);
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(x.const_data_ptr<float>()[i],
              static_cast<float>(-1 + 4 * std::ldexp(words[i] >> 8, -24)));
  }
  for (size_t i = 0; i < 5; ++i) {
    uint64_t word = words[2 * i] | static_cast<uint64_t>(words[2 * i + 1]) << 32;
    EXPECT_EQ(wide.const_data_ptr<double>()[i], -1 + 4 * std::ldexp(word >> 11, -53));
  }
}

TEST(Random, ALongerDrawStartsWithAShorterOne) {
  for (auto dtype : {kFloat32, kFloat64}) {
    for (int64_t n : {0, 1, 2, 3, 7, 100}) {
      EXPECT_SAME(random::uniform(Rng(2), {n}, 0, 1, dtype),
                  random::uniform(Rng(2), {101}, 0, 1, dtype).narrow(0, 0, n));
      EXPECT_SAME(random::normal(Rng(2), {n}, 0, 1, dtype),
                  random::normal(Rng(2), {101}, 0, 1, dtype).narrow(0, 0, n));
      EXPECT_SAME(random::integers(Rng(2), {n}, 0, 1000),
                  random::integers(Rng(2), {101}, 0, 1000).narrow(0, 0, n));
    }
  }
}

TEST(Random, TheShapeOnlyArrangesTheNumbers) {
  EXPECT_SAME(random::normal(Rng(2), {2, 3, 4}), random::normal(Rng(2), {24}).reshape({2, 3, 4}));
  EXPECT_EQ(random::uniform(Rng(2), {}).dim(), 0);
  EXPECT_EQ(random::uniform(Rng(2), {0, 3}).numel(), 0);
}

TEST(Random, UniformsFillTheirIntervalEvenly) {
  constexpr int64_t n = 200000;
  for (auto dtype : {kFloat32, kFloat64}) {
    auto x = values(random::uniform(Rng(3), {n}, -2, 6, dtype));
    std::array<int, 16> counts{};
    double sum = 0, squares = 0, lag = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_GE(x[i], -2);
      ASSERT_LT(x[i], 6);
      ++counts[static_cast<size_t>((x[i] + 2) * 2)];
      sum += x[i], squares += x[i] * x[i];
      if (i > 0) lag += (x[i] - 2) * (x[i - 1] - 2);
    }
    // Limits at about five standard deviations.
    EXPECT_NEAR(sum / n, 2, 5 * 2.31 / std::sqrt(n));
    EXPECT_NEAR(squares / n - 4, 64.0 / 12, 0.06);
    EXPECT_NEAR(lag / n, 0, 5 * 5.33 / std::sqrt(n));
    double chi2 = 0, expected = n / 16.0;
    for (int c : counts) chi2 += (c - expected) * (c - expected) / expected;
    EXPECT_LT(chi2, 44);  // 15 degrees of freedom: above it once in 10,000
  }
}

TEST(Random, NormalsHaveTheMomentsAndTailsOfAGaussian) {
  constexpr int64_t n = 200000;
  for (auto dtype : {kFloat32, kFloat64}) {
    auto x = values(random::normal(Rng(4), {n}, 3, 2, dtype));
    double sum = 0, squares = 0, cubes = 0, fourths = 0, lag = 0;
    int within_one = 0, beyond_three = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      double z = (x[i] - 3) / 2;
      ASSERT_TRUE(std::isfinite(z));
      sum += z, squares += z * z, cubes += z * z * z, fourths += z * z * z * z;
      if (i > 0) lag += z * (x[i - 1] - 3) / 2;
      within_one += std::abs(z) < 1, beyond_three += std::abs(z) > 3;
    }
    EXPECT_NEAR(sum / n, 0, 5 / std::sqrt(n));
    EXPECT_NEAR(squares / n, 1, 5 * std::sqrt(2.0 / n));
    EXPECT_NEAR(cubes / n, 0, 5 * std::sqrt(15.0 / n));
    EXPECT_NEAR(fourths / n, 3, 5 * std::sqrt(96.0 / n));
    EXPECT_NEAR(lag / n, 0, 5 / std::sqrt(n));
    EXPECT_NEAR(within_one / static_cast<double>(n), 0.682689, 0.006);
    EXPECT_NEAR(beyond_three / static_cast<double>(n), 0.0027, 0.0006);
  }
}

TEST(Random, NormalsAreBoxAndMullerOfTheUniforms) {
  auto u = values(random::uniform(Rng(8), {6}, 0, 1, kFloat64));
  auto z = values(random::normal(Rng(8), {6}, 0, 1, kFloat64));
  for (size_t i = 0; i < 6; i += 2) {
    double radius = std::sqrt(-2 * std::log(1 - u[i])), angle = 2 * std::acos(-1.0) * u[i + 1];
    EXPECT_NEAR(z[i], radius * std::cos(angle), 1e-12);
    EXPECT_NEAR(z[i + 1], radius * std::sin(angle), 1e-12);
  }
}

TEST(Random, NarrowTypesAreRoundedFloats) {
  for (auto dtype : {Dtype::Half, Dtype::BFloat16}) {
    EXPECT_SAME(random::normal(Rng(1), {9}, 0, 1, dtype), random::normal(Rng(1), {9}).to(dtype));
  }
  EXPECT_ERROR(ArgumentError, random::uniform(Rng(1), {2}, 0, 1, kInt64),
               "[random] expected a floating dtype, got int64.");
}

TEST(Random, IntegersCoverTheirRangeEvenly) {
  auto x = values(random::integers(Rng(6), {70000}, -3, 4));
  std::array<int, 7> counts{};
  for (double i : x) {
    ASSERT_GE(i, -3);
    ASSERT_LT(i, 4);
    ++counts[static_cast<size_t>(i + 3)];
  }
  for (int c : counts) EXPECT_NEAR(c, 10000, 500);
}

TEST(Random, IntegersTakeTheWholeRangeAndRefuseAnEmptyOne) {
  constexpr auto low = std::numeric_limits<int64_t>::min(),
                 high = std::numeric_limits<int64_t>::max();
  auto x = random::integers(Rng(6), {64}, low, high);
  EXPECT_TRUE((x < 0).any().item<bool>());
  EXPECT_TRUE((x > 0).any().item<bool>());
  EXPECT_EQ(random::integers(Rng(6), {3}, 5, 6).sum().item<int64_t>(), 15);
  EXPECT_ERROR(ArgumentError, random::integers(Rng(6), {3}, 5, 5),
               "[random::integers] expected low < high, got 5 and 5.");
}

TEST(Random, PermutationHoldsEachIndexOnce) {
  for (int64_t n : {0, 1, 2, 3, 10, 1000}) {
    auto p = random::permutation(Rng(1), n);
    EXPECT_EQ(p.scalar_type(), kInt64);
    auto indices = random::permutation_indices(Rng(1), n);
    EXPECT_TRUE(std::equal(indices.begin(), indices.end(), p.const_data_ptr<int64_t>()));
    std::sort(indices.begin(), indices.end());
    for (int64_t i = 0; i < n; ++i) EXPECT_EQ(indices[static_cast<size_t>(i)], i);
  }
  EXPECT_FALSE(tree::equal(random::permutation(Rng(1), 50), random::permutation(Rng(2), 50)));
  EXPECT_ERROR(ArgumentError, random::permutation(Rng(1), -1),
               "[random::permutation] expected n of 0 or more, got -1.");
}

TEST(Random, AllPermutationsAreEquallyLikely) {
  std::map<std::vector<int64_t>, int> counts;
  for (uint64_t i = 0; i < 24000; ++i) ++counts[random::permutation_indices(Rng(11).fold_in(i), 4)];
  EXPECT_EQ(counts.size(), 24u);
  for (const auto& [p, c] : counts) EXPECT_NEAR(c, 1000, 160);
}

}  // namespace
}  // namespace luxtorch
