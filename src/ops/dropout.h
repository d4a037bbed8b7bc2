// What dropout as a function and as a layer checks.
//
// Level 1.5.
#pragma once

#include <string>

namespace luxtorch::ops {

/// ArgumentError of `who`: p is not from 0 to 1.
void check_probability(const std::string& who, double p);

}  // namespace luxtorch::ops
