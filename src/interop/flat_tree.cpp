#include "interop/flat_tree.h"

#include "text.h"

namespace luxtorch::detail {

Flat flat(const Tree& tree) {
  Flat leaves;
  tree::for_each([&](const std::string& path, const Tree& leaf) { leaves.emplace(path, leaf); },
                 tree);
  return leaves;
}

std::vector<std::string> tensor_misfits(const Tree& expected, const Flat& got) {
  std::vector<std::string> found;
  Flat known;
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        known.emplace(path, leaf);
        if (!leaf.is_tensor()) return;
        auto other = got.find(path);
        if (other == got.end()) {
          found.push_back("missing " + path);
        } else if (!other->second.is_tensor() || !other->second.tensor().defined()) {
          found.push_back(path + " is " + describe_kind(other->second) + " in place of a tensor");
        } else if (auto is = other->second.tensor().sizes(), wanted = leaf.tensor().sizes();
                   is != wanted) {
          found.push_back(path + " of shape " + shape_text(is) + " in place of " +
                          shape_text(wanted));
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
    if (!is_known(path)) found.push_back("unexpected " + path);
  }
  return found;
}

std::string listed(const std::vector<std::string>& misfits) {
  constexpr size_t kListed = 30;
  std::string text;
  for (size_t i = 0; i < misfits.size() && i < kListed; ++i) text += (i ? ", " : "") + misfits[i];
  if (misfits.size() > kListed)
    text += ", and " + std::to_string(misfits.size() - kListed) + " more";
  return text;
}

}  // namespace luxtorch::detail
