#include "watch_frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "fit/axis.h"
#include "fit/terminal_text.h"
#include "run_facts.h"
#include "text.h"

using luxtorch::grouped;
using luxtorch::detail::brief;
using luxtorch::detail::columns_of;
using luxtorch::detail::cut_to_columns;
using luxtorch::detail::in_columns;
using luxtorch::detail::plot_mark;
using luxtorch::detail::shown_text;

namespace {

using Lines = std::vector<std::string>;
using Fact = std::pair<std::string, std::string>;

constexpr int kLeastPanelWidth = 36, kLeastPanelHeight = 7, kMostBar = 40;
constexpr size_t kBetween = 3;
constexpr size_t kNarrowest = 22;                   // columns of one of several runs
constexpr std::ptrdiff_t kFactsWithoutMetrics = 9;  // of facts_of

std::string of_whole(int64_t done, std::optional<int64_t> whole) {
  return whole ? grouped(done) + "/" + grouped(*whole) : grouped(done);
}

// alone: there is room for the word.
std::string metric_text(const RunLog& log, const Metric& metric, bool alone) {
  const auto text = text_of(log, metric);
  if (text.best.empty()) return text.last;
  return fmt::format("{} ({}{} at {})", text.last, alone ? "best " : "", text.best,
                     text.best_epoch);
}

// Everything that is shown of one run, as texts that a terminal may have.
std::vector<Fact> facts_of(const RunLog& log, bool alone, const FrameOptions& options) {
  std::vector<Fact> facts = {{"state", state_of(log, options.now)},
                             {"epoch", of_whole(last_epoch(log), log.start.epochs)},
                             {"step", of_whole(last_step(log), whole_steps(log))},
                             {"time", duration_text(log.started ? log.seconds : kNotSaid)},
                             {"left", duration_text(seconds_left(log))},
                             {"samples/s", number_or_dash(last_samples_per_second(log))},
                             {"ms/step", number_or_dash(milliseconds_per_step(log), 3)},
                             {"learning rate", number_or_dash(last_rate(log))},
                             {"memory", bytes_text(last_memory(log))}};
  if (log.metrics.empty() && !log.steps.empty())
    facts.emplace_back("loss", log.steps.back().loss ? brief(*log.steps.back().loss) : "-");
  for (const auto& metric : log.metrics)
    facts.emplace_back(shown_text(metric.name, options.unicode), metric_text(log, metric, alone));
  if (log.resumes > 0) facts.emplace_back("resumed", grouped(log.resumes));
  if (log.damaged > 0) facts.emplace_back("damaged lines", grouped(log.damaged));
  for (auto& fact : facts) fact.second = shown_text(fact.second, options.unicode);
  return facts;
}

std::string bold(const std::string& text, bool color) {
  return color ? "\x1b[1m" + text + "\x1b[0m" : text;
}

// The text of `columns` columns without colours, padded: colours take none.
std::string padded(const std::string& text, size_t columns) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\x1b') {
      plain += text[i];
    } else {
      while (i < text.size() && text[i] != 'm') ++i;
    }
  }
  const size_t taken = columns_of(plain);
  return text + std::string(columns - std::min(columns, taken), ' ');
}

std::string progress_bar(const RunLog& log, const FrameOptions& options) {
  const auto whole = whole_steps(log);
  if (!whole || *whole == log.base_step) return "";
  const double part = std::clamp(static_cast<double>(last_step(log) - log.base_step) /
                                     static_cast<double>(*whole - log.base_step),
                                 0.0, 1.0);
  const int wide = std::min(options.width - 10, kMostBar);
  if (wide < 5) return "";
  const auto full = static_cast<int>(std::lround(part * wide));
  std::string bar = options.unicode ? "" : "[";
  for (int i = 0; i < wide; ++i)
    bar += options.unicode ? (i < full ? "━" : "─") : (i < full ? "=" : " ");
  return fmt::format("{} {:.0f} %", options.unicode ? bar : bar + "]", std::floor(part * 100));
}

