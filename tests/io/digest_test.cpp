// SHA-256 in pieces: of this build, and of a build without OpenSSL (its program links no_openssl.cpp).
#include "io/base/digest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace luxtorch::io {
namespace {

std::string digest_of(const std::vector<std::string_view>& pieces) {
  Digest digest;
  for (std::string_view piece : pieces) digest.add(piece);
  return digest.finish();
}

std::string counted_bytes(size_t count) {
  std::string bytes(count, '\0');
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<char>(7 * i + 1);
  return bytes;
}

// FIPS 180-4's examples of 24, 448 and 896 bits, as NIST publishes them, and those of its test
// vectors with no byte and with a million.
TEST(Digest, IsTheStandards) {
  EXPECT_EQ(digest_of({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest_of({"abc"}), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest_of({"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"}),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(
      digest_of({"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklm"
                 "nopqklmnopqrlmnopqrsmnopqrstnopqrstu"}),
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(digest_of({std::string(1'000'000, 'a')}),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// The digest of the digests of 0 to 200 bytes (7 i + 1) mod 256, by Python's hashlib.
TEST(Digest, OfEveryLengthUpTo200Bytes) {
  Digest all;
  for (size_t length = 0; length <= 200; ++length) all.add(digest_of({counted_bytes(length)}));
  EXPECT_EQ(all.finish(), "2e4a3cd5a1498d68dbe42f5114a172594576fa45febce02f5d6ad8863181bef0");
}

// By hashlib too.
TEST(Digest, OfMoreThan32BitsOfLength) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "half a gibibyte takes half a minute with a sanitizer";
#endif
  std::string mebibyte = counted_bytes(1 << 20U);
  Digest digest;
  for (int i = 0; i < 513; ++i) digest.add(mebibyte);
  EXPECT_EQ(digest.finish(), "0801466ee162eab8721866734e9b70a36fcb3795445c57f3a336cdc1b5273505");
}

TEST(Digest, OfPiecesIsThatOfAllBytes) {
  std::string bytes = counted_bytes(200);
  std::string_view all(bytes);
  std::string expected = digest_of({all});
  for (size_t first = 0; first <= 200; ++first)
    for (size_t second : {0, 1, 55, 56, 63, 64, 65, 128})
      ASSERT_EQ(digest_of({all.substr(0, first),
                           {},
                           all.substr(first).substr(0, second),
                           all.substr(std::min(all.size(), first + second))}),
                expected)
          << first << " and " << second;
  Digest bytewise;
  for (size_t i = 0; i < all.size(); ++i) bytewise.add(all.substr(i, 1));
  EXPECT_EQ(bytewise.finish(), expected);
}

}  // namespace
}  // namespace luxtorch::io
