// Deflated data, in a build without zlib.
#include "io/base/fault.h"
#include "io/hdf5/storage.h"

namespace luxtorch::hdf5 {

std::unique_ptr<Unpacking> inflating(Bytes /*stored*/) {
  io::unsupported("a build of luxtorch with zlib (zlib1g-dev on Debian) for compressed arrays",
                  "one without");
}

}  // namespace luxtorch::hdf5
