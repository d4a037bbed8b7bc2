#include "fit/plot_canvas.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "utf8.h"

namespace luxtorch::detail {
namespace {

constexpr std::array<const char*, 8> kMarks = {"●", "▲", "■", "◆", "○", "△", "□", "◇"};
constexpr std::array<const char*, 8> kAsciiMarks = {"*", "+", "o", "x", "#", "@", "%", "&"};
// Cyan, yellow, magenta, green, red, blue: of the 8 colours that a terminal's theme chooses.
constexpr std::array<const char*, 6> kColors = {"36", "33", "35", "32", "31", "34"};
constexpr int kBetweenMarks = 12;  // columns
constexpr uint32_t kBraille = 0x2800;
// The bit of the dot in column x and row y of a character.
constexpr std::array<std::array<unsigned, 4>, 2> kDots = {
    {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}}};

// Cuts the part of a line off that lies outside of [0, 1] (Liang and Barsky 1984). Whether any is
// left.
bool clip(double& x0, double& y0, double& x1, double& y1) {
  const double dx = x1 - x0, dy = y1 - y0;
  double from = 0, to = 1;
  const std::array<std::array<double, 2>, 4> edges = {
      {{-dx, x0}, {dx, 1 - x0}, {-dy, y0}, {dy, 1 - y0}}};
  for (const auto& [towards, room] : edges) {
    if (towards == 0) {
      if (room < 0) return false;
    } else if (towards < 0) {
      from = std::max(from, room / towards);
    } else {
      to = std::min(to, room / towards);
    }
  }
  if (!(from <= to)) return false;
  x1 = x0 + to * dx;
  y1 = y0 + to * dy;
  x0 += from * dx;
  y0 += from * dy;
  return true;
}

}  // namespace

std::string color_of(size_t style) {
  return std::string("\x1b[") + kColors.at(style % kColors.size()) + "m";
}

std::string mark_of(size_t style, bool unicode) {
  return (unicode ? kMarks : kAsciiMarks).at(style % kMarks.size());
}

PlotCanvas::PlotCanvas(int columns, int rows, bool unicode)
    : columns_(columns),
      rows_(rows),
      unicode_(unicode),
      dots_x_(columns * (unicode ? 2 : 1)),
      dots_y_(rows * (unicode ? 4 : 1)),
      cells_(static_cast<size_t>(columns) * static_cast<size_t>(rows)) {}

void PlotCanvas::dot(int x, int y, size_t style) {
  x = std::clamp(x, 0, dots_x_ - 1);
  y = dots_y_ - 1 - std::clamp(y, 0, dots_y_ - 1);
  auto& cell = unicode_ ? at(x / 2, y / 4) : at(x, y);
  cell.dots |= kDots.at(static_cast<size_t>(x % 2)).at(static_cast<size_t>(y % 4));
  if (cell.style < 0) cell.style = static_cast<int>(style);
}

void PlotCanvas::line(double x0, double y0, double x1, double y1, size_t style) {
  if (!clip(x0, y0, x1, y1)) return;
  auto to_x = [&](double x) { return static_cast<int>(std::lround(x * (dots_x_ - 1))); };
  auto to_y = [&](double y) { return static_cast<int>(std::lround(y * (dots_y_ - 1))); };
  const int from_x = to_x(x0), from_y = to_y(y0), over_x = to_x(x1) - from_x,
            over_y = to_y(y1) - from_y;
  const int steps = std::max({std::abs(over_x), std::abs(over_y), 1});
  for (int i = 0; i <= steps; ++i)
    dot(from_x + static_cast<int>(std::lround(static_cast<double>(over_x) * i / steps)),
        from_y + static_cast<int>(std::lround(static_cast<double>(over_y) * i / steps)), style);
}

void PlotCanvas::mark(size_t style, size_t count) {
  auto top_of = [&](int column) -> Cell* {
    for (int row = 0; row < rows_; ++row)
      if (at(column, row).style == static_cast<int>(style)) return &at(column, row);
    return nullptr;
  };
  const int offset = static_cast<int>(style * kBetweenMarks / std::max<size_t>(count, 1));
  Cell* last = nullptr;
  for (int column = 0; column < columns_; ++column) {
    Cell* top = top_of(column);
    if (top) last = top;
    if (top && column % kBetweenMarks == offset % kBetweenMarks) top->marked = true;
  }
  if (last) last->marked = true;
}

std::string PlotCanvas::row(int index, bool color) const {
  std::string text;
  int open = -1;
  for (int column = 0; column < columns_; ++column) {
    const auto& cell = at(column, index);
    if (color && cell.style != open) {
      if (open >= 0) text += kColorOff;
      if (cell.style >= 0) text += color_of(static_cast<size_t>(cell.style));
      open = cell.style;
    }
    if (cell.style < 0) {
      text += ' ';
    } else if (!unicode_ || cell.marked) {
      text += mark_of(static_cast<size_t>(cell.style), unicode_);
    } else {
      append_code_point(text, kBraille + cell.dots);
    }
  }
  return open >= 0 ? text + kColorOff : text;
}

}  // namespace luxtorch::detail
