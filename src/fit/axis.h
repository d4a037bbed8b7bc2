// Axes of plots: where a value lies between the ends, and the round values that are labelled.
//
// Level 0.5: plain C++, for the terminal's plots and for the SVG of reports.
#pragma once

#include <string>
#include <vector>

namespace luxtorch::detail {

/// From the least to the most value that an axis shows, both finite, low < high; on a logarithmic
/// axis both are above 0.
struct Axis {
  double low = 0, high = 1;
  bool logarithmic = false;

  /// Whether a value has a place: it is finite, and above 0 on a logarithmic axis.
  bool has(double value) const;
  /// 0 at low, 1 at high, less or more beyond them. value: one that has a place.
  double position(double value) const;
};

/// The axis of all values that have a place on it: from the least to the most of them, widened
/// where that is a single value. [0, 1], or [1, 10] if logarithmic, where there are none.
Axis axis_of(const std::vector<double>& values, bool logarithmic);

struct Tick {
  double value = 0;
  std::string label;
};

/// At most `most` (at least 2) round values within the axis, ascending, with labels in which they
/// differ: multiples of 1, 2 or 5 times a power of ten; on a logarithmic axis powers of ten, and
/// 2 and 5 times those if there is room.
std::vector<Tick> ticks(const Axis& axis, int most);

/// The number with at most `digits` (1 to 17) significant digits, briefly: "0.0512", "1.5e-7",
/// "51200", "NaN".
std::string brief(double value, int digits = 4);

}  // namespace luxtorch::detail
