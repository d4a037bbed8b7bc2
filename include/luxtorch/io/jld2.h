// Trees to and from JLD2 files, the format in which Julia programs save models.
//
//     jld2::save("trained_model.jld2", named({{"ps_trained", ps}, {"st_trained", st}}));
//     Tree file = jld2::load("trained_model.jld2");
//     predict(model, x, file["ps_trained"], file["st_trained"]);
//
// In Julia, `@load "trained_model.jld2" ps_trained st_trained` gives the NamedTuples that Lux
// itself would have saved. Arrays keep their shape and the place of every element: a tensor
// (out, in) is an (out, in) Matrix there.
//
// Every function may be called from several threads; calls that save take turns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "luxtorch/core/api.h"
#include "luxtorch/io/report.h"
#include "luxtorch/tree.h"

namespace luxtorch::jld2 {

/// How save and add write a file.
struct SaveOptions {
  /// Deflate arrays of 4 KiB and more. JLD2.jl before 0.6 needs CodecZlib.jl to read them.
  bool compress = false;
};

/// Writes one variable for each key of a named tree, in the encoding that JLD2.jl 0.4.24 to 0.6
/// reads.
///
///     named, tuple            NamedTuple, Tuple
///     tensor                  Array of Float16/32/64, Int8..64, UInt8..64, Bool or Complex
///                             numbers; copied from its device
///     int64, double, string   Int64, Float64, String
///     bool                    Bool; under the key `training` Val{true} or Val{false}, as in Lux
///     none                    nothing
///     Rng                     Random.Xoshiro (five words, Julia 1.10 and later), which load turns
///                             back into the same Rng
///
/// Escaped keys (luxtorch/io/io.h) are written as the names that they stand for: "q%2Eabsmax" is
/// q.absmax in Julia, where file["q.absmax"] is the variable and getproperty(ps,
/// Symbol("q.absmax")) the field.
///
/// The file appears at once and whole: it is written beside `path`, synced and renamed. After an
/// error the old file is still there, untouched. Throws ArgumentError for a path that cannot be
/// written or a full disk, TreeError for a root that is not named, UnsupportedError for what a file
/// cannot hold (bfloat16, sparse tensors, keys with '/' at the root, keys whose names would nest
/// when they are read, strings with NUL, more than 100 levels or some 2000 entries in one node) and
/// in a build without HDF5.
LUXTORCH_API void save(const std::filesystem::path& path, const Tree& variables,
                       SaveOptions options = {});

/// What load() found that is no value of a kind that a Tree has; the types are Julia's.
using Report = io::Report;

/// How load and add read a file.
struct LoadOptions {
  /// Cleared and filled by load. With a report, a value that this reader does not know (an HDF5
  /// type, filter or link of other programs) becomes an entry in the report and none in the tree,
  /// and the rest loads.
  Report* report = nullptr;
  /// Bytes of memory (luxtorch/io/io.h).
  uint64_t memory_limit = 0;
};

/// All variables of a file that JLD2.jl or save wrote, as a named tree in the file's order. The
/// names of variables, groups and fields nest at their dots: "encoder.weight" is
/// file["encoder"]["weight"]. Names that cannot nest are escaped (luxtorch/io/io.h), except that no
/// name is empty and "%" is itself.
///
/// Numbers become int64 and double leaves, Symbols strings, missing none, Val{true} true,
/// generators an Rng, a Dict of names a named tree, and arrays of anything but numbers tuples.
/// Other types become a named tree of their fields, after an entry `julia_type` with the type's
/// name; all of them but ranges get an entry in the report.
///
/// Plain HDF5 files, as h5py and MATLAB write them, are read by Julia's rule for arrays: groups
/// become named trees, a dataset (2, 8) a tensor (8, 2), booleans bool. (io::load and hdf5::load
/// read them by the same reader, as Python shows them.) Read are all versions of data layouts, hard
/// and soft links, and the filters deflate, Zstandard, LZF, shuffle, Fletcher32, n-bit and
/// scale-offset.
///
/// load needs the tree's memory and 64 MiB, and that of a chunk above 32 MiB where the chunk has
/// other filters than deflate or Zstandard alone.
///
/// Files are mapped, and read by bounds-checked code of this library: a damaged file gives an error
/// or a value, whatever it holds. Throws ArgumentError for a path that cannot be read, FormatError
/// for a file that is damaged, not JLD2 or beyond the memory limit, and without a report
/// UnsupportedError for what this reader does not know, with its path and what is known of its
/// type.
LUXTORCH_API Tree load(const std::filesystem::path& path, LoadOptions options = {});
/// The same of a file's bytes in memory; errors call them "the bytes".
LUXTORCH_API Tree load(std::span<const std::byte> bytes, LoadOptions options = {});

/// Adds a variable to a file: writes the others and the new one to a new file beside it and renames
/// that, so that the path has the old or the new file at every moment. It works for files that save
/// wrote, and for those of JLD2.jl that hold only what save writes. Everything else (a Float32, a
/// Symbol, a Dict, a group, a generator's state, a vector of strings, ...) would come out as
/// another Julia type, and is refused with its path before anything is written.
///
/// Throws what load and save throw, ArgumentError for a name that the file has, and
/// UnsupportedError for a file that cannot be written back as it is.
LUXTORCH_API void add(const std::filesystem::path& path, const std::string& name, const Tree& tree,
                      SaveOptions options = {});

/// Throws the error that save(path, ...) would throw for this path, and leaves nothing behind. For
/// programs that train for an hour before they save.
LUXTORCH_API void check_writable(const std::filesystem::path& path);

}  // namespace luxtorch::jld2
