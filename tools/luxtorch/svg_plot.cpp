#include "svg_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "fit/axis.h"
#include "html.h"

using luxtorch::detail::Axis;
using luxtorch::detail::PlotSeries;

namespace {

constexpr double kPictureWidth = 480, kPictureHeight = 270;  // of the picture's own units
constexpr double kTop = 12, kRight = 16, kBottom = 40, kLetter = 7.4;
constexpr double kWideSpan = 50;  // from which a loss is better seen on a logarithmic axis
constexpr size_t kColours = 8;

struct Frame {
  Axis x, y;
  double left;

  double at_x(double value) const {
    return left + x.position(value) * (kPictureWidth - kRight - left);
  }
  double at_y(double value) const {
    return kTop + (1 - y.position(value)) * (kPictureHeight - kTop - kBottom);
  }
  bool has(double a, double b) const { return x.has(a) && y.has(b); }
};

std::string class_of(size_t index) {
  return fmt::format("s{}{}", index % kColours, index / kColours % 2 == 1 ? " dashed" : "");
}

Axis axis_over(const Panel& panel, std::vector<double> PlotSeries::* values, bool logarithmic) {
  std::vector<double> all;
  for (const auto& series : panel.series)
    all.insert(all.end(), (series.*values).begin(), (series.*values).end());
  return luxtorch::detail::axis_of(all, logarithmic);
}

// Of the points in one unit of the picture's width the lowest and the highest: more cannot be seen.
std::string lines_of(const PlotSeries& series, const Frame& frame) {
  std::string html, points;
  size_t count = 0;
  auto put = [&](size_t i) {
    points += fmt::format("{}{:.1f},{:.1f}", points.empty() ? "" : " ", frame.at_x(series.x[i]),
                          frame.at_y(series.y[i]));
    ++count;
  };
  auto end_line = [&] {
    if (count == 1)  // a point without a neighbour: a line of no length, with round ends
      points += " " + points;
    if (count > 0) html += "<polyline points=\"" + points + "\"/>\n";
    points.clear();
    count = 0;
  };
  for (size_t i = 0; i < series.x.size();) {
    if (!frame.has(series.x[i], series.y[i])) {
      end_line();
      ++i;
      continue;
    }
    const double unit = std::floor(frame.at_x(series.x[i]));
    size_t low = i, high = i, next = i + 1;
    for (; next < series.x.size() && frame.has(series.x[next], series.y[next]) &&
           std::floor(frame.at_x(series.x[next])) == unit;
         ++next) {
      if (series.y[next] < series.y[low]) low = next;
      if (series.y[next] > series.y[high]) high = next;
    }
    put(std::min(low, high));
    if (low != high) put(std::max(low, high));
    i = next;
  }
  end_line();
  return html;
}

std::string axes(const Panel& panel, const Frame& frame,
                 const std::vector<luxtorch::detail::Tick>& y_ticks) {
  std::string svg;
  for (const auto& tick : y_ticks) {
    const double y = frame.at_y(tick.value);
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n",
        frame.left, kPictureWidth - kRight, y, y, frame.left - 6, y + 4, html_text(tick.label));
  }
  const double bottom = kPictureHeight - kBottom;
  for (const auto& tick : luxtorch::detail::ticks(frame.x, 6)) {
    const double x = frame.at_x(tick.value);
    svg += fmt::format(
        "<line class=\"axis\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
        x, x, bottom, bottom + 4, x, bottom + 17, html_text(tick.label));
  }
  svg += fmt::format(
      "<line class=\"axis\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>\n",
      frame.left, kPictureWidth - kRight, bottom, bottom);
  return svg + fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n",
                           (frame.left + kPictureWidth - kRight) / 2, kPictureHeight - 5,
                           html_text(panel.x_label));
}

// A line down from the point; of several curves of one epoch one line.
std::string marks(const Panel& panel, const Frame& frame) {
  std::string svg;
  double marked = kNotSaid;
  for (size_t i = 0; i < panel.series.size(); ++i) {
    const auto& series = panel.series[i];
    if (!panel.best[i] || *panel.best[i] >= series.x.size()) continue;
    const double x = series.x[*panel.best[i]], y = series.y[*panel.best[i]];
    if (!frame.has(x, y)) continue;
    if (x != marked)
      svg += fmt::format(
          "<line class=\"best {}\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>\n",
          class_of(i), frame.at_x(x), frame.at_x(x), kTop, kPictureHeight - kBottom);
    marked = x;
    svg += fmt::format(
        "<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\"><title>best epoch, {} {}: "
        "{}</title></circle>\n",
        class_of(i), frame.at_x(x), frame.at_y(y), html_text(panel.x_label),
        luxtorch::detail::brief(x, 6), luxtorch::detail::brief(y));
  }
  return svg;
}

bool spans_wide(const Panel& panel) {
  const auto axis = axis_over(panel, &PlotSeries::y, true);
  const auto plain = axis_over(panel, &PlotSeries::y, false);
  return panel.title.find("loss") != panel.title.npos && plain.low > 0 &&
         axis.high / kWideSpan > axis.low;
}

}  // namespace

std::string svg_legend(const std::vector<std::string>& names, bool best) {
  std::string html = "<p class=\"legend\">";
  for (size_t i = 0; i < names.size(); ++i)
    html += "<span><i class=\"" + class_of(i) + "\"></i>" + html_text(names[i]) + "</span> ";
  if (best) html += "<span><i class=\"mark\"></i>best epoch</span>";
  return html + "</p>\n";
}

std::string svg_figure(const Panel& panel, bool legend) {
  const bool logarithmic = spans_wide(panel);
  Frame frame{axis_over(panel, &PlotSeries::x, false),
              axis_over(panel, &PlotSeries::y, logarithmic), 0};
  const auto y_ticks = luxtorch::detail::ticks(frame.y, 6);
  size_t widest = 1;
  for (const auto& tick : y_ticks) widest = std::max(widest, tick.label.size());
  frame.left = 14 + kLetter * static_cast<double>(widest);

  const bool has_best =
      std::ranges::any_of(panel.best, [](const auto& best) { return best.has_value(); });
  std::vector<std::string> names;
  for (const auto& series : panel.series) names.push_back(series.name);
  const auto title = html_text(panel.title) + (logarithmic ? ", logarithmic" : "");
  std::string html = "<figure>\n<figcaption><b>" + title + "</b>" +
                     (legend ? svg_legend(names, has_best) : "") + "</figcaption>\n";
  html += fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" "
      "aria-label=\"{} over {}\">\n",
      kPictureWidth, kPictureHeight, title, html_text(panel.x_label));
  html += axes(panel, frame, y_ticks);
  // The first series last: on top.
  for (size_t i = panel.series.size(); i-- > 0;)
    html += "<g class=\"" + class_of(i) + (panel.noise == i ? " noise" : "") + "\">\n" +
            lines_of(panel.series[i], frame) + "</g>\n";
  return html + marks(panel, frame) + "</svg>\n</figure>\n";
}
