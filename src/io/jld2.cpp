#include "luxtorch/io/jld2.h"

#include "io/hdf5/fault.h"
#include "io/jld2/reader.h"
#include "luxtorch/core/error.h"

namespace luxtorch::jld2 {
namespace {

template <class Kind>
[[noreturn]] void rethrow(const hdf5::Fault& fault, const std::filesystem::path& path,
                          const std::string& advice) {
  Kind error("jld2::load", "expected " + fault.expected + ", got " + fault.got + ". " + advice);
  error.prepend_path_(fault.path.empty() ? path.string() : path.string() + ":" + fault.path);
  throw error;
}

}  // namespace

Tree load(const std::filesystem::path& path) {
  try {
    hdf5::File file(path);
    return Reader(file).read();
  } catch (const hdf5::Fault& fault) {
    switch (fault.kind) {
      case hdf5::Fault::Kind::kPath:
        rethrow<ArgumentError>(fault, path, "Check the path.");
      case hdf5::Fault::Kind::kDamaged:
        rethrow<FormatError>(fault, path,
                             "The file is damaged or not a JLD2 file; save or copy it again.");
      case hdf5::Fault::Kind::kUnsupported:
        rethrow<UnsupportedError>(
            fault, path,
            "Save it from Julia as NamedTuples of plain arrays, or without this part.");
    }
    throw;
  }
}

}  // namespace luxtorch::jld2
