// Names in a file for the paths of a tree, where the file has the tree's structure beside them.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace luxtorch::io {

/// A name of its own in a file for each path: the flat name where it is not `reserved` and of one
/// path alone, else the path, with "_" behind it as often as needed. The path "" is named `root`.
std::unordered_map<std::string, std::string> file_names(
    const std::vector<std::string>& paths, std::string_view root,
    const std::vector<std::string_view>& reserved);

}  // namespace luxtorch::io
