// jld2::load, which reads plain HDF5 files, too, and hdf5::load.
#include "luxtorch/io/jld2.h"

#include <cstring>

#include "fuzz/reading.h"
#include "fuzz/target.h"
#include "io/hdf5/bytes.h"
#include "luxtorch/io/hdf5.h"

namespace luxtorch::fuzz {
namespace {

bool read_jld2(std::string_view file) {
  jld2::Report report;
  auto load = [&](jld2::Report* into) {
    return loads("jld2::load", file, [&](std::span<const std::byte> bytes) {
      return jld2::load(bytes, {.report = into, .memory_limit = kMemory});
    });
  };
  auto load_plain = [&](jld2::Report* into) {
    return loads("hdf5::load", file, [&](std::span<const std::byte> bytes) {
      return hdf5::load(bytes, {.report = into, .memory_limit = kMemory});
    });
  };
  load_plain(&report);
  bool is_plain = !file.starts_with("HDF5-based Julia");
  bool read = is_plain && load_plain(nullptr);
  if (!load(&report)) return read;
  // Without a report the same values are read up to the first that is not known.
  if (!report.entries.empty()) load(nullptr);
  return true;
}

template <class T>
T number(const std::string& bytes, size_t at) {
  T value;
  std::memcpy(&value, &bytes[at], sizeof value);
  return value;
}

// The block's last four bytes become the checksum of those before.
void seal(std::string& bytes, size_t at, size_t size) {
  if (size < 4 || at > bytes.size() || size > bytes.size() - at) return;
  uint32_t sum = hdf5::lookup3({reinterpret_cast<const uint8_t*>(bytes.data()) + at, size - 4});
  std::memcpy(&bytes[at + size - 4], &sum, sizeof sum);
}

template <class F>
void for_each_block(const std::string& bytes, std::string_view signature, F f) {
  for (size_t at = bytes.find(signature); at != bytes.npos; at = bytes.find(signature, at + 1))
    f(at);
}

void seal_header(std::string& bytes, size_t at) {
  if (at + 40 > bytes.size()) return;
  auto flags = static_cast<uint8_t>(bytes[at + 5]);
  size_t width = size_t{1} << (flags & 3U);
  size_t begin = at + 6 + ((flags & 0x20U) != 0 ? 16 : 0) + ((flags & 0x10U) != 0 ? 4 : 0);
  uint64_t size = 0;
  std::memcpy(&size, &bytes[begin], width);
  if (size < bytes.size()) seal(bytes, at, begin + width + size + 4 - at);
}

// How long a continuation is, says the message that names its address; JLD2's addresses count from
// byte 512.
void seal_continuation(std::string& bytes, size_t at) {
  for (size_t base : {512U, 0U}) {
    if (at < base) continue;
    uint64_t address = at - base;
    std::string_view words(reinterpret_cast<const char*>(&address), sizeof address);
    size_t message = bytes.find(words);
    if (message == bytes.npos || message + 16 > bytes.size()) continue;
    auto size = number<uint64_t>(bytes, message + 8);
    if (size < bytes.size()) return seal(bytes, at, size);
  }
}

void seal_all(std::string& bytes) {
  constexpr std::pair<const char*, size_t> kBlocks[] = {
      {"BTHD", 38}, {"FRHP", 146}, {"FAHD", 28}, {"EAHD", 72}};
  for (const auto& block : kBlocks)
    for_each_block(bytes, block.first, [&](size_t at) { seal(bytes, at, block.second); });
  for_each_block(bytes, "\x89HDF\r\n\x1a\n", [&](size_t at) {
    if (at + 8 < bytes.size() && bytes[at + 8] >= 2) seal(bytes, at, 48);
  });
  for_each_block(bytes, "OHDR", [&](size_t at) { seal_header(bytes, at); });
  for_each_block(bytes, "OCHK", [&](size_t at) { seal_continuation(bytes, at); });
}

std::string damage_jld2(std::string file, size_t most, uint32_t seed, const Change& change) {
  change(file, most);
  if (seed % 16 != 0) seal_all(file);
  return file;
}

}  // namespace

Target jld2() { return {"jld2", {"jld2", "hdf5"}, read_jld2, damage_jld2}; }

}  // namespace luxtorch::fuzz
