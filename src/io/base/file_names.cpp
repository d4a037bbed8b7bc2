#include "io/base/file_names.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "io/base/flat_names.h"

namespace luxtorch::io {

std::unordered_map<std::string, std::string> file_names(
    const std::vector<std::string>& paths, std::string_view root,
    const std::vector<std::string_view>& reserved) {
  std::unordered_map<std::string, int> uses;  // of flat names
  for (const auto& path : paths) ++uses[path.empty() ? std::string(root) : name_of_path(path)];
  std::unordered_set<std::string> taken;
  for (auto name : reserved) taken.emplace(name);
  for (const auto& [name, count] : uses) taken.insert(name);
  std::unordered_map<std::string, std::string> names;
  for (const auto& path : paths) {
    auto name = path.empty() ? std::string(root) : name_of_path(path);
    bool is_own = std::ranges::find(reserved, name) == reserved.end() && uses.at(name) == 1;
    if (!is_own) {
      name = path;
      while (!taken.insert(name).second) name += "_";
    }
    names.emplace(path, std::move(name));
  }
  return names;
}

}  // namespace luxtorch::io
