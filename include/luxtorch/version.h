// The library's version, for the preprocessor and for programs that print it. CMakeLists.txt reads
// the three numbers from this file; they are written nowhere else.
#pragma once

#include "luxtorch/core/api.h"

/// The first number of the version.
#define LUXTORCH_VERSION_MAJOR 0
/// The second number of the version.
#define LUXTORCH_VERSION_MINOR 1
/// The third number of the version.
#define LUXTORCH_VERSION_PATCH 0

/// One number that grows with every version: 10000 * major + 100 * minor + patch.
///
///     static_assert(LUXTORCH_VERSION >= 100);               // 0.1.0 or newer
///     std::cout << luxtorch::version() << "\n";             // of the library that is loaded
#define LUXTORCH_VERSION \
  (LUXTORCH_VERSION_MAJOR * 10000 + LUXTORCH_VERSION_MINOR * 100 + LUXTORCH_VERSION_PATCH)

namespace luxtorch {

/// The version of the library that the program runs with: "0.1.0". It differs from the macros when
/// a program runs with another library than it was compiled for.
LUXTORCH_API const char* version() noexcept;

}  // namespace luxtorch
