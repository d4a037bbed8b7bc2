// Callbacks of fit that save checkpoints.
//
//     fit(ts, objective, train, {.epochs = 25, .validation = &valid,
//                                .callbacks = {SaveEvery{.folder = CheckpointFolder("runs/a"), .steps = 500},
//                                              SaveBest{.folder = CheckpointFolder("runs/a/best", {.keep = 1})}}});
//
// The same program, started again after it was killed, goes on from its newest checkpoint in runs/a, also within an
// epoch, and ends with the same bits as if nothing had happened. A CheckpointFolder alone in the list of
// callbacks is SaveEvery{.folder = ...}.
//
// A TrainState whose parameters have a NaN is not saved, so that it replaces no good checkpoint; a note says so. Where
// the disk does not take a checkpoint (it is full, for example) a note says so once, the checkpoints that are there stay,
// and the run goes on and tries again when the next one is due.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "luxtorch/checkpoint/checkpoint.h"
#include "luxtorch/core/api.h"
#include "luxtorch/fit/better.h"
#include "luxtorch/fit/event.h"
#include "luxtorch/tree.h"

namespace luxtorch {

/// How far a SaveEvery is.
struct SaveEveryProgress {
  /// TrainState::step when it last saved, resumed or refused to save; -1: not yet.
  int64_t step = -1;
  bool saved = false;    ///< Whether there is a checkpoint of that step.
  double seconds = 0;    ///< Event::seconds when that was, or when the disk did not take one.
  bool failing = false;  ///< Whether the disk did not take the last one, which a note has told.
};

/// Saves checkpoints, and goes on from the newest one (Lightning's ModelCheckpoint and its ckpt_path).
///
/// Of several in a list the newest checkpoint in one of their folders counts.
///
/// Over a group all processes save together: the folder has the same group (CheckpointFolderOptions::group).
struct LUXTORCH_API SaveEvery {
  static constexpr bool last = true;  ///< It saves what the other callbacks have made of a step.
  CheckpointFolder folder;            ///< Where.
  int64_t epochs = 1;  ///< A checkpoint after each so many epochs; 0: none after epochs.
  int64_t steps = 0;   ///< And after each so many steps (TrainState::step is a multiple); 0: none.
  /// And where so many seconds have passed since the last one; 0: none. Over a group the clock of rank 0 counts, and it
  /// is asked at each 16th step.
  double seconds = 0;
  bool resume = true;  ///< Whether a run starts from the newest undamaged checkpoint in the folder.
  /// A checkpoint after an epoch has this metric of it (CheckpointExtras::metric), so that the folder keeps the best one
  /// (CheckpointFolderOptions::keep_best, CheckpointFolder::best). Nothing where the epoch has no such metric.
  std::string monitor = "validation_loss";
  Better better = Better::lower;    ///< Which of its values are better.
  SaveEveryProgress progress = {};  ///< What it has saved.

  /// ArgumentError: an option out of its range, a folder whose group is not that of the run. Resumes; a damaged
  /// checkpoint is passed over, with a note, and so is one that is no newer than what another SaveEvery has restored.
  /// Errors as of Event::restore_.
  void on_resume(Event& event);
  void on_start(Event& event);  ///< From here on the seconds count.
  void on_step(Event& event);   ///< Saves, if it is time.
  /// Saves, if it is time, and after the last epoch or where the run ends.
  void on_epoch(Event& event);
  /// Saves what is newer than the last checkpoint, and notes where it is, or that the disk did not take it. Not after an error: the run, started again,
  /// goes on from the last checkpoint, and comes to the same error if it lies in the data or the program.
  void on_end(Event& event);
};

/// How far a SaveBest is.
struct SaveBestProgress {
  std::optional<double> best = {};  ///< The best value of the metric that is saved.
  int64_t epoch = 0;                ///< The epoch after which it had that value.
  bool failing = false;  ///< Whether the disk did not take the last one, which a note has told.
};

/// Saves a checkpoint after each epoch in which a metric has its best value so far. A checkpoint of SaveEvery keeps
/// that value; else it is the best one of this run. Its folder is another one than SaveEvery's. The checkpoint is for
/// inference, `load_checkpoint("runs/a/best").parameters`: callbacks behind it in the list have not seen the epoch yet.
struct LUXTORCH_API SaveBest {
  CheckpointFolder folder;                  ///< Where; {.keep = 1} leaves one checkpoint.
  std::string monitor = "validation_loss";  ///< A name of Event::metrics.
  Better better = Better::lower;            ///< Which of its values are better.
  SaveBestProgress progress = {};           ///< What it has saved.

  void on_resume(Event&) { progress = {}; }  ///< Each run begins anew, or as its checkpoint says.
  void on_start(Event& event);  ///< ArgumentError: a folder whose group is not that of the run.
  /// Saves, if it is the best. ArgumentError: no metric of this name.
  void on_epoch(Event& event);
  Tree state() const;  ///< The progress.
  /// Takes over what state() gave. TreeError: another tree.
  void set_state_(const Tree& state);
};

}  // namespace luxtorch
