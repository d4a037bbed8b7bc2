// A named tree in a range-based for, and trees to a device by its name.
//
//     for (auto& [key, value] : ps) std::cout << key << " " << value << "\n";
//     ps = tree::to(ps, "cuda");
//
// Level 1.
#pragma once

#include <string_view>

#include "luxtorch/core/device.h"
#include "luxtorch/tree.h"

namespace luxtorch {

/// A named tree's children in order, as items() gives them: a TreeError for a tuple, whose children are elements().
inline auto begin(const Tree& t) { return t.items().begin(); }
inline auto end(const Tree& t) { return t.items().end(); }

namespace tree {

/// To device(name): "cpu", "gpu" (falls back to the CPU), "cuda", "cuda:1".
inline Tree to(const Tree& t, std::string_view name) { return to(t, device(name)); }

}  // namespace tree
}  // namespace luxtorch
