// manifest.json of a checkpoint: what it is, and the sha256 of each of its parts and of itself.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "luxtorch/tree.h"

namespace luxtorch::detail {

inline constexpr const char* kManifestName = "manifest.json";
inline constexpr std::array<const char*, 4> kParts = {"parameters", "states", "optimizer",
                                                      "program"};
inline std::string part_file(std::string_view part) { return std::string(part) + ".safetensors"; }

struct Manifest {
  int64_t number = 0;  // of the saves in this run's folder; the largest is the newest
  std::optional<double> metric;
  std::string luxtorch, torch;  // versions
  struct State {
    std::string name;  // none: the only one, a manifest of version 1
    int64_t step = 0;
    std::string model, optimizer;
    Tree hyperparameters;
    std::vector<std::string> frozen;
    Tree bases = tuple({});  // as of bases_of
  };
  std::vector<State> states;
  struct Part {
    int64_t bytes = 0;
    std::string sha256;
  };
  std::array<Part, kParts.size()> parts;  // in kParts' order

  bool is_of_one() const { return states.size() == 1 && states[0].name.empty(); }
  /// The largest one.
  int64_t step() const;
};

std::string manifest_text(const Manifest& manifest);

/// The manifest of a checkpoint folder. Throws FormatError for one that is missing, changed or of
/// another version.
Manifest read_manifest(const std::filesystem::path& folder);

/// A checkpoint folder with a manifest.
struct SavedCheckpoint {
  std::filesystem::path path;
  Manifest manifest;
};
struct RunContents {
  std::vector<SavedCheckpoint> saved;  // the newest first
  struct Unreadable {
    std::filesystem::path path;
    std::string reason;
  };
  std::vector<Unreadable> unreadable;  // the highest step first
};
/// All checkpoints in a run's folder; a folder that is not there has none.
RunContents contents_of_run(const std::filesystem::path& folder);
bool is_checkpoint_name(const std::filesystem::path& path);
std::string checkpoint_name(int64_t step);

}  // namespace luxtorch::detail
