// Checkpoints: a training in a folder, to resume it after an interruption, and to use the model.
//
//     CheckpointFolder run("runs/spiral", {.keep = 3});
//     auto found = run.resume();
//     for (const auto& [path, reason] : found.skipped) std::cerr << reason << "\n";
//     if (found.checkpoint) {
//       found.checkpoint->restore_(ts);
//       loader.set_position_(found.checkpoint->data);
//     }
//     // train
//     run.save(ts, {.values = named({{"alphabet", "abc"}}), .data = loader.position(), .metric = loss});
//
//     auto trained = load_checkpoint("runs/spiral");             // for inference
//     predict(model, x, trained.parameters, trained.states);
//
// Several TrainStates of one training, such as those of a GAN, are in one checkpoint, by their
// names:
//
//     run.save({{"generator", g}, {"discriminator", d}}, {.metric = loss});
//     found.checkpoint->restore_({{"generator", g}, {"discriminator", d}});
//     load_checkpoint("runs/gan").part("generator").parameters;
//
// A run that was interrupted and resumed computes the same numbers as an uninterrupted one, bit for
// bit: a checkpoint holds all of a TrainState, and what the program adds. It is a folder,
// RUN/step_000000500, with four safetensors files (parameters, states, optimizer, program) and a
// manifest.json, which has the rest and the sha256 of each file. The folder appears only once it is
// complete. One process at a time may save into a run's folder; any number may read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/group.h"
#include "luxtorch/train/train_state.h"

namespace luxtorch {

/// One of several TrainStates to save.
struct NamedTrainState {
  std::string name;                             ///< Unique, not empty and without '.'.
  std::reference_wrapper<const TrainState> ts;  ///< What to save; read during the call.
};
/// One of several TrainStates to restore.
struct RestoreTarget {
  std::string name;                       ///< The name under which it was saved.
  std::reference_wrapper<TrainState> ts;  ///< The TrainState to overwrite.
};

/// The contents of a checkpoint. Tensors are on the CPU.
struct LUXTORCH_API Checkpoint {
  std::filesystem::path path;       ///< The checkpoint's folder.
  std::string name;                 ///< Of one of several TrainStates; else empty.
  int64_t step = 0;                 ///< The TrainState's; of several, the largest.
  std::string model;                ///< show(model).
  Tree parameters,                  ///< TrainState::parameters().
      states,                       ///< TrainState::states().
      optimizer_state;              ///< TrainState::optimizer_state().
  std::vector<std::string> frozen;  ///< The paths of the frozen parameters.
  /// Of each Lora with a base, {path, sha256}: its path in the model and Lora::base_sha256; not of one inside
  /// another Lora. Empty for older checkpoints.
  Tree bases = tuple({});
  std::string optimizer;         ///< The optimizer's label.
  Tree hyperparameters;          ///< Optimizer::hyperparameters().
  Tree values;                   ///< CheckpointExtras::values, as it was saved.
  std::optional<Rng> rng;        ///< CheckpointExtras::rng, as it was saved.
  Tree data;                     ///< CheckpointExtras::data, as it was saved.
  Tree ema;                      ///< CheckpointExtras::ema, as it was saved.
  std::optional<double> metric;  ///< CheckpointExtras::metric, as it was saved.
  std::string luxtorch_version,  ///< The version of luxtorch that saved it.
      torch_version;             ///< The version of torch that saved it.

  /// Makes ts what it was when it was saved: parameters, states, optimizer state, hyper-parameters
  /// (of a user's own optimizer those that adjust had changed), frozen parts and step. Each tensor
  /// is moved to ts' device. A program that calls adjust_ does so after restore_.
  ///
  /// ts must have the same model and optimizer: parameters and states of the same names, shapes and
  /// dtypes, and the same rules. What has no influence on these, such as an activation or the text
  /// that a layer prints, may have changed. A Lora with a base must have the base beside which its
  /// pairs were saved; this is checked where the checkpoint has its digest (bases). TreeError, which says
  /// what differs. ArgumentError: a checkpoint of several TrainStates. After an error ts is unchanged.
  void restore_(TrainState& ts) const;

