// torch_archive::load: a zip archive with a pickle in it, or pickles and storages one behind the other.
#include "luxtorch/io/torch_archive.h"

#include "fuzz/reading.h"
#include "fuzz/target.h"
#include "fuzz/zip.h"

namespace luxtorch::fuzz {
namespace {

bool loads_with(std::string_view file, const torch_archive::LoadOptions& options) {
  return loads("torch_archive::load", file, [&](std::span<const std::byte> bytes) {
    return torch_archive::load(bytes, options);
  });
}

bool read_torch_archive(std::string_view file) {
  io::Report report;
  loads_file("torch_archive::load", file, [](const std::filesystem::path& path) {
    return torch_archive::load(path, {.map = true, .memory_limit = kMemory});
  });
  loads_with(file, {.memory_limit = kMemory, .verify_checksums = false});
  return loads_with(file, {.report = &report, .memory_limit = kMemory});
}

std::string damage_torch_archive(std::string file, size_t most, uint32_t seed,
                                 const Change& change) {
  return damage_zip(std::move(file), most, seed, ".pkl", change);
}

}  // namespace

Target torch_archive() {
  return {"torch_archive", {"torch_archive"}, read_torch_archive, damage_torch_archive};
}

}  // namespace luxtorch::fuzz
