#include "fit/terminal_plot.h"

#include <algorithm>
#include <cmath>

#include "fit/axis.h"
#include "fit/plot_canvas.h"
#include "fit/terminal_text.h"
#include "luxtorch/core/error.h"

namespace luxtorch::detail {
namespace {

constexpr int kLeastWidth = 12, kLeastHeight = 4;
constexpr int kLinesOfATick = 3, kColumnsOfATick = 12;

Axis chosen_axis(const char* name, const std::vector<PlotSeries>& series,
                 std::vector<double> PlotSeries::* values, bool logarithmic,
                 const std::optional<std::pair<double, double>>& range) {
  if (range) {
    Axis axis{range->first, range->second, logarithmic};
    if (!axis.has(axis.low) || !axis.has(axis.high) || !(axis.low < axis.high))
      throw ArgumentError("terminal_plot", std::string("expected ") + name +
                                               "_range to be a range" +
                                               (logarithmic ? " above 0" : "") + ", got " +
                                               brief(axis.low) + " to " + brief(axis.high));
    return axis;
  }
  std::vector<double> all;
  for (const auto& one : series) all.insert(all.end(), (one.*values).begin(), (one.*values).end());
  return axis_of(all, logarithmic);
}

void draw(PlotCanvas& canvas, const PlotSeries& series, size_t style, const Axis& x,
          const Axis& y) {
  bool joined = false;
  double last_x = 0, last_y = 0;
  for (size_t i = 0; i < series.x.size(); ++i) {
    const bool there = x.has(series.x[i]) && y.has(series.y[i]);
    if (there) {
      const double at_x = x.position(series.x[i]), at_y = y.position(series.y[i]);
      // A point without a neighbour is a line to itself.
      if (!joined) last_x = at_x, last_y = at_y;
      canvas.line(last_x, last_y, at_x, at_y, style);
      last_x = at_x, last_y = at_y;
    }
    joined = there;
  }
}

std::string first_line(const std::vector<PlotSeries>& series, const PlotOptions& options) {
  const auto width = static_cast<size_t>(options.width);
  std::string line =
      cut_to_columns(shown_text(options.title, options.unicode), width, options.unicode);
  size_t taken = columns_of(line);
  if (!options.legend) return line;
  for (size_t i = 0; i < series.size(); ++i) {
    const size_t space = taken == 0 ? 0 : 2;
    if (taken + space + 5 > width) break;  // no room for a name
    auto name = cut_to_columns(shown_text(series[i].name, options.unicode),
                               width - taken - space - 2, options.unicode);
    line += std::string(space, ' ') + plot_mark(i, options.unicode, options.color) + " " + name;
    taken += space + 2 + columns_of(name);
  }
  return line;
}

// The line of the axis and the line of its labels, `columns` wide behind `left` columns.
std::string below(const Axis& axis, int left, int columns, const PlotOptions& options) {
  const auto space = std::string(static_cast<size_t>(left), ' ');
  const auto name = shown_text(options.x_label, options.unicode);
  const size_t all = static_cast<size_t>(columns) + 1, wide = columns_of(name);
  // The axis' name takes the right end, if there is room for more than it.
  const bool named = wide > 0 && wide * 3 <= all;
  std::string labels(named ? all - wide - 1 : all, ' ');
  std::vector<bool> marked(static_cast<size_t>(columns), false);
  size_t free_from = 0;
  for (const auto& tick : ticks(axis, std::max(columns / kColumnsOfATick, 2))) {
    const auto place = static_cast<size_t>(
        std::clamp<long>(std::lround(axis.position(tick.value) * (columns - 1)), 0, columns - 1));
    // Behind the corner, with the label's middle below the mark, if it does not touch the last one.
    const size_t from = std::min(place + 1 - std::min(place + 1, tick.label.size() / 2),
                                 labels.size() - std::min(labels.size(), tick.label.size()));
    if (from < free_from || place >= from + tick.label.size() ||
        from + tick.label.size() > labels.size())
      continue;
    marked[place] = true;
    labels.replace(from, tick.label.size(), tick.label);
    free_from = from + tick.label.size() + 2;
  }
  std::string text = space + (options.unicode ? "└" : "+");
  for (bool mark : marked) text += options.unicode ? (mark ? "┬" : "─") : (mark ? "+" : "-");
  text += "\n";
  if (named) labels += " " + name;
  labels = space + labels;
  labels.erase(labels.find_last_not_of(' ') + 1);
  return text + labels + "\n";
}

}  // namespace

std::string plot_mark(size_t index, bool unicode, bool color) {
  auto mark = mark_of(index, unicode);
  return color ? color_of(index) + mark + kColorOff : mark;
}

std::string terminal_plot(const std::vector<PlotSeries>& series, const PlotOptions& given) {
  PlotOptions options = given;
  options.width = std::max(options.width, kLeastWidth);
  options.height = std::max(options.height, kLeastHeight);
  for (const auto& one : series)
    if (one.x.size() != one.y.size())
      throw ArgumentError("terminal_plot", "expected one y for each x of the series " + one.name +
                                               ", got " + std::to_string(one.x.size()) + " x and " +
                                               std::to_string(one.y.size()) + " y");
  const Axis x = chosen_axis("x", series, &PlotSeries::x, options.log_x, options.x_range);
  const Axis y = chosen_axis("y", series, &PlotSeries::y, options.log_y, options.y_range);

  const bool headed = !options.title.empty() || (options.legend && !series.empty());
  const int rows = options.height - 2 - (headed ? 1 : 0);
  std::vector<std::string> labels(static_cast<size_t>(rows));
  size_t left = 0;
  for (const auto& tick : ticks(y, std::max(rows / kLinesOfATick, 2))) {
    const auto row =
        std::clamp<long>(std::lround((1 - y.position(tick.value)) * (rows - 1)), 0, rows - 1);
    labels[static_cast<size_t>(row)] = tick.label;
    left = std::max(left, tick.label.size());
  }
  left = std::min(left, static_cast<size_t>(options.width - kLeastWidth / 2));
  const int columns = options.width - static_cast<int>(left) - 2;

  PlotCanvas canvas(columns, rows, options.unicode);
  for (size_t i = 0; i < series.size(); ++i) draw(canvas, series[i], i, x, y);
  if (!options.color && series.size() > 1)
    for (size_t i = 0; i < series.size(); ++i) canvas.mark(i, series.size());

  std::string text = headed ? first_line(series, options) + "\n" : "";
  for (int row = 0; row < rows; ++row) {
    const auto& label = labels[static_cast<size_t>(row)];
    std::string line =
        std::string(left - std::min(left, label.size()), ' ') + label.substr(0, left) + " ";
    line += options.unicode ? (label.empty() ? "│" : "┤") : (label.empty() ? "|" : "+");
    line += canvas.row(row, options.color);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text + below(x, static_cast<int>(left) + 1, columns, options);
}

}  // namespace luxtorch::detail
