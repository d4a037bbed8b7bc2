// load_checkpoint and CheckpointFolder::resume.
#include <fmt/format.h>

#include "checkpoint/checkpoint_group.h"
#include "checkpoint/checkpoint_manifest.h"
#include "luxtorch/checkpoint/checkpoint.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/safetensors.h"
#include "luxtorch/io/sha256.h"

namespace luxtorch {
namespace fs = std::filesystem;

using detail::Manifest;

namespace {

constexpr const char* kLoad = "load_checkpoint";

[[noreturn]] void refuse(const fs::path& path, const std::string& message) {
  FormatError error(kLoad, message);
  error.prepend_path_(path.string());
  throw error;
}

Tree read_part(const fs::path& path, const Manifest::Part& part) {
  std::error_code failed;
  auto bytes = fs::file_size(path, failed);
  if (failed)
    refuse(path, "expected a part of the checkpoint, got " + failed.message() +
                     ". The checkpoint is not whole.");
  if (bytes != static_cast<uintmax_t>(part.bytes))
    refuse(path, fmt::format("expected {} bytes, got {}. The file is damaged.", part.bytes, bytes));
  if (auto digest = sha256_file(path); digest != part.sha256)
    refuse(path,
           fmt::format("expected sha256 {}, got {}. The file is damaged.", part.sha256, digest));
  return safetensors::load(path);
}

// A TrainState's part of what the manifest and the files have.
void take(Checkpoint& c, Manifest::State state, const Tree& parameters, const Tree& states,
          const Tree& optimizer_state) {
  c.name = std::move(state.name);
  c.step = state.step;
  c.model = std::move(state.model);
  c.parameters = parameters;
  c.states = states;
  c.optimizer_state = optimizer_state;
  c.frozen = std::move(state.frozen);
  c.bases = std::move(state.bases);
  c.optimizer = std::move(state.optimizer);
  c.hyperparameters = std::move(state.hyperparameters);
}

Checkpoint load_whole(const fs::path& path, Manifest m) {
  std::array<Tree, detail::kParts.size()> trees;
  for (size_t i = 0; i < trees.size(); ++i)
    trees[i] = read_part(path / detail::part_file(detail::kParts[i]), m.parts[i]);
  const auto& [parameters, states, moments, program] = trees;
  Checkpoint c;
  c.path = path;
  c.metric = m.metric;
  c.luxtorch_version = std::move(m.luxtorch);
  c.torch_version = std::move(m.torch);
  if (m.is_of_one()) {
    take(c, std::move(m.states[0]), parameters, states, moments);
  } else {
    Checkpoint part = c;
    for (auto& state : m.states) {
      const auto name = state.name;
      take(part, std::move(state), parameters[name], states[name], moments[name]);
      c.parts.push_back(part);
    }
    Manifest::State whole;
    whole.step = m.step();
    take(c, std::move(whole), parameters, states, moments);
  }
  c.values = program["values"];
  if (const Tree& rng = program["rng"]; rng.is_rng()) c.rng = rng.scalar<Rng>();
  c.data = program["data"];
  if (program.contains("ema")) c.ema = program["ema"];
  return c;
}

CheckpointFolder::Resumed newest_whole(const fs::path& folder) {
  CheckpointFolder::Resumed result;
  auto run = detail::contents_of_run(folder);
  for (auto& [path, reason] : run.unreadable)
    result.skipped.push_back({std::move(path), std::move(reason)});
  for (auto& [path, manifest] : run.saved) {
    try {
      result.checkpoint = load_whole(path, std::move(manifest));
      break;
    } catch (const Error& error) {
      result.skipped.push_back({path, error.what()});
    }
  }
  return result;
}

}  // namespace

CheckpointFolder::Resumed CheckpointFolder::resume() const {
  if (options_.group.size() == 1) return newest_whole(folder_);
  return detail::resumed_from(detail::by_root(options_.group, "CheckpointFolder::resume", [&] {
    return detail::to_tree(newest_whole(folder_));
  }));
}

Checkpoint load_checkpoint(const fs::path& path) {
  std::error_code unknown;
  if (!fs::is_directory(path, unknown)) {
    ArgumentError error(kLoad,
                        fmt::format("expected a checkpoint's or a run's folder, got {}. Check "
                                    "the path.",
                                    fs::exists(path, unknown) ? "a file" : "nothing"));
    error.prepend_path_(path.string());
    throw error;
  }
  if (fs::exists(path / detail::kManifestName, unknown) || detail::is_checkpoint_name(path))
    return load_whole(path, detail::read_manifest(path));
  auto [checkpoint, skipped] = newest_whole(path);
  if (checkpoint) return std::move(*checkpoint);
  if (skipped.empty()) {
    ArgumentError error(kLoad, "expected checkpoints in this folder, got none. Check the path.");
    error.prepend_path_(path.string());
    throw error;
  }
  std::string reasons;
  for (const auto& s : skipped) reasons += "\n" + s.reason;
  refuse(path, "expected a whole checkpoint, got only damaged ones:" + reasons);
}

}  // namespace luxtorch
