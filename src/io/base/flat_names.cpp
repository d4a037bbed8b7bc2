#include "io/base/flat_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "io/base/fault.h"

namespace luxtorch::io {
namespace {

constexpr std::string_view kDot = "%2E", kPercent = "25";

/// Of "%25252E" the length, where `text` begins with such a mark (a % and any number of 25 before the
/// 2E); else 0.
size_t mark_at(std::string_view text) {
  if (!text.starts_with('%')) return 0;
  size_t at = 1;
  while (text.substr(at).starts_with(kPercent)) at += kPercent.size();
  return text.substr(at).starts_with(kDot.substr(1)) ? at + 2 : 0;
}

/// "%", "%25", "%2525", ...: what the empty name and those that look like it become.
bool is_empty_mark(std::string_view text) {
  if (!text.starts_with('%')) return false;
  for (text.remove_prefix(1); text.starts_with(kPercent);) text.remove_prefix(kPercent.size());
  return text.empty();
}

/// Does the dot at `at` nest? known: all names of the file.
bool nests(std::string_view name, size_t at, const std::unordered_set<std::string_view>& known) {
  bool at_end = at == 0 || at + 1 == name.size();
  return !at_end && name[at - 1] != '.' && name[at + 1] != '.' &&
         !known.contains(name.substr(0, at));
}

std::string path_of_name(std::string_view name, const std::unordered_set<std::string_view>& known,
                         EmptyNames empty) {
  std::string path;
  size_t begin = 0;
  for (size_t at = name.find('.'); at != name.npos; at = name.find('.', at + 1)) {
    if (!nests(name, at, known)) continue;
    path += key_of_name(name.substr(begin, at - begin), empty) + ".";
    begin = at + 1;
  }
  return path + key_of_name(name.substr(begin), empty);
}

bool is_plain(std::string_view name) {
  return !name.empty() && name.find_first_of(".%") == name.npos;
}

}  // namespace

std::string key_of_name(std::string_view name, EmptyNames empty) {
  bool may_be_empty = empty == EmptyNames::kExist;
  if (may_be_empty && name.empty()) return "%";
  if (may_be_empty && is_empty_mark(name)) return "%25" + std::string(name.substr(1));
  std::string key;
  for (size_t at = 0; at < name.size();) {
    size_t mark = mark_at(name.substr(at));
    if (name[at] == '.') {
      key += kDot;
      ++at;
    } else if (mark > 0) {
      key.append("%25").append(name.substr(at + 1, mark - 1));
      at += mark;
    } else {
      key += name[at++];
    }
  }
  return key;
}

std::string name_of_key(std::string_view key, EmptyNames empty) {
  bool may_be_empty = empty == EmptyNames::kExist;
  if (may_be_empty && key == "%") return "";
  if (may_be_empty && is_empty_mark(key)) return "%" + std::string(key.substr(3));
  std::string name;
  for (size_t at = 0; at < key.size();) {
    size_t mark = mark_at(key.substr(at));
    if (mark == kDot.size()) {
      name += '.';
    } else if (mark > 0) {
      name.append("%").append(key.substr(at + 3, mark - 3));
    } else {
      name += key[at];
    }
    at += std::max<size_t>(mark, 1);
  }
  return name;
}

std::vector<std::string> names_of_keys(std::span<const Tree::Item> items, EmptyNames empty) {
  std::vector<std::string> names;
  names.reserve(items.size());
  for (const auto& [key, part] : items) names.push_back(name_of_key(key, empty));
  std::unordered_set<std::string_view> known;
  for (size_t i = 0; i < items.size(); ++i) {
    if (names[i] == items[i].first) continue;  // nothing is escaped in it
    if (known.empty()) known.insert(names.begin(), names.end());
    if (path_of_name(names[i], known, empty) != items[i].first)
      throw Fault::unsupported(
          items[i].first,
          fmt::format("expected keys that the names in a file tell, got \"{}\", whose name \"{}\" "
                      "nests on its dots when it is read. Rename it.",
                      items[i].first, names[i]));
  }
  return names;
}

std::string name_of_path(std::string_view path) {
  if (path.find('%') == path.npos) return std::string(path);
  std::string name;
  for (size_t begin = 0;;) {
    size_t dot = std::min(path.find('.', begin), path.size());
    name += name_of_key(path.substr(begin, dot - begin));
    if (dot == path.size()) return name;
    name += '.';
    begin = dot + 1;
  }
}

Tree nest_names(const std::vector<Tree::Item>& flat, EmptyNames empty) {
  std::unordered_set<std::string_view> known;
  for (const auto& [name, part] : flat) {
    auto levels = std::ranges::count(name, '.') + 1;
    if (levels > static_cast<int64_t>(kDeepest))
      throw Fault::unsupported(
          "", fmt::format("expected names of at most {} parts, got one of {}.", kDeepest, levels));
    if (!known.insert(name).second)
      throw Fault::unsupported("", fmt::format("expected each name once, got \"{}\" twice.", name));
  }
  if (std::ranges::all_of(known, is_plain)) return named(flat);
  std::vector<Tree::Item> paths;
  paths.reserve(flat.size());
  for (const auto& [name, part] : flat) paths.emplace_back(path_of_name(name, known, empty), part);
  return tree::nest(paths);
}

bool names_tell(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const auto& path : paths) names.push_back(name_of_path(path));
  std::unordered_set<std::string_view> known(names.begin(), names.end());
  if (known.size() < names.size()) return false;
  for (size_t i = 0; i < names.size(); ++i)
    if (path_of_name(names[i], known, EmptyNames::kExist) != paths[i]) return false;
  return true;
}

}  // namespace luxtorch::io
