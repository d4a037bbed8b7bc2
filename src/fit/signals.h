// SIGINT and SIGTERM as a wish to stop.
#pragma once

#include <signal.h>

namespace luxtorch::detail {

/// While one lives, the first SIGINT or SIGTERM is noted, and the second does what it did before. Those of several
/// runs at once share what they note. What was ignored before stays ignored.
class StopSignals {
 public:
  /// on: whether it does anything.
  explicit StopSignals(bool on);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  /// The signal that came; 0: none.
  static int received();

 private:
  bool on_;
};

}  // namespace luxtorch::detail
