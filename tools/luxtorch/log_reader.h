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

  /// Reads the lines that are complete and new; whether there were any. A file that became shorter
  /// or another one is read from the start. Where there is no log (yet), the log stays empty.
  bool update();
  /// The run as its user named it.
  const std::string& name() const { return name_; }
  const std::filesystem::path& file() const { return file_; }
  const RunLog& log() const { return log_; }

 private:
  void take(std::string_view bytes);

  std::string name_;
  std::filesystem::path file_;
  RunLog log_;
  uint64_t offset_ = 0, device_ = 0, inode_ = 0;
  std::string begun_;      // of a line that is still being written
  bool skipping_ = false;  // the rest of a line that is too long
};
