// Trees as bytes, for messages between processes of one version.
#pragma once

#include <cstdint>
#include <string>

#include "luxtorch/tree.h"

namespace luxtorch::detail {

std::string to_bytes(const Tree& t);
/// FormatError: bytes that end too early.
Tree from_bytes(const std::string& bytes);

}  // namespace luxtorch::detail
