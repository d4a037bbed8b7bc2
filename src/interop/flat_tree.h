// A file's tree as a list of its leaves by name, and what keeps it from being what is expected.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "luxtorch/tree.h"

namespace luxtorch::detail {

/// The leaves by their paths.
using Flat = std::map<std::string, Tree, std::less<>>;
Flat flat(const Tree& tree);

/// "missing a.b", "unexpected c", "d of shape (2) in place of (3)", for leaves that are tensors or are
/// expected to be: in the order of `expected`, what is unexpected last. A leaf of `expected` that is no
/// tensor may be there or not, and be anything.
std::vector<std::string> tensor_misfits(const Tree& expected, const Flat& got);

/// The first thirty of them as one text.
std::string listed(const std::vector<std::string>& misfits);

}  // namespace luxtorch::detail
