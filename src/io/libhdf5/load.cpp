// hdf5::load_with_libhdf5, on libhdf5.
#include "io/base/fault.h"
#include "io/base/file_kind.h"
#include "io/base/physical_memory.h"
#include "io/hdf5/signature.h"
#include "io/libhdf5/reader.h"
#include "io/zip/content.h"
#include "luxtorch/io/hdf5.h"

namespace luxtorch::hdf5 {

Tree load_with_libhdf5(const std::filesystem::path& path, LibraryOptions options) {
  constexpr const char* kWho = "hdf5::load_with_libhdf5";
  // Its words about a path that is no file are better than libhdf5's.
  io::InputFile input(kWho, path);
  constexpr io::FileType kType{"an HDF5 file",
                               [](const io::Content& content) { return is_hdf5(content.file()); }};
  uint64_t limit = options.memory_limit == 0 ? io::physical_memory() : options.memory_limit;
  const io::FileWords words{kWho, input.name(), kType.what, ":",
                            "Save it from its program without this part."};
  return io::read_as(kType, kWho, io::Content(input), [&] {
    return io::with_errors(words, [&] {
      Turn turn;
      Handle file;
      try {
        file = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
      } catch (const Hdf5Error& error) {
        refused("a file that libhdf5 opens", error);
      }
      return LibraryReader(limit).read(file);
    });
  });
}

}  // namespace luxtorch::hdf5
