// Curves as text, for a terminal.
//
//     std::string text = terminal_plot({{"train", steps, losses}, {"validation", ends, others}},
//                                      {.title = "loss", .x_label = "step", .log_y = true,
//                                       .unicode = locale_is_utf8(),
//                                       .color = color_is_wanted(is_terminal(std::cout))});
//
//     loss  ● train  ▲ validation
//         │●⡢⣀
//       1 ┤ ⠉⠢⣑⠢⣀
//         │    ⠑⠢⣕⠢⢄⣀
//     0.5 ┤       ⠉⠒⠦⢍⡑⠒⠢⠤⣀⣀
//         │           ⠈●⠒⠢⠤⠤⣉⣉⡑⠒⠒⠤⠤⠤⣀⣀⣀▲
//         │                   ⠈⠉⠉⠑⠒●⠒⠢⠤⠤⠭⠭⠭⠭⣉⣉⣒●⣒●
//         └┬──────────────────┬───────────────────
//          0                 50               step
//
// Lines of braille dots, 2 by 4 in a character; without Unicode one character for each point of a
// line. Series differ by colour; without colour by marks on their lines. (fit/axis.h: the axes;
// fit/terminal_text.h: locale_is_utf8, color_is_wanted.)
//
// Level 0.5: plain C++.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace luxtorch::detail {

/// A curve. x and y: of one length, in the order in which the points are joined. A point that has no
/// place (NaN, infinite, not above 0 on a logarithmic axis) is a gap in the line.
struct PlotSeries {
  std::string name;
  std::vector<double> x, y;
};

struct PlotOptions {
  std::string title = "", x_label = "";
  bool log_x = false, log_y = false;
  bool unicode = true;  ///< braille and line drawing; else ASCII
  bool color = false;   ///< ANSI colours
  bool legend = true;   ///< the names of the series, beside the title
  int width = 80;       ///< columns of the whole, at least 12
  int height = 16;      ///< lines of the whole, at least 4
  /// What the axes show, from the least to the most, in place of all values. Lines are cut off there.
  std::optional<std::pair<double, double>> x_range = {}, y_range = {};
};

/// `height` lines, each with '\n' and of at most `width` columns. Throws ArgumentError for a series
/// with fewer or more y than x and for a range that is no range of its axis.
std::string terminal_plot(const std::vector<PlotSeries>& series, const PlotOptions& options);

/// The mark of the series with this index, as a legend elsewhere needs it: in its colour, if
/// `color`. Marks and colours repeat after 8 and 6.
std::string plot_mark(size_t index, bool unicode, bool color);

}  // namespace luxtorch::detail
