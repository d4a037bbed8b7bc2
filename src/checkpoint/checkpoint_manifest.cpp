#include "checkpoint/checkpoint_manifest.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/base/input_file.h"
#include "io/base/tree_json.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/sha256.h"

namespace luxtorch::detail {
namespace fs = std::filesystem;

namespace {

constexpr const char* kLoad = "load_checkpoint";
constexpr const char* kFormat = "luxtorch checkpoint";
constexpr int64_t kVersion = 1, kVersionOfSeveral = 2;

std::string text_of(const Tree& manifest) {
  constexpr int kIndent = 2;
  return io::tree_to_json(
             "CheckpointFolder::save", manifest, [](const std::string&) { return ""; }, kIndent) +
         "\n";
}

[[noreturn]] void refuse(const fs::path& path, const std::string& message) {
  FormatError error(kLoad, message);
  error.prepend_path_(path.string());
  throw error;
}

Tree parsed(const fs::path& path) {
  try {
    return io::tree_from_json(io::parse_json(io::InputFile(kLoad, path).text()),
                              [](const std::string& name) -> Tensor {
                                throw io::JsonFault{"", "no tensor", "\"" + name + "\""};
                              });
  } catch (const io::JsonFault& fault) {
    refuse(path.string() + (fault.place.empty() ? "" : ", " + fault.place),
           fmt::format("expected {}, got {}. The manifest is damaged.", fault.expected, fault.got));
  }
}

std::vector<Tree::Item> items_of(const Manifest::State& state) {
  std::vector<Tree> frozen;
  for (const auto& path : state.frozen) frozen.emplace_back(path);
  std::vector<Tree::Item> items{{"model", state.model},
                                {"optimizer", state.optimizer},
                                {"hyperparameters", state.hyperparameters},
                                {"frozen", tuple(std::move(frozen))}};
  if (state.bases.size() > 0) items.emplace_back("bases", state.bases);
  return items;
}

Manifest::State state_of(const Tree& t) {
  Manifest::State state;
  state.step = t["step"].scalar<int64_t>();
  state.model = t["model"].scalar<std::string>();
  state.optimizer = t["optimizer"].scalar<std::string>();
  state.hyperparameters = t["hyperparameters"];
  for (const Tree& path : t["frozen"].elements())
    state.frozen.push_back(path.scalar<std::string>());
  if (t.contains("bases")) state.bases = t["bases"];
  return state;
}

Manifest manifest_of(const Tree& t) {
  Manifest m;
  m.number = t["save"].scalar<int64_t>();
  if (!t["metric"].is_none()) m.metric = t["metric"].scalar<double>();
  m.luxtorch = t["luxtorch"].scalar<std::string>();
  m.torch = t["torch"].scalar<std::string>();
  if (t["version"].scalar<int64_t>() == kVersion) {
    m.states.push_back(state_of(t));
  } else {
    for (const auto& [name, one] : t["train_states"].items()) {
      m.states.push_back(state_of(one));
      m.states.back().name = name;
    }
  }
  for (size_t i = 0; i < kParts.size(); ++i) {
    const Tree& part = t["parts"][kParts[i]];
    m.parts[i] = {part["bytes"].scalar<int64_t>(), part["sha256"].scalar<std::string>()};
  }
  return m;
}

}  // namespace

int64_t Manifest::step() const {
  int64_t largest = 0;
  for (const auto& state : states) largest = std::max(largest, state.step);
  return largest;
}

std::string manifest_text(const Manifest& m) {
  std::vector<Tree::Item> items = {{"format", kFormat},
                                   {"version", m.is_of_one() ? kVersion : kVersionOfSeveral},
                                   {"luxtorch", m.luxtorch},
                                   {"torch", m.torch},
                                   {"save", m.number},
                                   {"step", m.step()},
                                   {"metric", m.metric ? Tree(*m.metric) : Tree()}};
  if (m.is_of_one()) {
    for (auto& item : items_of(m.states[0])) items.push_back(std::move(item));
  } else {
    std::vector<Tree::Item> states;
    for (const auto& state : m.states) {
      auto own = items_of(state);
      own.insert(own.begin(), Tree::Item("step", state.step));
      states.emplace_back(state.name, named(std::move(own)));
    }
    items.emplace_back("train_states", named(std::move(states)));
  }
  std::vector<Tree::Item> parts;
  for (size_t i = 0; i < kParts.size(); ++i)
    parts.emplace_back(kParts[i],
                       named({{"bytes", m.parts[i].bytes}, {"sha256", m.parts[i].sha256}}));
  items.emplace_back("parts", named(std::move(parts)));
  Tree tree = named(std::move(items));
  return text_of(tree.with("sha256", sha256(text_of(tree))));
}

Manifest read_manifest(const fs::path& folder) {
  fs::path path = folder / kManifestName;
  std::error_code unknown;
  if (!fs::exists(path, unknown))
    refuse(path, "expected a manifest, got none. The checkpoint is not whole.");
  Tree tree = parsed(path);
  bool ours = tree.contains("format") && tree["format"].is_string() &&
              tree["format"].scalar<std::string>() == kFormat && tree.contains("version") &&
              tree["version"].is<int64_t>();
  if (!ours) refuse(path, "expected the manifest of a checkpoint, got another file.");
  auto version = tree["version"].scalar<int64_t>();
  if (version != kVersion && version != kVersionOfSeveral)
    refuse(path, fmt::format("expected format version {} or {}, got {}. Read it with the luxtorch "
                             "that wrote it.",
                             kVersion, kVersionOfSeveral, version));
  bool intact = tree.contains("sha256") && tree["sha256"].is_string() &&
                tree["sha256"].scalar<std::string>() == sha256(text_of(tree.without("sha256")));
  if (!intact)
    refuse(path, "expected the manifest's own sha256, got another. It has been changed.");
  try {
    return manifest_of(tree);
  } catch (const TreeError& error) {
    refuse(path, std::string("expected the entries of a manifest, got others: ") + error.what());
  }
}

bool is_checkpoint_name(const fs::path& path) {
  constexpr std::string_view kPrefix = "step_";
  auto name = path.filename().string();
  return name.starts_with(kPrefix) && name.size() > kPrefix.size() &&
         name.find_first_not_of("0123456789", kPrefix.size()) == name.npos;
}

std::string checkpoint_name(int64_t step) { return fmt::format("step_{:09}", step); }

RunContents contents_of_run(const fs::path& folder) {
  RunContents contents;
  std::error_code failed;
  for (fs::directory_iterator i(folder, failed), end; !failed && i != end; i.increment(failed)) {
    std::error_code unknown;
    if (!is_checkpoint_name(i->path()) || !i->is_directory(unknown)) continue;
    try {
      contents.saved.push_back({i->path(), read_manifest(i->path())});
    } catch (const Error& error) {
      contents.unreadable.push_back({i->path(), error.what()});
    }
  }
  std::ranges::sort(contents.saved, std::ranges::greater(), [](const SavedCheckpoint& c) {
    return std::pair(c.manifest.number, c.manifest.step());
  });
  std::ranges::sort(contents.unreadable, std::ranges::greater(), &RunContents::Unreadable::path);
  return contents;
}

}  // namespace luxtorch::detail
