// A progress bar for programs.
//
//     ProgressBar bar(std::cerr, 25, "epochs", is_terminal(std::cerr));
//     for (int epoch = 0; epoch < 25; ++epoch) bar.advance("loss 0.05");
//
// The bar writes only to its stream, at most ten times a second: one line that it overwrites, such
// as `[=======>      ] 12/25 epochs, 0.6 s left, loss 0.05`. When it is off, it writes nothing. One
// thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <string>

#include "luxtorch/core/api.h"

namespace luxtorch {

/// Whether the stream is std::cout, std::cerr or std::clog, and connected to a terminal.
LUXTORCH_API bool is_terminal(const std::ostream& stream);

/// A progress bar on one line of a stream.
class LUXTORCH_API ProgressBar {
 public:
  /// out: the stream, which must live longer than the bar; total: how often advance will be called;
  /// unit: what is counted, in the plural; on: whether the bar writes at all. Nothing is drawn yet.
  ProgressBar(std::ostream& out, int64_t total, std::string unit, bool on);
  /// Erases the bar's line.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Counts one more, and draws the bar if it is due. note: a text to show after the counts.
  void advance(const std::string& note = "");
  /// Erases the bar's line, so that something else can be printed there; the next advance draws it
  /// again.
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
