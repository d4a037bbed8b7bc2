// hdf5::load: plain HDF5 files, by the reader of JLD2 files.
#include "io/jld2/load.h"
#include "luxtorch/io/hdf5.h"

namespace luxtorch::hdf5 {
namespace {

constexpr const char* kLoad = "hdf5::load";

Tree load(const io::InputFile& file, const LoadOptions& options) {
  return jld2::load_plain_hdf5(kLoad, io::Content(file), {options.report, options.memory_limit});
}

}  // namespace

Tree load(const std::filesystem::path& path, LoadOptions options) {
  return load(io::InputFile(kLoad, path), options);
}

Tree load(std::span<const std::byte> bytes, LoadOptions options) {
  return load(io::InputFile(kLoad, bytes), options);
}

}  // namespace luxtorch::hdf5
