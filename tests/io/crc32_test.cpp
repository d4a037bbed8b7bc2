// CRC-32 by carry-less products beside zlib's, and beside the table of a build without zlib.
#include "io/base/crc32.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace luxtorch::io {
namespace {

std::string random_bytes(size_t count) {
  std::mt19937_64 random(20261129);
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

TEST(Crc32, TheCheckValueOfTheCatalogue) {
  EXPECT_EQ(crc32(0, "123456789"), 0xcbf43926U);
  EXPECT_EQ(crc32_portable(0, "123456789"), 0xcbf43926U);
  EXPECT_EQ(crc32(0, ""), 0U);
}

TEST(Crc32, IsThePortableOneForAllLengthsAndPlaces) {
  std::string bytes = random_bytes(4096 + 64);
  for (size_t length = 0; length <= 4096; ++length)
    for (size_t place : {0, 1, 7, 16, 31}) {
      auto part = std::string_view(bytes).substr(place, length);
      auto before = static_cast<uint32_t>(length * 2654435761U);
      ASSERT_EQ(crc32(before, part), crc32_portable(before, part)) << length << " from " << place;
    }
}

TEST(Crc32, OfTwoPiecesIsThatOfBothTogether) {
  std::string bytes = random_bytes(70'000);
  std::string_view all(bytes);
  for (size_t first : {0, 1, 63, 64, 4096, 65'536, 70'000})
    EXPECT_EQ(crc32_of_both(crc32(0, all.substr(0, first)), crc32(0, all.substr(first)),
                            all.size() - first),
              crc32(0, all))
        << first;
  // 5 GiB of zeros behind 1: x^(8 * 5 * 2^30) by other steps.
  uint32_t one = crc32(0, "\1"), zeros = crc32(0, std::string(1 << 20, '\0')), sum = one;
  uint32_t all_zeros = 0;
  for (int i = 0; i < 5 * 1024; ++i) {
    sum = crc32_of_both(sum, zeros, 1 << 20);
    all_zeros = crc32_of_both(all_zeros, zeros, 1 << 20);
  }
  EXPECT_EQ(crc32_of_both(one, all_zeros, uint64_t{5} << 30U), sum);
}

}  // namespace
}  // namespace luxtorch::io
