// What `luxtorch watch` shows: one frame of text.
#pragma once

#include <string>
#include <vector>

#include "run_log.h"

struct WatchedRun {
  std::string name;
  const RunLog* log = nullptr;
};

struct FrameOptions {
  int width = 100, height = 30;
  bool unicode = true, color = false;
  bool log_y = false;  // logarithmic axes of losses
  bool keys = false;   // a last line that says which keys there are
  double now = 0;      // seconds since 1970
};

/// At most `height` lines of at most `width` columns: state and rates, of several runs one column
/// for each, curves, and the last lines of text. What is most wanted comes first; what has no room
/// is left out.
std::vector<std::string> watch_frame(const std::vector<WatchedRun>& runs,
                                     const FrameOptions& options);
