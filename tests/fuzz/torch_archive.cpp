// torch_archive::load: a zip archive with a pickle in it.
#include "luxtorch/io/torch_archive.h"

#include "fuzz/reading.h"
#include "fuzz/target.h"
#include "fuzz/zip.h"

namespace luxtorch::fuzz {
namespace {

bool read(std::string_view file) {
  return loads("torch_archive::load", file, [](const std::filesystem::path& path) {
    return torch_archive::load(path, {.inflated_limit = kMemory});
  });
}

std::string damage(std::string file, size_t most, uint32_t seed, const Change& change) {
  return damage_zip(std::move(file), most, seed, ".pkl", change);
}

}  // namespace

Target torch_archive() { return {"torch_archive", read, damage}; }

}  // namespace luxtorch::fuzz
