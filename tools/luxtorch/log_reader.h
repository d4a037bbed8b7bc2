// Follows a run's log: reads what was appended since the last time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "run_log.h"

class LogReader {
 public:
  /// run: the run's folder, or its log itself.
  explicit LogReader(const std::filesystem::path& run);

  /// Reads the lines that are complete and new, all of them. A file that became shorter or another
  /// one is read from the start. Where there is no log (yet), the log stays empty; of one that cannot
  /// be read, RunLog::unreadable says why.
  void update();
  /// As update, but at most for about 0.2 s or 4 MB: whoever waits for keys calls it again while
  /// is_behind().
  void update_briefly();
  /// Whether the last call left lines for the next one.
  bool is_behind() const { return behind_; }
  /// How many bytes of the log are read.
  uint64_t bytes_read() const { return offset_; }

  /// The run as its user named it.
  const std::string& name() const { return name_; }
  const std::filesystem::path& file() const { return file_; }
  const RunLog& log() const { return log_; }

 private:
  void read(bool all);
  void take(std::string_view bytes, uint64_t at, std::string& begun);

  std::string name_;
  std::filesystem::path file_;
  RunLog log_;
  // The end of the last whole line: a writer that resumes a run cuts off a line that has no end, and
  // writes another one there.
  uint64_t offset_ = 0;
  uint64_t device_ = 0, inode_ = 0;
  bool behind_ = false;
  bool skipping_ = false;  // a line that is too long; offset_ is within it
};
