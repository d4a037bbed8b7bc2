// numpy::load: npy files, and zip archives of them.
#include "luxtorch/io/numpy.h"

#include "fuzz/reading.h"
#include "fuzz/target.h"
#include "fuzz/zip.h"

namespace luxtorch::fuzz {
namespace {

bool read_numpy(std::string_view file) {
  return loads("numpy::load", file, [](std::span<const std::byte> bytes) {
    return numpy::load(bytes, {.memory_limit = kMemory});
  });
}

std::string damage_numpy(std::string file, size_t most, uint32_t seed, const Change& change) {
  if (file.starts_with("PK")) return damage_zip(std::move(file), most, seed, ".npy", change);
  change(file, most);
  return file;
}

}  // namespace

Target numpy() { return {"numpy", {"numpy"}, read_numpy, damage_numpy}; }

}  // namespace luxtorch::fuzz
