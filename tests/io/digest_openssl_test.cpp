// The SHA-256 of a build without OpenSSL beside OpenSSL's.
#include <gtest/gtest.h>
#include <openssl/sha.h>

#include <array>
#include <random>
#include <string>

#include "io/base/digest.h"

namespace luxtorch::io {
namespace {

std::string openssl(std::string_view bytes) {
  std::array<unsigned char, 32> digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return hexadecimal(digest);
}

TEST(NoOpenSsl, ItsDigestIsOpenSslsForEveryLengthAndPlace) {
  std::mt19937_64 random(20261129);
  std::string bytes(5000, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  for (size_t length = 0; length <= 1000; ++length)
    for (size_t place : {0, 1, 7, 4000}) {
      auto part = std::string_view(bytes).substr(place, length);
      Digest digest;
      digest.add(part);
      ASSERT_EQ(digest.finish(), openssl(part)) << length << " from " << place;
    }
}

TEST(NoOpenSsl, ItsDigestInRandomPiecesIsOpenSsls) {
  std::mt19937_64 random(7);
  std::string bytes(100'000, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  for (size_t limit : {3, 63, 64, 65, 130, 5000}) {
    Digest digest;
    for (size_t at = 0; at < bytes.size();) {
      auto piece = std::string_view(bytes).substr(at, random() % limit);
      digest.add(piece);
      at += piece.size();
    }
    EXPECT_EQ(digest.finish(), openssl(bytes)) << "pieces below " << limit;
  }
}

}  // namespace
}  // namespace luxtorch::io
