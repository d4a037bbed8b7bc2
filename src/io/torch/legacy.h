// Files of PyTorch before 1.6: pickles and storages, one behind the other.
//
//     a magic number, a version, the machine     three pickles
//     the value                                  a pickle that asks for storages by name
//     the storages' names                        a pickle of a list
//     each storage                               its number of elements in 8 bytes, and its elements
#pragma once

#include "io/base/input_file.h"
#include "luxtorch/io/torch_archive.h"

namespace luxtorch::torch_archive {

/// Is this a file of PyTorch before 1.6? (0.1.10 came before this format: its files are tar archives.)
bool is_legacy(const io::InputFile& file);

/// Throws Fault.
Tree read_legacy(const io::InputFile& file, const LoadOptions& options);

}  // namespace luxtorch::torch_archive
