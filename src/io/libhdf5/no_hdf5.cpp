// hdf5::save and hdf5::load_with_libhdf5 in a build without HDF5.
#include "luxtorch/core/error.h"
#include "luxtorch/io/hdf5.h"

namespace luxtorch::hdf5 {
namespace {

[[noreturn]] void without_hdf5(const char* who) {
  throw UnsupportedError(
      who,
      "expected a build of luxtorch with HDF5, got one without. Install HDF5 with its C++ API "
      "(libhdf5-dev on Debian) and configure with -DLUXTORCH_WITH_HDF5=ON.");
}

}  // namespace

void save(const std::filesystem::path& /*path*/, const Tree& /*tree*/, SaveOptions /*options*/) {
  without_hdf5("hdf5::save");
}

Tree load_with_libhdf5(const std::filesystem::path& /*path*/, LibraryOptions /*options*/) {
  without_hdf5("hdf5::load_with_libhdf5");
}

}  // namespace luxtorch::hdf5
