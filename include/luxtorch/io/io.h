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

#include <filesystem>

#include "luxtorch/core/api.h"
#include "luxtorch/io/hdf5.h"
#include "luxtorch/io/jld2.h"
#include "luxtorch/io/numpy.h"
#include "luxtorch/io/report.h"
#include "luxtorch/io/safetensors.h"
#include "luxtorch/io/torch_archive.h"
#include "luxtorch/tree.h"

namespace luxtorch::io {

/// Options for saving, by format; those of formats other than the file's are ignored.
struct SaveOptions {
  luxtorch::jld2::SaveOptions jld2 = {};                    ///< For .jld2 files.
  luxtorch::hdf5::SaveOptions hdf5 = {};                    ///< For .h5 and .hdf5 files.
  luxtorch::safetensors::SaveOptions safetensors = {};      ///< For .safetensors files.
  luxtorch::torch_archive::SaveOptions torch_archive = {};  ///< For .pt and .pth files.
  luxtorch::numpy::SaveOptions numpy = {};                  ///< For .npz and .npy files.
};
/// Options for loading: two for all formats, the others by format; those of formats other than the
/// file's are ignored.
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
  luxtorch::jld2::LoadOptions jld2 = {};                    ///< For .jld2 and plain HDF5 files.
  luxtorch::safetensors::LoadOptions safetensors = {};      ///< For safetensors files.
  luxtorch::torch_archive::LoadOptions torch_archive = {};  ///< For PyTorch's files.
  luxtorch::numpy::LoadOptions numpy = {};                  ///< For NumPy's files.
};

/// Writes the tree in the format of the path's extension, in upper or lower case. Throws
/// ArgumentError for an extension that is none of the above, before anything is written, and what
/// the format's save throws.
LUXTORCH_API void save(const std::filesystem::path& path, const Tree& tree,
                       const SaveOptions& options = {});

/// The tree in a file. The file's first bytes (in a zip archive, the names in it) decide the
/// format; where they do not, the path's extension does. Every format is read by bounds-checked
/// code of this library. That includes plain HDF5 files: they give what hdf5::load gives, or an
/// UnsupportedError for what only libhdf5 decodes (filters other than those that luxtorch/io/jld2.h
/// lists, floats other than IEEE's, links to other files, virtual and external datasets).
///
/// Throws FormatError for a file whose format neither the bytes nor the extension give (for some
/// known kinds, a Git LFS pointer, an HTML page, gzip, a pickle, the message says what to do), and
/// what the format's load throws.
LUXTORCH_API Tree load(const std::filesystem::path& path, const LoadOptions& options = {});

}  // namespace luxtorch::io
