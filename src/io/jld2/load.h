// What jld2::load, jld2::add, hdf5::load and io::load share.
#pragma once

#include "io/base/file_kind.h"
#include "io/jld2/reader.h"
#include "io/zip/content.h"
#include "luxtorch/io/jld2.h"

namespace luxtorch::jld2 {

/// An HDF5 file with the text of JLD2.jl in front of it; any other HDF5 file.
bool is_jld2(const io::Content& file);
bool is_plain_hdf5(const io::Content& file);
inline constexpr io::FileType kType{"a JLD2 file", is_jld2};
inline constexpr io::FileType kPlainHdf5Type{"an HDF5 file", is_plain_hdf5};

Tree load(const io::Content& file, const LoadOptions& options);

/// Loads a file and notes what is special in it, where `notes` is not null. Throws what load
/// throws, in the name of `who`.
Tree load_noted(const char* who, const io::InputFile& file, uint64_t memory_limit, Notes* notes,
                Rule rule = Rule::kJulia);

/// A plain HDF5 file as h5py shows it, with the marks of hdf5::save. Throws what load throws, in the
/// name of `who`.
Tree load_plain_hdf5(const char* who, const io::Content& file, const LoadOptions& options);

}  // namespace luxtorch::jld2
