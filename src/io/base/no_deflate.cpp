// A build without zlib.
#include <array>

#include "io/base/crc32.h"
#include "io/base/deflate.h"
#include "io/base/fault.h"

namespace luxtorch::io {
namespace {

constexpr auto kTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit)
      value = (value & 1U) != 0 ? (value >> 1U) ^ 0xedb88320U : value >> 1U;
    table[i] = value;
  }
  return table;
}();

[[noreturn]] void unsupported() {
  throw Fault::unsupported("",
                           "expected a build of luxtorch with zlib (zlib1g-dev on Debian) for "
                           "compressed arrays, got one without.");
}

}  // namespace

uint32_t crc32_portable(uint32_t before, std::string_view bytes) {
  uint32_t crc = ~before;
  for (unsigned char byte : bytes) crc = kTable[(crc ^ byte) & 0xffU] ^ (crc >> 8U);
  return ~crc;
}

struct Inflater::Stream {};
Inflater::Inflater(std::function<std::string_view()> /*more*/) { unsupported(); }
Inflater::~Inflater() = default;
uint64_t Inflater::read(char* /*to*/, uint64_t /*count*/) { unsupported(); }
bool Inflater::at_end() { unsupported(); }

struct Deflater::Stream {};
Deflater::Deflater(std::function<void(std::string_view)> /*to*/) { unsupported(); }
Deflater::~Deflater() = default;
void Deflater::write(std::string_view /*bytes*/) { unsupported(); }
void Deflater::finish() { unsupported(); }

}  // namespace luxtorch::io
