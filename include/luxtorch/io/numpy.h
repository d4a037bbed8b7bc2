// Trees to and from NumPy's files: .npz, and .npy for a single array.
//
//     numpy::save("model.npz", named({{"ps", ps}, {"st", st}}));
//     Tree file = numpy::load("model.npz");
//     numpy::save("x.npy", x);
//
// In Python, numpy.load("model.npz")["ps.layer_1.weight"] is an array. The parts of a tree that npz
// cannot hold (tuples, empty nodes, numbers, strings, rngs, none) are stored as JSON in one more
// array of bytes, "luxtorch.tree", so that load gives back the same tree. Trees of named tensors do
// not need it.
//
// Every function may be called from several threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "luxtorch/core/api.h"
#include "luxtorch/io/report.h"
#include "luxtorch/tree.h"

namespace luxtorch::numpy {

/// How save writes a file.
struct SaveOptions {
  /// Deflate the arrays of an npz file, as numpy.savez_compressed does.
  bool compress = false;
};

/// How load reads a file.
struct LoadOptions {
  /// Cleared and filled by load. With a report, an array of a dtype that a tree cannot hold becomes
  /// an entry with its dtype in the report and none in the tree, and the rest loads.
  io::Report* report = nullptr;
  /// Tensors are views of the file (luxtorch/io/io.h), but for deflated, big-endian and
  /// Fortran-ordered ones. Checksums of stored members are not compared then.
  bool map = false;
  /// Bytes of memory (luxtorch/io/io.h).
  uint64_t memory_limit = 0;
  /// Compare an archive's checksums.
  bool verify_checksums = true;
};

/// Writes any tree as npz, or a single tensor as npy where the path ends in ".npy". An array's name
/// is its path, or "arr_0" where the whole tree is one. Tensors are copied from their device; views
/// that share memory become arrays of their own; a graph is left out.
///
/// The file appears at once and whole: it is written beside `path`, synced and renamed. After an
/// error the old file is still there, untouched. Throws ArgumentError for a path that cannot be
/// written and a full disk, UnsupportedError for what NumPy cannot hold (bfloat16, float8 and
/// quantised tensors, sparse ones, keys that are not UTF-8, paths above 60,000 bytes, more than 500
/// levels), for anything but a tensor in an npy file, and for compression in a build without zlib.
LUXTORCH_API void save(const std::filesystem::path& path, const Tree& tree,
                       SaveOptions options = {});

/// The tree that save wrote, bit for bit, on the CPU: from an npz file a tree, from an npy file a
/// tensor, whatever the path ends in. A file of another program gives a named tree that is nested
/// on the names' dots (luxtorch/io/io.h), in the file's order: "0.weight" is file["0"]["weight"].
///
///     numbers         tensor, from either byte order, also in Fortran order; ml_dtypes' bfloat16
///                     and float8_e5m2
///     texts, bytes    string; arrays of them tuples, nested where they have more dimensions
///     other members   (of an npz archive) a string of their bytes, as numpy.load gives them
///     several arrays  (one after the other in an npy file) a tuple; zeros after an array are
///                     left out
///
/// Every length and offset is checked before it is used. Throws ArgumentError for a path that
/// cannot be read, FormatError, which says where and why, for a file that is damaged or neither npz
/// nor npy, UnsupportedError for deflated arrays beyond the limit or in a build without zlib, and
/// without a report for arrays that a tree cannot hold: dates, records, long doubles, Python's
/// objects, which are never unpickled, and ml_dtypes' other types, which a file does not tell
/// apart.
LUXTORCH_API Tree load(const std::filesystem::path& path, LoadOptions options = {});
/// The same of a file's bytes in memory; errors call them "the bytes". Each tensor is a copy of its
/// part of them, and `map` does nothing.
LUXTORCH_API Tree load(std::span<const std::byte> bytes, LoadOptions options = {});

}  // namespace luxtorch::numpy
