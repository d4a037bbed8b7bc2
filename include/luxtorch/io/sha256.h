// SHA-256 (FIPS 180-4): what tells whether a file is the one that was meant.
//
//     bool as_published = sha256_file("corpus.txt") == "59a0ad62833b2e15...";
//
// Level 2.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "luxtorch/core/api.h"

namespace luxtorch {

/// 64 lower-case hexadecimal digits.
LUXTORCH_API std::string sha256(std::string_view bytes);
/// Of a file's bytes. ArgumentError for a path that cannot be read.
LUXTORCH_API std::string sha256_file(const std::filesystem::path& path);

}  // namespace luxtorch
