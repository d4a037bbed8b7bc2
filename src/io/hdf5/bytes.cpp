#include "io/hdf5/bytes.h"

#include <algorithm>

#include "io/base/fault.h"

namespace luxtorch::hdf5 {

Bytes Bytes::sub(uint64_t offset, uint64_t length) const {
  if (offset > size_ || length > size_ - offset)
    io::damaged(std::to_string(length) + " bytes at offset " + std::to_string(offset),
                "a part of " + std::to_string(size_) + " bytes");
  return {data_ + offset, length};
}

Bytes Bytes::from(uint64_t offset) const {
  return sub(offset, offset > size_ ? 0 : size_ - offset);
}

bool Bytes::starts_with(std::string_view signature) const {
  return size_ >= signature.size() && std::memcmp(data_, signature.data(), signature.size()) == 0;
}

uint64_t Cursor::sized(unsigned width) {
  Bytes part = take(width);
  uint64_t value = 0;
  for (unsigned i = 0; i < width; ++i) value |= uint64_t{part.data()[i]} << (8 * i);
  return value;
}

Bytes Cursor::take(uint64_t length) {
  Bytes part = bytes_.sub(at_, length);
  at_ += length;
  return part;
}

std::string Cursor::text_until_nul() {
  Bytes rest = bytes_.from(at_);
  const uint8_t* end = rest.data() + rest.size();
  const uint8_t* nul = std::find(rest.data(), end, uint8_t{0});
  if (nul == end) io::damaged("a name that ends with NUL", "none before the end of the message");
  std::string text(rest.data(), nul);
  at_ += text.size() + 1;
  return text;
}

uint64_t checked_product(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product))
    io::damaged("a size below 2^64 bytes", std::to_string(a) + " times " + std::to_string(b));
  return product;
}

uint32_t lookup3(Bytes bytes) {
  uint32_t a = 0xdeadbeefU + static_cast<uint32_t>(bytes.size());
  uint32_t b = a;
  uint32_t c = a;
  const uint8_t* p = bytes.data();
  uint64_t left = bytes.size();
  uint32_t word[3];
  for (; left > 12; left -= 12, p += 12) {
    std::memcpy(word, p, 12);
    a += word[0], b += word[1], c += word[2];
    a -= c, a ^= std::rotl(c, 4), c += b;
    b -= a, b ^= std::rotl(a, 6), a += c;
    c -= b, c ^= std::rotl(b, 8), b += a;
    a -= c, a ^= std::rotl(c, 16), c += b;
    b -= a, b ^= std::rotl(a, 19), a += c;
    c -= b, c ^= std::rotl(b, 4), b += a;
  }
  if (left == 0) return c;
  std::memset(word, 0, sizeof word);
  std::memcpy(word, p, left);
  a += word[0], b += word[1], c += word[2];
  c ^= b, c -= std::rotl(b, 14);
  a ^= c, a -= std::rotl(c, 11);
  b ^= a, b -= std::rotl(a, 25);
  c ^= b, c -= std::rotl(b, 16);
  a ^= c, a -= std::rotl(c, 4);
  b ^= a, b -= std::rotl(a, 14);
  c ^= b, c -= std::rotl(b, 24);
  return c;
}

}  // namespace luxtorch::hdf5
