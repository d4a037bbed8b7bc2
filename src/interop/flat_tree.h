// A file's tree as a list of its leaves by name, and what keeps it from being what is expected.
#pragma once

#include <map>
#include <string>

#include "luxtorch/tree.h"
#include "mismatches.h"

namespace luxtorch::detail {

/// The leaves by their paths.
using Flat = std::map<std::string, Tree, std::less<>>;
Flat flat(const Tree& tree);

/// "missing a.b", "unexpected c", "d of shape (2) in place of (3)", for leaves that are tensors or are
/// expected to be: in the order of `expected`, what is unexpected last. A leaf of `expected` that is no
/// tensor may be there or not, and be anything.
Mismatches tensor_mismatches(const Tree& expected, const Flat& got);

/// How many of them an error of from_torch and from_lux lists.
constexpr size_t kListed = 30;

}  // namespace luxtorch::detail