// Names and values in as many columns as there is room for.
Lines grid(const std::vector<Fact>& facts, const FrameOptions& options) {
  const auto width = static_cast<size_t>(options.width);
  size_t label = 0, value = 0;
  for (const auto& fact : facts) {
    label = std::max(label, columns_of(fact.first));
    value = std::max(value, columns_of(fact.second));
  }
  label = std::min(label, width / 2);
  value = std::min(value, width - label - 1);
  const size_t columns = std::max<size_t>((width + kBetween) / (label + 1 + value + kBetween), 1);
  const size_t rows = (facts.size() + columns - 1) / columns;
  Lines lines;
  for (size_t row = 0; row < rows; ++row) {
    std::string line;
    for (size_t i = row; i < facts.size(); i += rows)
      line += (line.empty() ? "" : std::string(kBetween, ' ')) +
              in_columns(facts[i].first, label, options.unicode) + " " +
              bold(in_columns(facts[i].second, value, options.unicode), options.color);
    lines.push_back(line);
  }
  return lines;
}

// One run: its name and how far it is, then facts in as many columns as there is room for.
Lines head_of_one(const WatchedRun& run, const FrameOptions& options) {
  const auto width = static_cast<size_t>(options.width);
  const auto facts = facts_of(*run.log, true, options);
  const auto name = cut_to_columns(shown_text(run.name, options.unicode), width, options.unicode);
  const auto state = cut_to_columns(facts[0].second, width - columns_of(name), options.unicode);
  Lines lines = {bold(name, options.color)};
  if (columns_of(name) + kBetween + columns_of(state) <= width)
    lines[0] += std::string(kBetween, ' ') + state;
  else
    lines.push_back(cut_to_columns(facts[0].second, width, options.unicode));
  if (auto bar = progress_bar(*run.log, options); !bar.empty()) lines.push_back(bar);

  const auto metrics = facts.begin() + kFactsWithoutMetrics;
  for (const auto& line : grid({facts.begin() + 1, metrics}, options)) lines.push_back(line);
  for (const auto& line : grid({metrics, facts.end()}, options)) lines.push_back(line);
  return lines;
}

// Several runs: a table with a column for each, as many as there is room for.
Lines head_of_several(const std::vector<WatchedRun>& runs, const FrameOptions& options) {
  const auto width = static_cast<size_t>(options.width);
  std::vector<std::vector<Fact>> all;
  std::vector<std::string> labels;
  for (const auto& run : runs) {
    all.push_back(facts_of(*run.log, false, options));
    for (const auto& fact : all.back())
      if (std::ranges::find(labels, fact.first) == labels.end()) labels.push_back(fact.first);
  }
  size_t label = 0;
  for (const auto& text : labels) label = std::max(label, columns_of(text));
  label = std::min(label, width / 3);
  std::vector<size_t> widths;
  const size_t share =
      (width - label) / runs.size() - std::min<size_t>(2, (width - label) / runs.size());
  size_t taken = label;
  for (size_t i = 0; i < runs.size(); ++i) {
    size_t wide = columns_of(shown_text(runs[i].name, options.unicode)) + 2;
    for (const auto& fact : all[i]) wide = std::max(wide, columns_of(fact.second));
    wide = std::min({wide, std::max(kNarrowest, share), width - label - 2});
    if (taken + 2 + wide > width) break;
    widths.push_back(wide);
    taken += 2 + wide;
  }
  std::string head = in_columns("last (best at)", label, options.unicode);
  for (size_t i = 0; i < widths.size(); ++i) {
    auto name =
        in_columns(shown_text(runs[i].name, options.unicode), widths[i] - 2, options.unicode);
    head += "  " + plot_mark(i, options.unicode, options.color) + " " + bold(name, options.color);
  }
  Lines lines = {head};
  for (const auto& text : labels) {
    auto line = in_columns(text, label, options.unicode);
    for (size_t i = 0; i < widths.size(); ++i) {
      auto found = std::ranges::find(all[i], text, &Fact::first);
      line += "  " +
              in_columns(found == all[i].end() ? "-" : found->second, widths[i], options.unicode);
    }
    lines.push_back(line);
  }
  if (widths.size() < runs.size())
    lines.push_back(cut_to_columns(
        fmt::format("(and {} more: widen the terminal)", runs.size() - widths.size()), width,
        options.unicode));
  return lines;
}

