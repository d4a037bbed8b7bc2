// CRC-32C (Castagnoli), as the records of event files have it.
#pragma once

#include <cstdint>
#include <string_view>

namespace luxtorch::detail {

uint32_t crc32c(std::string_view bytes);

/// The checksum that TFRecord stores, since one of bytes with their own checksum in them would be weak.
uint32_t masked_crc32c(std::string_view bytes);

}  // namespace luxtorch::detail
