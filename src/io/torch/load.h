// torch_archive::load of an open file, for the table of formats.
#pragma once

#include "io/base/file_kind.h"
#include "io/zip/content.h"
#include "luxtorch/io/torch_archive.h"

namespace luxtorch::torch_archive {

/// A file of torch.save, of PyTorch 0.1.10 or later.
bool is_torch_archive(const io::Content& file);
inline constexpr io::FileType kType{"a file of torch.save", is_torch_archive};

Tree load(const io::Content& file, const LoadOptions& options);

}  // namespace luxtorch::torch_archive
