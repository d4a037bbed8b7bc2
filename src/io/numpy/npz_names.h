// Names in npz files.
#pragma once

#include <string_view>

namespace luxtorch::numpy {

inline constexpr std::string_view kSuffix = ".npy";             // of an array in the archive
inline constexpr std::string_view kTreeName = "luxtorch.tree";  // of our JSON
inline constexpr std::string_view kRootName = "arr_0";          // of a tree that is one array

}  // namespace luxtorch::numpy
