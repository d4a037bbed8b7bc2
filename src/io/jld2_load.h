// What jld2::load and jld2::add share.
#pragma once

#include <filesystem>

#include "io/jld2/reader.h"

namespace luxtorch::jld2 {

/// Loads a file and notes what is special in it, where `notes` is not null. Throws what load
/// throws, in the name of `who`.
Tree load_noted(const char* who, const std::filesystem::path& path, uint64_t memory_limit,
                Notes* notes);

}  // namespace luxtorch::jld2
