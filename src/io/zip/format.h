// What writing and reading zip archives share. All numbers are little-endian.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace luxtorch::io::zip {

static_assert(std::endian::native == std::endian::little);

inline constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50,
                          kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
inline constexpr size_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22, kEnd64Size = 56,
                        kLocator64Size = 20;
inline constexpr uint16_t kStored = 0, kDeflated = 8, kWide = 1;  // kWide: zip64's extra field
inline constexpr uint16_t kEncrypted = 1U << 0U, kUtf8 = 1U << 11U;
inline constexpr uint32_t kFull32 = 0xffffffff;  // "the number is in the zip64 field"
inline constexpr uint16_t kFull16 = 0xffff;

template <class T>
T number(std::string_view bytes, size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <class T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace luxtorch::io::zip
