#include "io/flat_names.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/file_fault.h"

namespace luxtorch::io {

Tree nest_names(const std::vector<Tree::Item>& flat) {
  for (const auto& [name, part] : flat) {
    auto levels = std::ranges::count(name, '.') + 1;
    if (levels > static_cast<int64_t>(kDeepest))
      throw FileUnsupported{
          "", fmt::format("expected names of at most {} parts, got one of {}.", kDeepest, levels)};
  }
  try {
    return tree::nest(flat);
  } catch (const TreeError& error) {
    throw FileUnsupported{
        "", std::string("expected names that make a tree when nested on their dots, got others: ") +
                error.what()};
  }
}

}  // namespace luxtorch::io
