// The optional libraries: each is asked for what needs it.

#include <functional>

#include "distributed/nccl.h"
#include "doctor.h"
#include "io/base/deflate.h"
#include "io/base/digest.h"
#include "io/base/fault.h"
#include "io/hdf5/storage.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/hdf5.h"

namespace doctor {

namespace {

// Another fault than "this build has it not" comes from a library that is there.
bool is_there(const std::function<void()>& use) {
  try {
    use();
  } catch (const luxtorch::UnsupportedError&) {
    return false;
  } catch (const luxtorch::io::Fault& fault) {
    return !fault.is_unsupported();
  } catch (const luxtorch::Error&) {
  }
  return true;
}

std::string said(bool there, const char* without) {
  return there ? "yes" : std::string("no: ") + without;
}

}  // namespace

Section libraries() {
  const bool hdf5 = is_there([] { (void)luxtorch::hdf5::load_with_libhdf5(""); });
  const bool zlib = is_there([] { luxtorch::io::Inflater([] { return std::string_view(); }); });
  const bool zstd = is_there([] { (void)luxtorch::hdf5::unzstding({}); });
  const std::string digest = luxtorch::io::digest_library();
  return {"libraries",
          {{"HDF5", said(hdf5, "jld2::save and hdf5::save refuse")},
           {"zlib", said(zlib, "compressed arrays are refused")},
           {"libzstd", said(zstd, "HDF5 arrays compressed with Zstandard are refused")},
           {"OpenSSL", digest.empty() ? "no: SHA-256 is slower" : digest},
           {"NCCL", said(luxtorch::distributed::has_nccl(), "tensors on GPUs go through Gloo")}}};
}

}  // namespace doctor
