#include "luxtorch/train/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

namespace luxtorch {

namespace {

constexpr int64_t kWidth = 30;  // characters of the bar itself
constexpr std::chrono::milliseconds kBetweenDraws{100};

std::string duration_text(double seconds) {
  char text[32];
  auto whole = static_cast<int64_t>(seconds);
  if (seconds < 10) {
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  } else if (whole < 60) {
    std::snprintf(text, sizeof text, "%lld s", static_cast<long long>(whole));
  } else if (whole < 3600) {
    std::snprintf(text, sizeof text, "%lld:%02lld min", static_cast<long long>(whole / 60),
                  static_cast<long long>(whole % 60));
  } else {
    std::snprintf(text, sizeof text, "%lld:%02lld h", static_cast<long long>(whole / 3600),
                  static_cast<long long>(whole % 3600 / 60));
  }
  return text;
}

}  // namespace

bool is_terminal(const std::ostream& stream) {
  if (&stream == &std::cout) return isatty(STDOUT_FILENO) != 0;
  return (&stream == &std::cerr || &stream == &std::clog) && isatty(STDERR_FILENO) != 0;
}

ProgressBar::ProgressBar(std::ostream& out, int64_t total, std::string unit, bool on)
    : out_(out),
      total_(std::max<int64_t>(total, 1)),
      unit_(std::move(unit)),
      on_(on),
      start_(Clock::now()) {}

ProgressBar::~ProgressBar() { clear(); }

void ProgressBar::advance(const std::string& note) {
  ++done_;
  if (on_ && Clock::now() - last_draw_ >= kBetweenDraws) draw(note);
}

void ProgressBar::clear() {
  if (drawn_ == 0) return;
  out_ << '\r' << std::string(drawn_, ' ') << '\r' << std::flush;
  drawn_ = 0;
  last_draw_ = {};
}

void ProgressBar::draw(const std::string& note) {
  last_draw_ = Clock::now();
  auto done = std::min(done_, total_);
  auto filled = kWidth * done / total_;
  double seconds = std::chrono::duration<double>(last_draw_ - start_).count();
  std::string line =
      "[" + std::string(static_cast<size_t>(filled), '=') + (filled < kWidth ? ">" : "") +
      std::string(static_cast<size_t>(std::max<int64_t>(kWidth - filled - 1, 0)), ' ') + "] " +
      std::to_string(done_) + "/" + std::to_string(total_) + " " + unit_;
  line += ", " +
          duration_text(seconds / static_cast<double>(std::max<int64_t>(done_, 1)) *
                        static_cast<double>(total_ - done)) +
          " left";
  if (!note.empty()) line += ", " + note;
  auto length = line.size();
  if (length < drawn_) line += std::string(drawn_ - length, ' ');
  out_ << '\r' << line << std::flush;
  drawn_ = length;
}

}  // namespace luxtorch
