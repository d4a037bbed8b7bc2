#include "fit/crc32c.h"

#include <array>

namespace luxtorch::detail {

namespace {

constexpr std::array<uint32_t, 256> table() {
  std::array<uint32_t, 256> all{};
  for (uint32_t i = 0; i < all.size(); ++i) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0x82F63B78U ^ (c >> 1) : c >> 1;
    all[i] = c;
  }
  return all;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static constexpr auto kTable = table();
  uint32_t c = ~0U;
  for (const char byte : bytes) c = kTable[(c ^ static_cast<unsigned char>(byte)) & 255] ^ (c >> 8);
  return ~c;
}

uint32_t masked_crc32c(std::string_view bytes) {
  const auto c = crc32c(bytes);
  return ((c >> 15) | (c << 17)) + 0xA282EAD8U;
}

}  // namespace luxtorch::detail
