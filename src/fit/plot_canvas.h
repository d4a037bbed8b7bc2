// The part of a terminal's plot within the axes: a grid of characters that lines are drawn into.
//
// Level 0.5: plain C++.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace luxtorch::detail {

class PlotCanvas {
 public:
  /// unicode: 2 by 4 dots in a character, else 1.
  PlotCanvas(int columns, int rows, bool unicode);

  /// A straight line for the series `style`. Places from 0 to 1, from the left and from the bottom;
  /// what lies beyond is cut off. The first series that takes a character keeps its colour there.
  void line(double x0, double y0, double x1, double y1, size_t style);
  /// Puts marks on the lines of the series `style` of `count` that may be told apart by them: every
  /// few columns, and at the right end.
  void mark(size_t style, size_t count);

  /// A row of characters from the top, with ANSI colours if `color`.
  std::string row(int index, bool color) const;

 private:
  struct Cell {
    unsigned dots = 0;  // of braille, as in Unicode's names
    int style = -1;     // none
    bool marked = false;
  };
  Cell& at(int column, int row) { return cells_[static_cast<size_t>(row * columns_ + column)]; }
  const Cell& at(int column, int row) const {
    return cells_[static_cast<size_t>(row * columns_ + column)];
  }
  void dot(int x, int y, size_t style);

  int columns_, rows_;
  bool unicode_;
  int dots_x_, dots_y_;
  std::vector<Cell> cells_;
};

/// The ANSI sequence that turns the colour of a series on.
std::string color_of(size_t style);
inline constexpr const char* kColorOff = "\x1b[0m";
/// The mark of a series: one column.
std::string mark_of(size_t style, bool unicode);

}  // namespace luxtorch::detail
