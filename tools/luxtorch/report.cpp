// luxtorch report RUN... -o PAGE: a page about trainings, from their logs.

#include <fmt/format.h>

#include <chrono>

#include "commands.h"
#include "io/base/atomic_file.h"
#include "listing.h"
#include "log_reader.h"
#include "luxtorch/core/error.h"
#include "report_page.h"

int commands::report(const Report& options) {
  std::vector<LogReader> readers;
  for (const auto& run : options.runs) {
    LogReader reader(run);
    reader.update();
    // Of runs/* some are no runs; that is no reason to write nothing.
    if (reader.log().known > 0) {
      readers.push_back(std::move(reader));
    } else if (!reader.log().unreadable.empty()) {
      fmt::print(stderr, "luxtorch: left out {}: {} cannot be read: {}\n", printable(run),
                 printable(reader.file().string()), reader.log().unreadable);
    } else {
      fmt::print(stderr, "luxtorch: left out {}: no log of a training in {}\n", printable(run),
                 printable(reader.file().string()));
    }
  }
  if (readers.empty())
    throw luxtorch::ArgumentError(
        "report",
        "expected a run's folder, with the log.jsonl that lux::JsonLines writes, got "
        "none");
  std::vector<WatchedRun> runs;
  for (const auto& reader : readers) runs.push_back({reader.name(), &reader.log()});
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  luxtorch::io::AtomicFile page("report", options.out);
  page.write_at(0, report_page(runs, now));
  page.commit();
  fmt::print("{}: {} run{}\n", printable(options.out), runs.size(), runs.size() == 1 ? "" : "s");
  return 0;
}
