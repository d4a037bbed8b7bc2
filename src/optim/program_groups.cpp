// Groups of parameters: which stage works on which arrays.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "optim/program.h"

namespace luxtorch::detail {

namespace {

// '*' stands for any characters, '?' for one.
bool matches_all(std::string_view glob, std::string_view text) {
  if (glob.empty()) return text.empty();
  if (glob[0] == '*')
    return matches_all(glob.substr(1), text) ||
           (!text.empty() && matches_all(glob, text.substr(1)));
  return !text.empty() && (glob[0] == '?' || glob[0] == text[0]) &&
         matches_all(glob.substr(1), text.substr(1));
}

// The path, or a part of the tree that it lies in.
bool matches(std::string_view glob, const std::string& path) {
  for (size_t dot = path.find('.'); dot != path.npos; dot = path.find('.', dot + 1))
    if (matches_all(glob, std::string_view(path).substr(0, dot))) return true;
  return matches_all(glob, path);
}

}  // namespace

Program Program::groups(std::vector<std::string> patterns, std::vector<Program> parts) {
  for (const auto& part : parts) {
    if (!part.has_own() && !part.has_groups() && !part.stages().empty()) continue;
    throw ArgumentError("OptimizerGroups",
                        fmt::format("expected optimizers of the library with at least one rule "
                                    "and without groups of their own, got {}.",
                                    part.label()));
  }
  if (patterns.empty()) return parts.back();
  Program whole;
  whole.parts_ = std::move(parts);
  whole.patterns_ = std::move(patterns);
  return whole;
}

bool Program::has_groups() const {
  return !patterns_.empty() ||
         std::ranges::any_of(parts_, [](const Program& part) { return part.has_groups(); });
}

std::vector<Place> Program::places() const {
  std::vector<Place> all;
  size_t slot = 0;
  place(slot, true, all);
  return all;
}

void Program::place(size_t& slot, bool last, std::vector<Place>& all) const {
  if (stage_) {
    all.push_back({slot, last});
    slot += stage_->slots();
    return;
  }
  size_t end = slot;
  for (size_t i = 0; i < parts_.size(); ++i) {
    size_t at = patterns_.empty() ? end : slot;
    parts_[i].place(at, last && (i + 1 == parts_.size() || !patterns_.empty()), all);
    end = std::max(end, at);
  }
  slot = end;
}

std::vector<Mask> Program::masks(const Layout& layout) const {
  std::vector<Mask> all;
  mask(layout, {}, all);
  return all;
}

void Program::mask(const Layout& layout, const Mask& here, std::vector<Mask>& all) const {
  if (stage_) {
    all.push_back(here);
    return;
  }
  Mask free(layout.arrays.size(), 1);
  const auto paths = patterns_.empty() ? std::vector<std::string>() : layout.paths();
  for (size_t i = 0; i < parts_.size(); ++i) {
    if (patterns_.empty()) {
      parts_[i].mask(layout, here, all);
      continue;
    }
    if (i == patterns_.size()) {
      parts_[i].mask(layout, free, all);
      continue;
    }
    Mask mine(free.size(), 0);
    bool any = false, some_free = false;
    // A parameter at several places is named by each of them.
    for (size_t leaf = 0; leaf < paths.size(); ++leaf) {
      if (layout.array_at[leaf] < 0 || !matches(patterns_[i], paths[leaf])) continue;
      const auto a = static_cast<size_t>(layout.array_at[leaf]);
      any = true;
      if (!free[a]) continue;
      some_free = true;
      free[a] = 0, mine[a] = 1;
    }
    if (any && !some_free) {
      throw ArgumentError(
          "OptimizerGroups",
          fmt::format(
              "expected each pattern to name parameters that no pattern before it does, got "
              "\"{}\". Put it before the pattern that matches them.",
              patterns_[i]));
    }
    if (!any) {
      std::string there;
      for (size_t leaf = 0; leaf < paths.size(); ++leaf)
        if (layout.array_at[leaf] >= 0) there += (there.empty() ? "" : ", ") + paths[leaf];
      throw ArgumentError("OptimizerGroups",
                          fmt::format("expected patterns of parameters, got \"{}\", which matches "
                                      "none. There are {}.",
                                      patterns_[i], there.empty() ? "none" : there));
    }
    parts_[i].mask(layout, mine, all);
  }
}

Program Program::adjusted(const Hyperparameters& changes, std::string_view pattern) const {
  Program next = *this;
  std::string patterns;
  if (next.adjust_group_(changes, pattern, patterns)) return next;
  throw ArgumentError(
      "adjust", fmt::format("expected a group of {}, got \"{}\". There are {}.", label(), pattern,
                            patterns.empty() ? "none" : patterns));
}

bool Program::adjust_group_(const Hyperparameters& changes, std::string_view pattern,
                            std::string& patterns) {
  for (size_t i = 0; i < patterns_.size(); ++i) {
    patterns += (patterns.empty() ? "" : ", ") + patterns_[i];
    if (patterns_[i] != pattern) continue;
    parts_[i] = parts_[i].adjusted(changes);
    return true;
  }
  return std::ranges::any_of(
      parts_, [&](Program& part) { return part.adjust_group_(changes, pattern, patterns); });
}

}  // namespace luxtorch::detail
