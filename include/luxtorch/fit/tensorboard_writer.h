// TensorBoardWriter: event files for TensorBoard, without TensorFlow.
//
//     TensorBoardWriter board("runs/a");
//     for (int step = 0; step < 100; ++step) board.scalar("loss", 1.0 / (1 + step), step);
//     board.text("notes", "a **first** try", 0);
//
// `tensorboard --logdir runs` shows each folder below runs as a run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/core/types.h"
#include "luxtorch/tree.h"

namespace luxtorch {

namespace detail {
class EventFile;
}

/// Options of a TensorBoardWriter.
struct TensorBoardWriterOptions {
  /// Readers forget what earlier files of the folder have at this step and beyond: one more than the step of the
  /// checkpoint from which a run goes on, 0 for a run that begins anew. Not set: they keep all.
  std::optional<int64_t> purge_step = {};
};

/// Appends to a new event file of a folder, events.out.tfevents.TIME.HOST.PID. Each record is written by one call and
/// has checksums, so what a killed process leaves can be read. A tag names a curve; '/' in it makes groups.
///
/// The functions that write return false where the disk does not take the record; then error() says why,
/// nothing of the record is in the file, and later ones are tried again. Copies write the same file.
class LUXTORCH_API TensorBoardWriter {
 public:
  /// Makes the folder, if it is missing, and the file. ArgumentError: they cannot be made; purge_step below 0.
  explicit TensorBoardWriter(const std::filesystem::path& folder,
                             TensorBoardWriterOptions options = {});

  /// A point of a curve. value is rounded to float32, since TensorBoard's scalars are.
  bool scalar(std::string_view tag, double value, int64_t step) const;
  /// A text in Markdown.
  bool text(std::string_view tag, std::string_view markdown, int64_t step) const;
  /// A histogram of all finite elements, in so many bins of equal width between the smallest and the largest; where all
  /// are equal, the last bin has them. Without a finite element nothing is written. values: of any shape and floating
  /// or integer dtype. ArgumentError: fewer than 1 bin.
  bool histogram(std::string_view tag, const Tensor& values, int64_t step, int64_t bins = 30) const;

  /// Begins a row of the HParams tab. hparams: a named tree of numbers, strings and bools, which may nest: its names are
  /// paths. metrics: the tags of scalars that are columns. name: of the row's group; runs of one name are
  /// averaged. ArgumentError: hparams with other leaves.
  bool hparams(const Tree& hparams, const std::vector<std::string>& metrics,
               std::string_view name = "") const;
  /// Ends it: as a success, or as a failure.
  bool hparams_end(bool success) const;

  const std::filesystem::path& path() const;  ///< The file.
  const std::string& error()
      const;  ///< Why the last record was not written, in the system's words.

 private:
  std::shared_ptr<detail::EventFile> file_;
};

}  // namespace luxtorch
