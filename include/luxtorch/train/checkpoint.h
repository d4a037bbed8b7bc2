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
// Level 5: TrainState -> files. A run that was interrupted and resumed computes what an
// uninterrupted one does, bit for bit: a checkpoint holds all of a TrainState, and what the program
// adds. It is a folder, RUN/step_000000500, of four safetensors files (parameters, states,
// optimizer, program) and manifest.json with the rest and the sha256 of each; it appears at once and
// whole. One process at a time saves into a run's folder; any may read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "luxtorch/train/train_state.h"

namespace luxtorch {

/// What a checkpoint folder holds. Tensors lie on the CPU.
struct Checkpoint {
  std::filesystem::path path;
  int64_t step = 0;
  std::string model;                         // show(model)
  Tree parameters, states, optimizer_state;  // as the TrainState had them
  std::vector<std::string> frozen;           // paths of parameters
  std::string optimizer;                     // its label
  Tree hyperparameters;                      // of each rule of optim.h: name, numbers; else nothing
  Tree values;                               // as the program gave them to save
  std::optional<Rng> rng;
  Tree data;
  std::optional<double> metric;
  std::string luxtorch_version, torch_version;  // that saved it

  /// Makes ts what it was when it was saved: parameters, states, moments, hyper-parameters (adjust_
  /// comes after it), frozen parts, step; each tensor on ts' device. ts was made of the same model
  /// and optimiser: a TreeError says what differs where the model's text, the optimiser's rules, or
  /// names, shapes or dtypes do not fit, and leaves ts as it was.
  void restore_(TrainState& ts) const;
};

/// A checkpoint folder, or the newest whole one in a run's folder. ArgumentError where there is
/// none; FormatError for one that is damaged: a part that is missing, has another size or sha256,
/// or cannot be read, a manifest of another version.
Checkpoint load_checkpoint(const std::filesystem::path& path);

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

class CheckpointFolder {
 public:
  /// The folder is made where it is missing. ArgumentError: a folder that cannot be made or written
  /// to, keep below 1.
  explicit CheckpointFolder(std::filesystem::path folder, CheckpointFolderOptions options = {});

  /// Writes RUN/step_NNNNNNNNN beside, syncs it, and moves it to its place, that of a checkpoint of
  /// the same step; then removes checkpoints that need not stay, and what killed processes left
  /// unfinished. Returns its path. Throws ArgumentError (a full disk) and UnsupportedError (what
  /// safetensors::save refuses); all checkpoints that were there are then untouched.
  std::filesystem::path save(const TrainState& ts, const CheckpointExtras& extras = {}) const;

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
  std::filesystem::path folder_;
  CheckpointFolderOptions options_;
};

}  // namespace luxtorch
