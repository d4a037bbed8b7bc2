// jld2::save and jld2::check_writable in a build without HDF5.
#include "luxtorch/core/error.h"
#include "luxtorch/io/jld2.h"

namespace luxtorch::jld2 {
namespace {

[[noreturn]] void without_hdf5() {
  throw UnsupportedError(
      "jld2::save",
      "expected a build of luxtorch with HDF5, got one without. Install HDF5 with its C++ API "
      "(libhdf5-dev on Debian) and configure with -DLUXTORCH_WITH_HDF5=ON.");
}

}  // namespace

void save(const std::filesystem::path& /*path*/, const Tree& /*variables*/,
          SaveOptions /*options*/) {
  without_hdf5();
}

void check_writable(const std::filesystem::path& /*path*/) { without_hdf5(); }

}  // namespace luxtorch::jld2
