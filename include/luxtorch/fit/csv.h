// Csv: a row per epoch in a file of comma-separated values.
//
//     fit(ts, objective, train, {.epochs = 25, .callbacks = {Csv("runs/a/epochs.csv")}});
//
// Read by pandas.read_csv, CSV.jl, gnuplot and spreadsheets.
#pragma once

#include <filesystem>
#include <memory>

#include "luxtorch/core/api.h"
#include "luxtorch/fit/event.h"

namespace luxtorch {

namespace detail {
class CsvFile;
}

/// Writes a header and a row after each epoch (Keras' CSVLogger): epoch, step, each 0-dim metric under its name in the
/// history, lr, seconds, samples_per_second. Numbers have the fewest digits that read back as the same
/// double, or are NaN, Infinity, -Infinity; texts are quoted as in RFC 4180. A metric that a later epoch has for the first
/// time, such as one of a first validation, becomes a column at the end; cells without a value are empty.
///
/// Each row is written by one call, so what a killed run leaves is a readable file. A resumed run keeps the rows up to
/// the step at which it begins, without that of an epoch whose end it does again, and appends to them; a new run, whose
/// step is 0, begins the file anew. Where the file cannot be written the run goes on; Event::note says so once, and rows
/// are missing for as long as that lasts.
///
/// Copies write the same file.
class LUXTORCH_API Csv {
 public:
  static constexpr bool root_only = true;  ///< Rank 0 of a group writes.

  /// path: of the file; folders that are missing are made. ArgumentError: an empty path.
  explicit Csv(std::filesystem::path path);

  /// Removes the rows that the run writes again. ArgumentError: another file is at the path, whose
  /// header does not begin with epoch,step.
  void on_start(Event& event);
  void on_epoch(Event& event);  ///< Writes the row.
  void on_end(Event& event);    ///< Closes the file.

 private:
  std::shared_ptr<detail::CsvFile> file_;
};

}  // namespace luxtorch
