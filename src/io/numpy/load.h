// numpy::load of an open file, for the table of formats.
#pragma once

#include "io/base/file_kind.h"
#include "io/zip/content.h"
#include "luxtorch/io/numpy.h"

namespace luxtorch::numpy {

/// An array, or an archive of arrays that is none of torch.save.
bool is_numpy(const io::Content& file);
inline constexpr io::FileType kType{"an npz or npy file", is_numpy};

Tree load(const io::Content& file, const LoadOptions& options);

}  // namespace luxtorch::numpy
