// safetensors::load of an open file, for the table of formats.
#pragma once

#include "io/base/file_kind.h"
#include "io/zip/content.h"
#include "luxtorch/io/safetensors.h"

namespace luxtorch::safetensors {

/// A header's length, within the file, and a JSON object.
bool is_safetensors(const io::Content& file);
inline constexpr io::FileType kType{"a safetensors file", is_safetensors};

Tree load(const io::Content& file, const LoadOptions& options);

}  // namespace luxtorch::safetensors
