// Zstandard data, in a build without libzstd.
#include "io/base/fault.h"
#include "io/hdf5/storage.h"

namespace luxtorch::hdf5 {
namespace {

[[noreturn]] void refuse() {
  io::unsupported(
      "a build of luxtorch with libzstd (libzstd-dev on Debian) for arrays compressed with "
      "Zstandard, HDF5 filter 32015",
      "one without");
}

}  // namespace

std::vector<uint8_t> unzstd_exactly(Bytes /*stored*/, uint64_t /*size*/) { refuse(); }
std::unique_ptr<Unpacking> unzstding(Bytes /*stored*/) { refuse(); }

}  // namespace luxtorch::hdf5
