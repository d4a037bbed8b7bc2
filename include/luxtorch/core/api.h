// LUXTORCH_API: what the shared library exports.
#pragma once

/// Marks functions that are defined in the library's sources, and classes with such functions. The
/// shared library exports these and hides everything else.
#define LUXTORCH_API __attribute__((visibility("default")))
