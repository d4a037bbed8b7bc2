// CRC-32 as zip archives have it.
#pragma once

#include <cstdint>
#include <string_view>

namespace luxtorch::io {

/// Of all bytes so far: `before` is 0 at first. Carry-less products do it where the processor has them.
uint32_t crc32(uint32_t before, std::string_view bytes);

/// The same on any processor: zlib's, or a table's in a build without it.
uint32_t crc32_portable(uint32_t before, std::string_view bytes);

/// Of two pieces, one behind the other, by those of each and the second's size.
uint32_t crc32_of_both(uint32_t first, uint32_t second, uint64_t second_size);

}  // namespace luxtorch::io