// As many plots as there is room for, beside and below each other.
Lines plots_of(const std::vector<WatchedRun>& runs, const FrameOptions& options, int height) {
  std::vector<const RunLog*> logs;
  std::vector<std::string> names;
  for (const auto& run : runs) {
    logs.push_back(run.log);
    names.push_back(run.name);
  }
  const auto panels = panels_of(logs, names);
  const auto count = static_cast<int>(panels.size());
  if (count == 0 || height < kLeastPanelHeight) return {};
  const int columns = std::clamp(options.width / kLeastPanelWidth, 1, count);
  const int rows = std::min((count + columns - 1) / columns, height / kLeastPanelHeight);
  const int gap = 2, wide = (options.width - gap * (columns - 1)) / columns, high = height / rows;
  Lines lines;
  for (int row = 0; row < rows; ++row) {
    Lines block(static_cast<size_t>(high));
    for (int column = 0; column < columns && row * columns + column < count; ++column) {
      const auto& panel = panels[static_cast<size_t>(row * columns + column)];
      const bool is_loss = panel.title.find("loss") != panel.title.npos;
      const auto plot = luxtorch::detail::terminal_plot(
          panel.series, {.title = panel.title,
                         .x_label = panel.x_label,
                         .log_y = options.log_y && is_loss,
                         .unicode = options.unicode,
                         .color = options.color,
                         .legend = panel.series.size() > 1 && runs.size() == 1,
                         .width = wide,
                         .height = high});
      size_t at = 0;
      for (auto& line : block) {
        const size_t end = plot.find('\n', at);
        line = padded(line, static_cast<size_t>(column * (wide + gap))) + plot.substr(at, end - at);
        at = end + 1;
      }
    }
    lines.insert(lines.end(), block.begin(), block.end());
  }
  return lines;
}

// The last lines of text of all runs, the newest last.
Lines texts_of(const std::vector<WatchedRun>& runs, const FrameOptions& options, size_t most) {
  struct Said {
    double time;
    size_t run;
    const TextLine* line;
  };
  std::vector<Said> all;
  for (size_t i = 0; i < runs.size(); ++i)
    for (const auto& line : runs[i].log->texts)
      all.push_back({std::isnan(line.time) ? 0 : line.time, i, &line});
  std::ranges::stable_sort(all, {}, &Said::time);
  const bool several = runs.size() > 1;
  const size_t room = static_cast<size_t>(options.width) - (several ? 2 : 0);
  Lines lines;
  for (size_t i = all.size() - std::min(all.size(), most); i < all.size(); ++i) {
    const auto& [time, run, line] = all[i];
    const auto text =
        shown_text(fmt::format("step {}  {}", grouped(line->step), line->text), options.unicode);
    lines.push_back((several ? plot_mark(run, options.unicode, options.color) + " " : "") +
                    cut_to_columns(text, room, options.unicode));
  }
  return lines;
}

}  // namespace

std::vector<std::string> watch_frame(const std::vector<WatchedRun>& runs,
                                     const FrameOptions& given) {
  FrameOptions options = given;
  options.width = std::max(options.width, 20);
  options.height = std::max(options.height, 2);
  const int height = options.height - (options.keys ? 1 : 0);
  auto lines = runs.size() == 1 ? head_of_one(runs[0], options) : head_of_several(runs, options);
  const auto texts = texts_of(runs, options, static_cast<size_t>(std::clamp(height / 6, 0, 8)));
  // Curves before lines of text, where there is no room for both.
  int room = height - static_cast<int>(lines.size() + texts.size()) - 1;
  const bool with_texts = room >= kLeastPanelHeight;
  if (!with_texts) room = height - static_cast<int>(lines.size());
  auto plots = plots_of(runs, options, room);
  if (with_texts && !plots.empty()) lines.emplace_back();
  lines.insert(lines.end(), plots.begin(), plots.end());
  if (with_texts || plots.empty()) lines.insert(lines.end(), texts.begin(), texts.end());
  lines.resize(std::min(lines.size(), static_cast<size_t>(height)));
  for (auto& line : lines) line.erase(line.find_last_not_of(' ') + 1);
  if (options.keys) {
    lines.resize(static_cast<size_t>(height));
    lines.push_back(cut_to_columns("q leaves   l: logarithmic losses",
                                   static_cast<size_t>(options.width), options.unicode));
  }
  return lines;
}