  /// Of several TrainStates: one Checkpoint for each, in the order in which they were saved. Then
  /// parameters, states and optimizer_state above are named trees of theirs, and model, frozen,
  /// optimizer and hyperparameters are empty. Of a single TrainState: empty.
  std::vector<Checkpoint> parts;
  /// The part with this name. ArgumentError: there is none (the message lists the names).
  const Checkpoint& part(std::string_view name) const;
  /// restore_ of each of several TrainStates; where one does not fit, all are unchanged.
  /// ArgumentError: the names are not those of the parts.
  void restore_(const std::vector<RestoreTarget>& all) const;
};

/// The checkpoint in a checkpoint's folder, or the newest undamaged one in a run's folder.
/// ArgumentError: no checkpoint there. FormatError: a damaged one (a file that is missing, has
/// another size or sha256, or cannot be read), a manifest of another version.
LUXTORCH_API Checkpoint load_checkpoint(const std::filesystem::path& path);

/// Which checkpoints a CheckpointFolder keeps.
struct CheckpointFolderOptions {
  int64_t keep = 3;       ///< How many of the newest ones stay, at least 1.
  bool keep_best = true;  ///< Whether the one with the lowest metric stays too.
  /// The processes that train together: all of them call save and resume, rank 0 writes and reads, and the others
  /// get what it found, or its error. The folder need not be one that they share. A checkpoint does not know how many
  /// processes there were.
  Group group = {};
};

/// What a program saves besides the TrainState: all that it needs to continue where it stopped.
struct CheckpointExtras {
  Tree values = {};             ///< Anything: an alphabet, hyper-parameters, the losses so far.
  std::optional<Rng> rng = {};  ///< The key of the program's own draws.
  Tree data = {};               ///< The position in the data: DataLoader::position().
  std::optional<double> metric = {};  ///< Lower is better; NaN is never the best.
  /// AveragedParameters::state() of an average (ema.h); of several, a named tree of theirs.
  Tree ema = {};
};

/// A damaged checkpoint that resume passed over.
struct SkippedCheckpoint {
  std::filesystem::path path;  ///< The checkpoint's folder.
  std::string reason;          ///< The error's message.
};

/// The folder of a run, in which its checkpoints are saved.
class LUXTORCH_API CheckpointFolder {
 public:
  /// Creates the folder where it does not exist. ArgumentError: a folder that cannot be created or
  /// written to, keep below 1.
  explicit CheckpointFolder(std::filesystem::path folder, CheckpointFolderOptions options = {});

  /// Saves a checkpoint as RUN/step_NNNNNNNNN, and returns that path. It is written to a temporary
  /// folder, synced, and moved to its place, where it replaces a checkpoint of the same step.
  /// Checkpoints that need not stay, and unfinished ones of killed processes, are removed.
  /// ArgumentError: a full disk, for example, or a TrainState with .shard_optimizer where CheckpointFolderOptions::group
  /// is one process; UnsupportedError: what safetensors::save refuses.
  /// After an error all earlier checkpoints are unchanged.
  std::filesystem::path save(const TrainState& ts, const CheckpointExtras& extras = {}) const;
  /// Saves several TrainStates in one checkpoint; NNNNNNNNN is the largest of their steps.
  /// ArgumentError also for: no TrainState, a name that is there twice, empty or has a '.'.
  std::filesystem::path save(const std::vector<NamedTrainState>& all,
                             const CheckpointExtras& extras = {}) const;

  /// What resume gives.
  struct Resumed {
    std::optional<Checkpoint> checkpoint;    ///< Nothing where there is no undamaged one.
    std::vector<SkippedCheckpoint> skipped;  ///< The damaged ones that were found on the way.
  };
  /// The undamaged checkpoint that was saved last, and the damaged ones that were passed over.
  Resumed resume() const;

  /// The folders of the checkpoints with a readable manifest, the one saved last first.
  std::vector<std::filesystem::path> checkpoints() const;
  /// The folder of the checkpoint with the lowest metric; of equal ones, the one saved first.
  std::optional<std::filesystem::path> best() const;

  /// The run's folder.
  const std::filesystem::path& path() const { return folder_; }
  /// Its options.
  const CheckpointFolderOptions& options() const { return options_; }

 private:
  std::filesystem::path save_here(const std::vector<NamedTrainState>& all,
                                  const std::vector<Tree>& moments,
                                  const CheckpointExtras& extras) const;
  std::filesystem::path save_all(const std::vector<NamedTrainState>& all,
                                 const CheckpointExtras& extras) const;

  std::filesystem::path folder_;
  CheckpointFolderOptions options_;
};

}  // namespace luxtorch
