// Polynomials over two elements, modulo P = x^32 + x^26 + ... + 1, whose bits zip writes backwards: a byte's
// lowest bit is its highest power. 128 bits are folded over the next 128 by two products with constants
// x^n mod P; what is left in the end is summed as bytes are.
// V. Gopal et al., Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction, Intel 2009.
#include "io/base/crc32.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace luxtorch::io {
namespace {

constexpr uint32_t kPolynomial = 0xedb88320;  // without x^32
constexpr uint32_t kOne = 0x80000000;         // x^0

constexpr uint32_t times_x(uint32_t value) {
  return (value & 1U) != 0 ? (value >> 1U) ^ kPolynomial : value >> 1U;
}

constexpr uint32_t product(uint32_t a, uint32_t b) {
  uint32_t sum = 0;
  for (; a != 0; a <<= 1U, b = times_x(b))
    if ((a & kOne) != 0) sum ^= b;
  return sum;
}

#if defined(__x86_64__)

constexpr uint64_t power_of_x(int power) {
  uint32_t value = kOne;
  for (int i = 0; i < power; ++i) value = times_x(value);
  return uint64_t{value} << 1U;  // a product of numbers written backwards lacks a place
}

constexpr size_t kBlock = 64;  // bytes: four folds at once

#define LUXTORCH_CARRYLESS __attribute__((target("pclmul,sse4.1")))

// What `sum` is, as many bits further on as the constants say.
LUXTORCH_CARRYLESS __m128i folded(__m128i sum, __m128i constants) {
  return _mm_xor_si128(_mm_clmulepi64_si128(sum, constants, 0x00),
                       _mm_clmulepi64_si128(sum, constants, 0x11));
}

LUXTORCH_CARRYLESS __m128i loaded(const char* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

// bytes: at least kBlock
LUXTORCH_CARRYLESS uint32_t by_products(uint32_t before, std::string_view bytes) {
  constexpr int kFour = 512, kOneFold = 128, kHalf = 32;
  const __m128i by_four = _mm_set_epi64x(static_cast<int64_t>(power_of_x(kFour - kHalf)),
                                         static_cast<int64_t>(power_of_x(kFour + kHalf)));
  const __m128i by_one = _mm_set_epi64x(static_cast<int64_t>(power_of_x(kOneFold - kHalf)),
                                        static_cast<int64_t>(power_of_x(kOneFold + kHalf)));
  const char* at = bytes.data();
  __m128i a = _mm_xor_si128(loaded(at), _mm_cvtsi32_si128(static_cast<int>(~before)));
  __m128i b = loaded(at + 16), c = loaded(at + 32), d = loaded(at + 48);
  bytes.remove_prefix(kBlock);
  for (; bytes.size() >= kBlock; bytes.remove_prefix(kBlock)) {
    at = bytes.data();
    a = _mm_xor_si128(folded(a, by_four), loaded(at));
    b = _mm_xor_si128(folded(b, by_four), loaded(at + 16));
    c = _mm_xor_si128(folded(c, by_four), loaded(at + 32));
    d = _mm_xor_si128(folded(d, by_four), loaded(at + 48));
  }
  a = _mm_xor_si128(folded(a, by_one), b);
  a = _mm_xor_si128(folded(a, by_one), c);
  a = _mm_xor_si128(folded(a, by_one), d);
  char rest[16];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(rest), a);
  // Checksums begin with the inverted register, which is 0 here, and end with it.
  return crc32_portable(crc32_portable(~0U, {rest, sizeof rest}), bytes);
}

#endif

}  // namespace

uint32_t crc32(uint32_t before, std::string_view bytes) {
#if defined(__x86_64__)
  static const bool has_products =
      __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0;
  if (has_products && bytes.size() >= kBlock) return by_products(before, bytes);
#endif
  return crc32_portable(before, bytes);
}

uint32_t crc32_of_both(uint32_t first, uint32_t second, uint64_t second_size) {
  uint32_t shift = kOne, square = kOne >> 8U;  // x^8, for each byte behind the first piece
  for (uint64_t size = second_size; size > 0; size >>= 1U, square = product(square, square))
    if ((size & 1U) != 0) shift = product(shift, square);
  return product(first, shift) ^ second;
}

}  // namespace luxtorch::io
