// A progress bar for programs.
//
//     ProgressBar bar(std::cerr, 25, "epochs", is_terminal(std::cerr));
//     for (int epoch = 0; epoch < 25; ++epoch) bar.advance("loss 0.05");
//
// Level 5. Writes to the stream that it is given and only there: at most ten times a second, one line that it overwrites
// (`[=======>      ] 12/25 epochs, 0.6 s left, loss 0.05`), and nothing at all when it is switched off. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>

#include "luxtorch/core/api.h"

namespace luxtorch {

/// Is the stream std::cout, std::cerr or std::clog, and that a terminal?
LUXTORCH_API bool is_terminal(const std::ostream& stream);

class LUXTORCH_API ProgressBar {
 public:
  /// total: how often advance will be called; unit: what is counted, in the plural.
  ProgressBar(std::ostream& out, int64_t total, std::string unit, bool on);
  ~ProgressBar();  // wipes the bar
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// One more is done; note: what to show behind the counts.
  void advance(const std::string& note = "");
  /// Wipes the bar's line, so that something else can be printed in its place; the next advance draws it again.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  void draw(const std::string& note);

  std::ostream& out_;
  int64_t total_, done_ = 0;
  std::string unit_;
  bool on_;
  size_t drawn_ = 0;  // characters on the line
  Clock::time_point start_, last_draw_;
};

}  // namespace luxtorch
