// CheckpointFolder: saving, and what stays.
#include "luxtorch/checkpoint/checkpoint.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#if __has_include(<torch/headeronly/version.h>)
#include <torch/headeronly/version.h>
#else
#include <torch/version.h>
#endif

#include "checkpoint/checkpoint_bases.h"
#include "checkpoint/checkpoint_group.h"
#include "checkpoint/checkpoint_manifest.h"
#include "io/base/atomic_folder.h"
#include "io/base/durable.h"
#include "io/safetensors/format.h"
#include "luxtorch/core/error.h"
#include "luxtorch/version.h"
#include "train/train_state_storage.h"

namespace luxtorch {
namespace fs = std::filesystem;

using detail::Manifest;
using detail::SavedCheckpoint;

namespace {

constexpr const char* kSave = "CheckpointFolder::save";

[[noreturn]] void refuse(const fs::path& path, const std::string& expected,
                         const std::string& got) {
  ArgumentError error("CheckpointFolder",
                      "expected " + expected + ", got " + got + ". Choose another path.");
  error.prepend_path_(path.string());
  throw error;
}

const SavedCheckpoint* best_of(const std::vector<SavedCheckpoint>& newest_first) {
  const SavedCheckpoint* best = nullptr;
  for (const auto& candidate : newest_first) {
    const auto& metric = candidate.manifest.metric;
    if (!metric || std::isnan(*metric)) continue;
    if (!best || *metric <= *best->manifest.metric) best = &candidate;
  }
  return best;
}

std::vector<Tree> parts_of(const std::vector<NamedTrainState>& all,
                           Tree (*part)(const TrainState&)) {
  std::vector<Tree> parts;
  for (const auto& one : all) parts.push_back(part(one.ts));
  return parts;
}

// One part of each TrainState, as a checkpoint has them.
Tree of_each(const std::vector<NamedTrainState>& all, const std::vector<Tree>& parts) {
  if (all[0].name.empty()) return parts[0];
  std::vector<Tree::Item> items;
  for (size_t i = 0; i < all.size(); ++i) items.emplace_back(all[i].name, parts[i]);
  return named(std::move(items));
}

}  // namespace

CheckpointFolder::CheckpointFolder(fs::path folder, CheckpointFolderOptions options)
    : folder_(std::move(folder)), options_(std::move(options)) {
  if (options_.keep < 1)
    throw ArgumentError("CheckpointFolder",
                        fmt::format("expected keep of at least 1, got {}.", options_.keep));
  if (folder_.empty()) refuse(folder_, "a path", "an empty one");
  if (!options_.group.is_root()) return;
  std::error_code failed = io::make_folders(folder_), unknown;
  if (fs::exists(folder_, unknown) && !fs::is_directory(folder_, unknown))
    refuse(folder_, "a folder", "a file");
  if (failed) refuse(folder_, "a folder that can be made", failed.message());
  if (::faccessat(AT_FDCWD, folder_.c_str(), R_OK | W_OK | X_OK, AT_EACCESS) != 0)
    refuse(folder_, "a folder that can be written to", std::strerror(errno));
}

fs::path CheckpointFolder::save(const TrainState& ts, const CheckpointExtras& extras) const {
  return save_all({{"", ts}}, extras);
}

fs::path CheckpointFolder::save(const std::vector<NamedTrainState>& all,
                                const CheckpointExtras& extras) const {
  if (all.empty()) throw ArgumentError(kSave, "expected at least one TrainState, got none.");
  for (auto one = all.begin(); one != all.end(); ++one) {
    auto same = [&](const NamedTrainState& other) { return other.name == one->name; };
    const bool twice = std::find_if(all.begin(), one, same) != one;
    if (twice || one->name.empty() || one->name.find('.') != std::string::npos)
      throw ArgumentError(kSave, fmt::format("expected unique names of TrainStates, not empty and "
                                             "without '.', got \"{}\"{}.",
                                             one->name, twice ? " twice" : ""));
  }
  return save_all(all, extras);
}

fs::path CheckpointFolder::save_all(const std::vector<NamedTrainState>& all,
                                    const CheckpointExtras& extras) const {
  std::vector<Tree> moments;
  for (const auto& one : all) {
    if (options_.group.size() == 1 && TrainStateAccess::has_part(one.ts))
      throw ArgumentError(kSave,
                          "expected CheckpointFolderOptions::group to be that of the TrainState, "
                          "whose .shard_optimizer keeps moments in parts, got one process.");
    moments.push_back(TrainStateAccess::optimizer_state_at_root(one.ts));
  }
  const Tree path = detail::by_root(
      options_.group, kSave, [&]() -> Tree { return save_here(all, moments, extras).string(); });
  return path.scalar<std::string>();
}

fs::path CheckpointFolder::save_here(const std::vector<NamedTrainState>& all,
                                     const std::vector<Tree>& moments,
                                     const CheckpointExtras& extras) const {
  Tree program = named({{"values", extras.values},
                        {"rng", extras.rng ? Tree(*extras.rng) : Tree()},
                        {"data", extras.data}});
  if (!extras.ema.is_none()) program = program.with("ema", extras.ema);
  const std::array<Tree, detail::kParts.size()> trees = {
      of_each(all, parts_of(all, [](const TrainState& ts) { return ts.parameters(); })),
      of_each(all, parts_of(all, [](const TrainState& ts) { return ts.states(); })),
      of_each(all, moments), std::move(program)};
  std::vector<safetensors::Image> images;
  for (size_t i = 0; i < trees.size(); ++i) {
    try {
      images.emplace_back(kSave, trees[i], safetensors::SaveOptions{});
    } catch (Error& error) {
      error.prepend_path_(detail::kParts[i]);
      throw;
    }
  }

  io::remove_leftovers(folder_);
  auto before = detail::contents_of_run(folder_).saved;
  Manifest manifest{.number = before.empty() ? 1 : before.front().manifest.number + 1,
                    .metric = extras.metric,
                    .luxtorch = version(),
                    .torch = TORCH_VERSION,
                    .states = {},
                    .parts = {}};
  for (const auto& one : all) {
    const TrainState& ts = one.ts;
    manifest.states.push_back(
        {.name = one.name,
         .step = ts.step,
         .model = detail::show(describe(ts.model), TrainStateAccess::structure(ts)),
         .optimizer = ts.optimizer().label(),
         .hyperparameters = ts.optimizer().hyperparameters(),
         .frozen = ts.frozen(),
         .bases = detail::bases_of(describe(ts.model))});
  }
  fs::path path = folder_ / detail::checkpoint_name(manifest.step());
  io::AtomicFolder folder(kSave, path);
  for (size_t i = 0; i < images.size(); ++i) {
    auto written = folder.write(detail::part_file(detail::kParts[i]),
                                [&](const auto& to) { images[i].write(to); });
    manifest.parts[i] = {written.bytes, std::move(written.sha256)};
  }
  folder.write(detail::kManifestName, [&](const auto& to) { to(detail::manifest_text(manifest)); });
  folder.commit();

  auto now = detail::contents_of_run(folder_).saved;
  const auto* best = options_.keep_best ? best_of(now) : nullptr;
  for (size_t i = static_cast<size_t>(options_.keep); i < now.size(); ++i)
    if (&now[i] != best) io::remove_folder(now[i].path);
  return path;
}

std::vector<fs::path> CheckpointFolder::checkpoints() const {
  std::vector<fs::path> paths;
  for (auto& saved : detail::contents_of_run(folder_).saved) paths.push_back(std::move(saved.path));
  return paths;
}

std::optional<fs::path> CheckpointFolder::best() const {
  auto saved = detail::contents_of_run(folder_).saved;
  const auto* best = best_of(saved);
  return best ? std::optional(best->path) : std::nullopt;
}

}  // namespace luxtorch
