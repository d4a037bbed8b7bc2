// Checkpoints: a training in a folder, to go on from after an interruption, and to use.
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
// Several TrainStates of one training, those of a GAN say, lie in one checkpoint by their names:
//
//     run.save({{"generator", g}, {"discriminator", d}}, {.metric = loss});
//     found.checkpoint->restore_({{"generator", g}, {"discriminator", d}});
//     load_checkpoint("runs/gan").part("generator").parameters;
//
// Level 5: TrainState -> files. A run that was interrupted and resumed computes what an
// uninterrupted one does, bit for bit: a checkpoint holds all of a TrainState, and what the program
// adds. It is a folder, RUN/step_000000500, of four safetensors files (parameters, states,
// optimizer, program) and manifest.json with the rest and the sha256 of each; it appears at once and
// whole. One process at a time saves into a run's folder; any may read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/train/train_state.h"

namespace luxtorch {

/// One of several TrainStates, to save or to restore.
struct NamedTrainState {
  std::string name;
  std::reference_wrapper<const TrainState> ts;
};
struct RestoreTarget {
  std::string name;
  std::reference_wrapper<TrainState> ts;
};

/// What a checkpoint folder holds. Tensors lie on the CPU.
struct LUXTORCH_API Checkpoint {
  std::filesystem::path path;
  std::string name;                          // of one of several TrainStates
  int64_t step = 0;                          // of several the largest
  std::string model;                         // show(model)
  Tree parameters, states, optimizer_state;  // as the TrainState had them
  std::vector<std::string> frozen;           // paths of parameters
  std::string optimizer;                     // its label
  Tree hyperparameters;                      // Optimizer::hyperparameters()
  Tree values;                               // as the program gave them to save
  std::optional<Rng> rng;
  Tree data;
  std::optional<double> metric;
  std::string luxtorch_version, torch_version;  // that saved it

  /// Makes ts what it was when it was saved: parameters, states, moments, hyper-parameters (of a
  /// user's own optimiser those that adjust changed; adjust_ of the program comes after restore_),
  /// frozen parts, step; each tensor on ts' device. ts was made of the same model
  /// and optimiser: a TreeError says what differs where the model's text, the optimiser's rules, or
  /// names, shapes or dtypes do not fit, and leaves ts as it was.
  void restore_(TrainState& ts) const;

  /// Several TrainStates, in the order in which they were saved, each with all that is its own. Then
  /// parameters, states and optimizer_state above are named trees of theirs, and model, frozen,
  /// optimizer and hyperparameters are empty.
  std::vector<Checkpoint> parts;
  /// The one of this name. ArgumentError: there is none; the text lists those that there are.
  const Checkpoint& part(std::string_view name) const;
  /// restore_ of each; where one does not fit, all stay as they were. ArgumentError: the names are
  /// not those of the parts.
  void restore_(const std::vector<RestoreTarget>& all) const;
};

/// A checkpoint folder, or the newest whole one in a run's folder. ArgumentError where there is
/// none; FormatError for one that is damaged: a part that is missing, has another size or sha256,
/// or cannot be read, a manifest of another version.
LUXTORCH_API Checkpoint load_checkpoint(const std::filesystem::path& path);

struct CheckpointFolderOptions {
  int64_t keep = 3;       // as many of the newest checkpoints stay
  bool keep_best = true;  // and the one with the lowest metric
};

/// What a program saves beside the TrainState: all that it needs to go on where it stopped.
struct CheckpointExtras {
  Tree values = {};                   // an alphabet, hyper-parameters, the losses so far
  std::optional<Rng> rng = {};        // of the program's own draws
  Tree data = {};                     // DataLoader::position()
  std::optional<double> metric = {};  // lower is better; NaN is never the best
};

struct SkippedCheckpoint {
  std::filesystem::path path;
  std::string reason;  // the error's text
};

class LUXTORCH_API CheckpointFolder {
 public:
  /// The folder is made where it is missing. ArgumentError: a folder that cannot be made or written
  /// to, keep below 1.
  explicit CheckpointFolder(std::filesystem::path folder, CheckpointFolderOptions options = {});

  /// Writes RUN/step_NNNNNNNNN beside, syncs it, and moves it to its place, that of a checkpoint of
  /// the same step; then removes checkpoints that need not stay, and what killed processes left
  /// unfinished. Returns its path. Throws ArgumentError (a full disk) and UnsupportedError (what
  /// safetensors::save refuses); all checkpoints that were there are then untouched.
  std::filesystem::path save(const TrainState& ts, const CheckpointExtras& extras = {}) const;
  /// Several at once, whole or not at all; NNNNNNNNN is the largest of their steps. ArgumentError: no
  /// TrainState, a name twice, empty or with a '.'.
  std::filesystem::path save(const std::vector<NamedTrainState>& all,
                             const CheckpointExtras& extras = {}) const;

  struct Resumed {
    std::optional<Checkpoint> checkpoint;
    std::vector<SkippedCheckpoint> skipped;
  };
  /// The checkpoint that was saved last and is whole, nothing where there is none; and those that
  /// are not whole.
  Resumed resume() const;

  /// The checkpoints with a readable manifest, the one saved last first.
  std::vector<std::filesystem::path> checkpoints() const;
  /// The one with the lowest metric; of equal ones the first.
  std::optional<std::filesystem::path> best() const;

  const std::filesystem::path& path() const { return folder_; }

 private:
  std::filesystem::path save_all(const std::vector<NamedTrainState>& all,
                                 const CheckpointExtras& extras) const;

  std::filesystem::path folder_;
  CheckpointFolderOptions options_;
};

}  // namespace luxtorch
