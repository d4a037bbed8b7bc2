// LUXTORCH_API: what the shared library exports.
#pragma once

/// Stands at functions, and at classes with functions, that are defined in the library's sources. All
/// else in the library is hidden.
#define LUXTORCH_API __attribute__((visibility("default")))
