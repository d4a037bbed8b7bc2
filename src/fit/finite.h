// Whether numbers are finite.
#pragma once

#include <optional>
#include <string>

#include "luxtorch/tree.h"

namespace luxtorch::detail {

/// The path of the first floating-point tensor with a NaN or an infinity; nothing where there is none.
std::optional<std::string> first_not_finite(const Tree& t);
/// The same of NaN alone.
std::optional<std::string> first_nan(const Tree& t);

}  // namespace luxtorch::detail
