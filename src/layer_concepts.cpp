#include "luxtorch/layer_concepts.h"

#include <algorithm>
#include <cctype>

namespace luxtorch {

std::vector<std::string> field_names(const char* text) {
  std::vector<std::string> names;
  std::string_view rest(text);
  while (!rest.empty()) {
    size_t end = 0;
    for (int depth = 0; end < rest.size() && (rest[end] != ',' || depth > 0); ++end) {
      if (rest[end] == '<') ++depth;
      if (rest[end] == '>' && end > 0 && rest[end - 1] != '-') --depth;
    }
    auto name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (!name.empty() &&
           (std::isspace(static_cast<unsigned char>(name.back())) || name.back() == '_')) {
      name.remove_suffix(1);
    }
    // `this->cell` and `Base<T>::cell` are named cell.
    if (auto before = name.find_last_of(" >.:\t\n"); before != name.npos) {
      name.remove_prefix(before + 1);
    }
    if (!name.empty()) names.emplace_back(name);
  }
  return names;
}

}  // namespace luxtorch
