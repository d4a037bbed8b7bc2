// A build without OpenSSL: SHA-256 in plain C++, with the names of FIPS 180-4.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "io/base/digest.h"

namespace luxtorch::io {
namespace {

// Section 4.2.2: of the cube roots of the first 64 primes the first 32 bits behind the point.
constexpr std::array<uint32_t, 64> kSha256Constants{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

}  // namespace

struct Digest::Context {
  std::array<uint32_t, 8> hash{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,  // section 5.3.3
                               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<unsigned char, 64> block;  // the last bytes, of which `length % 64` are filled
  uint64_t length = 0;                  // in bytes

  // Section 6.2.2: one block of 64 bytes, its numbers big-endian.
  void compress(const unsigned char* bytes) {
    std::array<uint32_t, 64> w;
    for (size_t t = 0; t < 16; ++t, bytes += 4)
      w[t] = uint32_t{bytes[0]} << 24U | uint32_t{bytes[1]} << 16U | uint32_t{bytes[2]} << 8U |
             uint32_t{bytes[3]};
    for (size_t t = 16; t < 64; ++t) {
      uint32_t x = w[t - 15], y = w[t - 2];
      w[t] = w[t - 16] + (std::rotr(x, 7) ^ std::rotr(x, 18) ^ x >> 3U) + w[t - 7] +
             (std::rotr(y, 17) ^ std::rotr(y, 19) ^ y >> 10U);
    }
    auto [a, b, c, d, e, f, g, h] = hash;
    for (size_t t = 0; t < 64; ++t) {
      uint32_t t1 = h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
                    ((e & f) ^ (~e & g)) + kSha256Constants[t] + w[t];
      uint32_t t2 =
          (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
      h = g, g = f, f = e, e = d + t1;
      d = c, c = b, b = a, a = t1 + t2;
    }
    std::array<uint32_t, 8> now{a, b, c, d, e, f, g, h};
    for (size_t i = 0; i < 8; ++i) hash[i] += now[i];
  }

  void add(const unsigned char* bytes, size_t count) {
    size_t filled = length % block.size();
    length += count;
    if (filled != 0) {
      size_t taken = std::min(count, block.size() - filled);
      std::memcpy(block.data() + filled, bytes, taken);
      if (filled + taken < block.size()) return;
      compress(block.data());
      bytes += taken, count -= taken;
    }
    for (; count >= block.size(); bytes += block.size(), count -= block.size()) compress(bytes);
    if (count != 0) std::memcpy(block.data(), bytes, count);
  }
};

std::string digest_library() { return ""; }

Digest::Digest() : context_(std::make_unique<Context>()) {}
Digest::~Digest() = default;

void Digest::add(std::string_view bytes) {
  if (!bytes.empty())
    context_->add(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

std::string Digest::finish() {
  // Section 5.1.1: a bit of 1, zeros up to the last 8 bytes of a block, the length in bits there.
  uint64_t bits = context_->length * 8;
  std::array<unsigned char, 72> padding{0x80};
  size_t count = 1 + (119 - context_->length % 64) % 64;
  for (size_t i = 0; i < 8; ++i)
    padding[count + i] = static_cast<unsigned char>(bits >> (56 - 8 * i));
  context_->add(padding.data(), count + 8);
  std::array<unsigned char, 32> bytes;
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<unsigned char>(context_->hash[i / 4] >> (24 - 8 * (i % 4)));
  return hexadecimal(bytes);
}

}  // namespace luxtorch::io
