#include "fit/terminal_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>

#include "fit/axis.h"
#include "fit/terminal_text.h"
#include "luxtorch/core/error.h"

namespace luxtorch::detail {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kMost = std::numeric_limits<double>::max();

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

std::vector<std::string> labels(const Axis& axis, int most) {
  std::vector<std::string> all;
  for (const auto& tick : ticks(axis, most)) all.push_back(tick.label);
  return all;
}

TEST(TerminalPlot, DrawsALineInBraille) {
  EXPECT_EQ(terminal_plot({{"loss", {0, 1, 2}, {0, 2, 1}}}, {.width = 16, .height = 6}),
            "● loss\n"
            "2 ┤    ⢀⡠⠊⠑⠢⢄⣀\n"
            "  │  ⢀⠔⠁      ⠉⠒\n"
            "0 ┤⡠⠊⠁\n"
            "  └┬───────────┬\n"
            "   0           2\n");
}

TEST(TerminalPlot, DrawsInAsciiWithAMarkOfEachSeries) {
  EXPECT_EQ(
      terminal_plot({{"a", {0, 1}, {0, 1}}, {"b", {0, 1}, {1, 0}}},
                    {.title = "loss", .x_label = "é", .unicode = false, .width = 24, .height = 6}),
      "loss  * a  + b\n"
      "1 ++++++          ******\n"
      "  |     **********\n"
      "0 +*****          ++++++\n"
      "  ++--------------------\n"
      "   0                   ?\n");
}

TEST(TerminalPlot, ColoursTakeThePlaceOfMarks) {
  const std::vector<PlotSeries> two = {{"a", {0, 1}, {0, 0}}, {"b", {0, 1}, {1, 1}}};
  const auto colored = terminal_plot(two, {.color = true, .width = 20, .height = 6});
  const auto plain = terminal_plot(two, {.width = 20, .height = 6});
  EXPECT_THAT(colored, testing::HasSubstr("\x1b[36m⣀⣀"));
  EXPECT_THAT(colored, testing::HasSubstr("\x1b[33m⠉⠉"));
  EXPECT_THAT(plain, testing::Not(testing::HasSubstr("\x1b")));
  EXPECT_THAT(lines_of(plain)[1], testing::HasSubstr("▲"));
  EXPECT_THAT(lines_of(colored)[1], testing::Not(testing::HasSubstr("▲")));
}

TEST(TerminalPlot, WhatHasNoPlaceIsAGap) {
  const auto gap = terminal_plot({{"a", {0, 1, 2, 3, 4}, {1, 1, kNaN, 1, 1}}},
                                 {.unicode = false, .legend = false, .width = 20, .height = 5});
  EXPECT_EQ(gap, terminal_plot({{"a", {0, 1, 2, 3, 4}, {1, 1, kInfinity, 1, 1}}},
                               {.unicode = false, .legend = false, .width = 20, .height = 5}));
  EXPECT_EQ(lines_of(gap)[1], "1 +*****       *****");
  const auto logarithmic =
      terminal_plot({{"a", {0, 1, 2, 3, 4}, {1, 1, 0, 1, 1}}},
                    {.log_y = true, .unicode = false, .legend = false, .width = 20, .height = 5});
  EXPECT_EQ(lines_of(logarithmic)[1], "1 +*****       *****");
}

TEST(TerminalPlot, RangesCutLinesOff) {
  const auto lines = lines_of(terminal_plot(
      {{"a", {0, 10}, {-1000, 1000}}},
      {.unicode = false, .legend = false, .width = 20, .height = 6, .y_range = {{-1, 1}}}));
  for (size_t i = 0; i < 4; ++i) EXPECT_THAT(lines[i], testing::ContainsRegex("[+|] +\\*$"));
}

TEST(TerminalPlot, FitsIntoEveryWidthWithEveryNumber) {
  std::vector<PlotSeries> series;
  for (double y : {0.0, -1.0, 5e-324, 1e-300, kMost, -kMost, kNaN, kInfinity, 1e6 + 0.1})
    series.push_back({"ä name that is rather long\x1b[2J", {0, 1, y}, {y, -y, 1}});
  for (int width = 0; width < 100; width += 7) {
    for (int height = 0; height < 30; height += 5) {
      for (bool logarithmic : {false, true}) {
        for (bool unicode : {false, true}) {
          const auto text = terminal_plot(series, {.title = "t\n",
                                                   .x_label = "x",
                                                   .log_x = logarithmic,
                                                   .log_y = logarithmic,
                                                   .unicode = unicode,
                                                   .width = width,
                                                   .height = height});
          const auto lines = lines_of(text);
          EXPECT_EQ(lines.size(), static_cast<size_t>(std::max(height, 4)));
          EXPECT_THAT(text, testing::Not(testing::HasSubstr("\x1b")));
          for (const auto& line : lines)
            EXPECT_LE(columns_of(line), static_cast<size_t>(std::max(width, 12))) << text;
        }
      }
    }
  }
}

TEST(TerminalPlot, RefusesSeriesAndRangesThatAreNone) {
  const auto text_of = [](const std::vector<PlotSeries>& series, const PlotOptions& options) {
    try {
      terminal_plot(series, options);
    } catch (const ArgumentError& e) {
      return std::string(e.what());
    }
    return std::string("nothing");
  };
  EXPECT_EQ(text_of({{"loss", {1, 2}, {1}}}, {}),
            "[terminal_plot] expected one y for each x of the series loss, got 2 x and 1 y");
  EXPECT_EQ(text_of({}, {.y_range = {{2, 1}}}),
            "[terminal_plot] expected y_range to be a range, got 2 to 1");
  EXPECT_EQ(text_of({}, {.log_x = true, .x_range = {{0, 1}}}),
            "[terminal_plot] expected x_range to be a range above 0, got 0 to 1");
}

TEST(Axis, TicksAreRoundAndTheirLabelsDiffer) {
  using testing::ElementsAre;
  EXPECT_THAT(labels({0, 1}, 6), ElementsAre("0", "0.2", "0.4", "0.6", "0.8", "1"));
  EXPECT_THAT(labels({-0.3, 0.3}, 4), ElementsAre("-0.2", "0", "0.2"));
  EXPECT_THAT(labels({1e6 + 0.1, 1e6 + 0.3}, 3),
              ElementsAre("1000000.1", "1000000.2", "1000000.3"));
  EXPECT_THAT(labels({0, 51200}, 3), ElementsAre("0", "20000", "40000"));
  EXPECT_THAT(labels({1e-5, 1, true}, 4), ElementsAre("0.0001", "0.01", "1"));
  EXPECT_THAT(labels({0.9, 30, true}, 9), ElementsAre("1", "2", "5", "10", "20"));
  EXPECT_THAT(labels({2.1, 4.9, true}, 4), ElementsAre("3", "4"));
}

TEST(Axis, OfOneValueIsAroundIt) {
  const auto axis = axis_of({3, 3, kNaN}, false);
  EXPECT_LT(axis.low, 3);
  EXPECT_GT(axis.high, 3);
  EXPECT_NEAR(axis.position(3), 0.5, 1e-9);
}

TEST(TerminalText, ReplacesWhatATerminalWouldObey) {
  EXPECT_EQ(shown_text("a\x1b[2J\n\xc2\x9b é \xff\xe2\x80\xae"), "a?[2J?? é ??");
  EXPECT_EQ(shown_text("é日", false), "??");
  const std::string mark = "\u0301";
  EXPECT_EQ(shown_text("a" + mark + mark + mark + mark + mark + mark + "b" + mark),
            "a" + mark + mark + mark + mark + "b" + mark);
  EXPECT_EQ(columns_of("é日e\xcc\x81"), 4u);
  EXPECT_EQ(in_columns("日本語", 4), "日… ");
  EXPECT_EQ(in_columns("abcdef", 4, false), "abc~");
  EXPECT_EQ(in_columns("ab", 4), "ab  ");
}

}  // namespace
}  // namespace luxtorch::detail
