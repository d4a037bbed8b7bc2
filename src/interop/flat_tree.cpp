#include "interop/flat_tree.h"

namespace luxtorch::detail {

Flat flat(const Tree& tree) {
  Flat leaves;
  tree::for_each([&](const std::string& path, const Tree& leaf) { leaves.emplace(path, leaf); },
                 tree);
  return leaves;
}

Mismatches tensor_mismatches(const Tree& expected, const Flat& got) {
  Mismatches found;
  Flat known;
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        known.emplace(path, leaf);
        if (!leaf.is_tensor()) return;
        auto other = got.find(path);
        if (other == got.end()) {
          found.missing(path);
        } else if (!other->second.is_tensor() || !other->second.tensor().defined()) {
          found.kind(path, "a tensor", other->second);
        } else if (auto is = other->second.tensor().sizes(), wanted = leaf.tensor().sizes();
                   is != wanted) {
          found.shape(path, wanted, is);
        }
      },
      expected);
  // What stands below a leaf that may be anything is a part of it.
  auto is_known = [&](std::string path) {
    if (known.contains(path)) return true;
    for (auto dot = path.rfind('.'); dot != path.npos; dot = path.rfind('.')) {
      path.resize(dot);
      if (auto above = known.find(path); above != known.end()) return !above->second.is_tensor();
    }
    return false;
  };
  for (const auto& [path, leaf] : got) {
    if (!is_known(path)) found.unexpected(path);
  }
  return found;
}

}  // namespace luxtorch::detail
