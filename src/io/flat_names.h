// Flat names of files as trees: "0.weight" is file["0"]["weight"].
#pragma once

#include <string>
#include <vector>

#include "luxtorch/tree.h"

namespace luxtorch::io {

/// A named tree, nested on the names' dots. Throws FileUnsupported for names that are no paths
/// ("a..b", or "a" beside "a.b") and for more than kDeepest parts.
Tree nest_names(const std::vector<Tree::Item>& flat);

}  // namespace luxtorch::io
