#include "luxtorch/train/freeze.h"

#include <fmt/format.h>

#include "train/train_state_storage.h"

namespace luxtorch {

namespace {

bool below(const std::string& path, std::string_view prefix) {
  return prefix.empty() ||
         (path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '.'));
}

// Every path that may be named: parameters and the parts that hold some.
std::string listed(const std::vector<std::string>& paths) {
  std::string text;
  std::string_view before;
  for (const auto& path : paths) {
    for (size_t dot = path.find('.');; dot = path.find('.', dot + 1)) {
      auto part = std::string_view(path).substr(0, dot);
      if (!below(std::string(before), part)) text += (text.empty() ? "" : ", ") + std::string(part);
      if (dot == path.npos) break;
    }
    before = path;
  }
  return text.empty() ? "none" : text;
}

void set_frozen_(TrainState& ts, const PathPredicate& which, bool frozen) {
  auto& flat = TrainStateAccess::own_(ts).flat;
  auto paths = flat.layout().paths();
  for (size_t leaf = 0; leaf < paths.size(); ++leaf) {
    int array = flat.layout().array_at[leaf];
    if (array >= 0 && which(paths[leaf])) flat.frozen[static_cast<size_t>(array)] = frozen;
  }
}

void set_frozen_(TrainState& ts, std::string_view path, bool frozen) {
  const auto& layout = TrainStateAccess::storage(ts).flat.layout();
  std::vector<std::string> there;
  auto paths = layout.paths();
  for (size_t leaf = 0; leaf < paths.size(); ++leaf) {
    if (layout.array_at[leaf] >= 0) there.push_back(paths[leaf]);
  }
  auto named = [&](const std::string& p) { return below(p, path); };
  if (!path.empty() && std::ranges::none_of(there, named)) {
    throw TreeError(frozen ? "freeze" : "thaw",
                    fmt::format("expected the path of parameters, got \"{}\". There are {}.", path,
                                listed(there)));
  }
  set_frozen_(ts, named, frozen);
}

template <class Which>
TrainState with_frozen(const TrainState& ts, const Which& which, bool frozen) {
  TrainState next = ts;
  set_frozen_(next, which, frozen);
  return next;
}

}  // namespace

TrainState freeze(const TrainState& ts, std::string_view path) {
  return with_frozen(ts, path, true);
}
TrainState freeze(const TrainState& ts, const PathPredicate& which) {
  return with_frozen(ts, which, true);
}
TrainState thaw(const TrainState& ts, std::string_view path) {
  return with_frozen(ts, path, false);
}
TrainState thaw(const TrainState& ts, const PathPredicate& which) {
  return with_frozen(ts, which, false);
}

void freeze_(TrainState& ts, std::string_view path) { set_frozen_(ts, path, true); }
void freeze_(TrainState& ts, const PathPredicate& which) { set_frozen_(ts, which, true); }
void thaw_(TrainState& ts, std::string_view path) { set_frozen_(ts, path, false); }
void thaw_(TrainState& ts, const PathPredicate& which) { set_frozen_(ts, which, false); }

}  // namespace luxtorch
