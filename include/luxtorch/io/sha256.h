// SHA-256 (FIPS 180-4), to check that a file is the expected one.
//
//     bool as_published = sha256_file("corpus.txt") == "59a0ad62833b2e15...";
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "luxtorch/core/api.h"

namespace luxtorch {

/// The SHA-256 of bytes in memory: 64 lower-case hexadecimal digits.
LUXTORCH_API std::string sha256(std::string_view bytes);
/// The SHA-256 of a file's bytes, in the same form. ArgumentError: a path that cannot be read.
LUXTORCH_API std::string sha256_file(const std::filesystem::path& path);

}  // namespace luxtorch
