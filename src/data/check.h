// Level 3: checks of arguments that the functions of this folder share.
#pragma once

#include <fmt/format.h>

#include <cstdint>

#include "luxtorch/core/error.h"
#include "luxtorch/group.h"

namespace luxtorch::data {

/// Throws ArgumentError where n is below 1: "expected a batch of at least 1, got 0."
inline void check_at_least_one(const char* who, const char* what, int64_t n) {
  if (n < 1) throw ArgumentError(who, fmt::format("expected {} of at least 1, got {}.", what, n));
}

/// Throws ArgumentError for a part that is none of its count.
inline void check_part(const char* who, const Part& part) {
  if (part.count >= 1 && part.index >= 0 && part.index < part.count) return;
  throw ArgumentError(
      who,
      fmt::format("expected a part from 0 to count - 1, and a count of at least 1, got {} of {}.",
                  part.index, part.count));
}

}  // namespace luxtorch::data
