// What jld2::load, jld2::add and io::load share.
#pragma once

#include <filesystem>

#include "io/jld2/reader.h"
#include "luxtorch/io/jld2.h"

namespace luxtorch::jld2 {

/// Loads a file and notes what is special in it, where `notes` is not null. Throws what load
/// throws, in the name of `who`.
Tree load_noted(const char* who, const std::filesystem::path& path, uint64_t memory_limit,
                Notes* notes, Rule rule = Rule::kJulia);

/// A plain HDF5 file as h5py shows it, with the marks of hdf5::save. Throws what load throws, in the
/// name of `who`.
Tree load_plain_hdf5(const char* who, const std::filesystem::path& path,
                     const LoadOptions& options);

}  // namespace luxtorch::jld2
