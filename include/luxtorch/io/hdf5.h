// Trees to and from plain HDF5 files, which h5py, MATLAB, HDFView and Julia's HDF5.jl open.
//
//     hdf5::save("model.h5", named({{"ps", ps}, {"st", st}}), {.compress = true});
//     Tree file = hdf5::load("model.h5");
//
// In Python, h5py.File("model.h5")["ps/layer_1/weight"][()] is an array of the tensor's shape.
// MATLAB and HDF5.jl have the dimensions in reverse order: there the same dataset is the tensor
// transposed. (For files that Julia's @load reads see jld2.h.)
//
// Every function may be called from several threads; the calls take turns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "luxtorch/core/api.h"
#include "luxtorch/io/report.h"
#include "luxtorch/tree.h"

namespace luxtorch::hdf5 {

/// How save writes a file.
struct SaveOptions {
  /// Shuffle and deflate arrays of 4 KiB and more, in chunks of about 1 MiB.
  bool compress = false;
};

/// Of luxtorch's reader.
struct LoadOptions {
  /// Filled anew. Given, a value that the reader does not know becomes an entry and none in the
  /// tree, and the rest loads.
  io::Report* report = nullptr;
  /// Bytes of memory (luxtorch/io/io.h).
  uint64_t memory_limit = 0;
};

/// Of libhdf5.
struct LibraryOptions {
  /// Bytes of memory (luxtorch/io/io.h).
  uint64_t memory_limit = 0;
};

/// Writes any tree.
///
///     named               group, its members in the tree's order; escaped keys ("q%2Eabsmax") as
///                         the names that they stand for ("q.absmax", luxtorch/io/io.h)
///     tensor              dataset of the tensor's shape; bool as the enumeration FALSE, TRUE and
///                         complex as the compound r, i, both as h5py has them; copied from its
///                         device, without its graph
///     bool, int64, double scalar dataset
///     string              scalar dataset, a UTF-8 string of variable length
///     none                dataset without a value (h5py's Empty)
///
/// Other kinds have the attribute "luxtorch" (a text), by which load recognizes them:
///
///     tuple               "tuple", a group with the members 0, 1, 2, ...
///     tensor ()           "tensor", a scalar dataset
///     undefined tensor    "tensor", a dataset without a value
///     Rng                 "rng", a scalar uint64, its key
///     other strings       "bytes", a uint8 dataset (where it is not UTF-8 or has a NUL)
///     a root that is none "value" at the root group, which has one member of that name
///     of these
///
/// The file appears at once and whole: it is written beside `path`, synced and renamed. After an
/// error the old file is still there, untouched. Throws ArgumentError for a path that cannot be
/// written or a full disk, UnsupportedError for what HDF5 cannot hold (bfloat16, float8 and
/// quantised tensors, sparse ones, more than 32 dimensions, keys with '/' or NUL or not in UTF-8
/// and those whose names would nest when they are read, more than 100 levels) and in a build
/// without HDF5.
LUXTORCH_API void save(const std::filesystem::path& path, const Tree& tree,
                       SaveOptions options = {});

/// The tree that save wrote, bit for bit, on the CPU; of other programs' files
///
///     group               named, in the order of creation where the file keeps it, else by name;
///                         dots in names nest: "0.weight" is file["0"]["weight"], but for those that luxtorch/io/io.h
///                         escapes; no name is empty here, and "%" is itself
///     numbers             tensor; widths that torch lacks as the next larger one; a scalar as an int64, double or
///                         bool leaf (a tensor () where none of these holds it)
///     bool, complex       bool and complex, as h5py, NumPy and Julia have them
///     other enumerations  the integers
///     strings             a string; arrays of them a tuple, nested where they have more dimensions
///     compounds           named; arrays of them tuples
///     lists               tuples of tensors
///     opaque              uint8 tensors, with one more dimension; where the attribute "dtype" is
///                         bfloat16, float8_e4m3fn, float8_e4m3fnuz, float8_e5m2 or
///                         float8_e5m2fnuz, as Keras writes it, tensors of that dtype
///     references          what they refer to; none for a null reference
///     null dataspace      none
///     links               what they lead to
///     MATLAB's            char, logical and empty arrays as string, bool and tensors without elements
///
/// Committed datatypes and attributes, but for ours, MATLAB's and Keras', are left out. Elements
/// that were never written have the file's fill value. Takes the memory that jld2::load takes.
///
/// By luxtorch's reader, as io::load and jld2::load: its code checks every size, so that it may
/// read any file, and needs no libhdf5. Throws ArgumentError for a path that cannot be read,
/// FormatError for a file that is damaged, not HDF5 or beyond the memory limit, and without a
/// report UnsupportedError for what only libhdf5 decodes: filters but those that luxtorch/io/jld2.h
/// lists, floats that are none of IEEE's, links to other files, virtual and external datasets.
LUXTORCH_API Tree load(const std::filesystem::path& path, LoadOptions options = {});
/// The same of a file's bytes in memory; errors call them "the bytes".
LUXTORCH_API Tree load(std::span<const std::byte> bytes, LoadOptions options = {});

/// The same tree by libhdf5, of everything that it decodes, whatever the filters (its plugins
/// included), the byte order and the layout (virtual and external datasets, too), with links to
/// other files, and floats beyond float64 rounded to it. Takes the tree's memory and that of one
/// chunk. Reads no bytes in memory: luxtorch's reader does.
///
/// For files that you trust: libhdf5 may crash on a damaged or hostile file. Throws ArgumentError
/// for a path that cannot be read, FormatError for a file that is damaged, not HDF5 or beyond the
/// memory limit, UnsupportedError for a filter whose plugin is missing, integers above 64 bits,
/// region references, links that lead nowhere, groups that contain themselves and names that are no
/// paths, each with its path in the file, and in a build without HDF5.
LUXTORCH_API Tree load_with_libhdf5(const std::filesystem::path& path, LibraryOptions options = {});

}  // namespace luxtorch::hdf5
