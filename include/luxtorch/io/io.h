// Trees to and from files, whatever the format.
//
//     io::save("model.safetensors", ps);
//     Tree ps = io::load("model.pt");
//
//     .jld2                 luxtorch/io/jld2.h           Julia's @load and @save
//     .h5, .hdf5            luxtorch/io/hdf5.h           h5py, MATLAB, HDFView
//     .safetensors          luxtorch/io/safetensors.h    everyone
//     .pt, .pth             luxtorch/io/torch_archive.h  Python's torch.load and torch.save
//     .npz, .npy            luxtorch/io/numpy.h          Python's numpy.load and numpy.savez
//
// The header of each format says what the format holds and what it refuses. Errors name the format.
//
// Names in files nest at their dots: "0.weight" is file["0"]["weight"]. A key of a tree has no dot
// and is not empty. Other names in a file are escaped, and written again as they were:
//
// - "%2E" is a dot that does not nest: one beside another dot or at an end of the name ("a..b",
//   ".a"), or one after a name that the file has too: "q.absmax" beside "q" is file["q%2Eabsmax"].
// - "%" is the empty name.
// - "%25" is the % of a name that contains one of these itself: "a%2Eb" is file["a%252Eb"].
//
// Every function may be called from several threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "luxtorch/core/api.h"
#include "luxtorch/io/hdf5.h"
#include "luxtorch/io/jld2.h"
#include "luxtorch/io/numpy.h"
#include "luxtorch/io/report.h"
#include "luxtorch/io/safetensors.h"
#include "luxtorch/io/torch_archive.h"
#include "luxtorch/tree.h"

namespace luxtorch::io {

/// How save writes a file.
struct SaveOptions {
  /// Deflate the arrays of .jld2, .h5 and .npz files. Of other files they stay as they are.
  bool compress = false;
  luxtorch::safetensors::SaveOptions safetensors = {};      ///< For .safetensors files alone.
  luxtorch::torch_archive::SaveOptions torch_archive = {};  ///< For .pt and .pth files alone.
};
/// How load reads a file, whatever its format.
struct LoadOptions {
  /// Cleared and filled by load, for every format. With a report, a value that the format's reader
  /// does not know becomes an entry in the report and none in the tree, and the rest loads. Without
  /// one it is an UnsupportedError.
  Report* report = nullptr;
  /// Tensors of safetensors, .pt, .npy and uncompressed .npz files are views of the file: the file
  /// is mapped, nothing is copied or read before it is used, and the tensors keep the mapping.
  /// Writing to the tensors changes copies of the pages in memory, not the file (as with
  /// torch.load's mmap, and with Tensor::from_file without shared). Elements that are unaligned, or
  /// stored otherwise than in memory, are copied. Checksums of what is mapped are not compared.
  ///
  /// A file that is replaced (as save does, by renaming) or removed stays valid for the mapping. A
  /// program that writes to the file in place may change the tensors; after one that shortens the
  /// file, an access to the lost part ends this program (SIGBUS). Do not map files to which that
  /// may happen.
  bool map = false;
  /// Bytes of memory that a file may make load take; one that claims more is refused before memory
  /// is asked for. 0: as many as the machine has. A file claims more than it has bytes where it is
  /// compressed or has elements that were never written, so that
  ///
  /// - of JLD2 and HDF5 files all values count, and elements that were never written may take 256 MiB of
  ///   the limit, or all of it where it is larger than that;
  /// - of .npz and .pt files all deflated parts count, together;
  /// - safetensors and .npy files, which cannot claim more than they have, need no limit.
  uint64_t memory_limit = 0;
  /// Compare the checksums of .npz and .pt files. Those of JLD2 and HDF5 files always are.
  bool verify_checksums = true;
};

/// Writes the tree in the format of the path's extension, in upper or lower case. Throws
/// ArgumentError for an extension that is none of the above, before anything is written, and what
/// the format's save throws.
LUXTORCH_API void save(const std::filesystem::path& path, const Tree& tree,
                       const SaveOptions& options = {});

/// Reads the format that the file's first bytes tell (of a zip archive the names in it), whatever
/// the path ends in; the extension where they tell nothing. Every format is read by luxtorch's own
/// reader, whose code checks every size, plain HDF5 files, too, as hdf5::load does
/// (hdf5::load_with_libhdf5 is for what only libhdf5 decodes). Throws FormatError for a file that
/// neither tells (one of a kind that is known, a Git LFS pointer, an HTML page, gzip, a pickle, is
/// named with what to do), and what the format's load throws.
LUXTORCH_API Tree load(const std::filesystem::path& path, const LoadOptions& options = {});
/// The same of a file's bytes in memory, of the format that they tell; errors call them "the
/// bytes". Each tensor is a copy of its part of them, and `map` does nothing.
LUXTORCH_API Tree load(std::span<const std::byte> bytes, const LoadOptions& options = {});

}  // namespace luxtorch::io
