// What an HDF5 file begins with.
#pragma once

#include <string_view>

#include "io/base/input_file.h"

namespace luxtorch::hdf5 {

inline constexpr std::string_view kSignature = "\x89HDF\r\n\x1a\n";

/// Is the signature at byte 0, or behind another program's bytes at 512, 1024, 2048 and so on?
bool is_hdf5(const io::InputFile& file);

}  // namespace luxtorch::hdf5
