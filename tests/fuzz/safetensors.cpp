// safetensors::load.
#include "luxtorch/io/safetensors.h"

#include <cstring>

#include "fuzz/reading.h"
#include "fuzz/target.h"

namespace luxtorch::fuzz {
namespace {

bool read_safetensors(std::string_view file) {
  return loads("safetensors::load", file,
               [](std::span<const std::byte> bytes) { return safetensors::load(bytes); });
}

// The header is changed as a text, and its length is right afterwards.
std::string damage_safetensors(std::string file, size_t most, uint32_t seed, const Change& change) {
  uint64_t length = 0;
  if (file.size() > sizeof length) std::memcpy(&length, file.data(), sizeof length);
  if (seed % 8 == 0 || length == 0 || length > file.size() - sizeof length) {
    change(file, most);
    return file;
  }
  std::string header = file.substr(sizeof length, length);
  std::string arrays = file.substr(sizeof length + length);
  change(header, most - sizeof length - std::min(most - sizeof length, arrays.size()));
  // An array grows and shrinks with what the header says of it.
  if (seed % 8 == 1) change(arrays, most - sizeof length - header.size());
  length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header + arrays;
}

}  // namespace

Target safetensors() {
  return {"safetensors", {"safetensors"}, read_safetensors, damage_safetensors};
}

}  // namespace luxtorch::fuzz
