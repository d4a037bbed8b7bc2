// The part of a report about one run.

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <ctime>

#include "fit/axis.h"
#include "html.h"
#include "report_page.h"
#include "run_facts.h"
#include "svg_plot.h"

using luxtorch::io::Json;
using luxtorch::io::JsonArray;
using luxtorch::io::JsonObject;

namespace {

constexpr size_t kMostRows = 5000, kMostColumns = 30;

// The keys of Summary::to_json as a reader knows them.
std::string heading_of(const std::string& key) {
  static constexpr std::array<std::array<const char*, 2>, 5> kHeadings = {
      {{"flops", "FLOPs forward"},
       {"step_flops", "FLOPs of a step"},
       {"kept_bytes", "bytes kept for backward"},
       {"bytes", "bytes of parameters and states"},
       {"seconds", "seconds forward"}}};
  for (const auto& [name, heading] : kHeadings)
    if (key == name) return heading;
  return key;
}

HtmlCell cell_of(const Json* value) {
  if (!value || value->as<std::nullptr_t>()) return {"-"};
  if (const auto* whole = value->as<int64_t>()) return {html_count(*whole), true};
  if (const auto* number = value->as<double>()) return {luxtorch::detail::brief(*number), true};
  if (const auto* text = value->as<std::string>()) return {html_text(cut_text(*text))};
  return {html_text(describe(*value))};
}

// The keys of the first row; "" without rows.
std::string summary_table(const Json& summary) {
  const auto* rows = summary.find("rows");
  const auto* list = rows ? rows->as<JsonArray>() : nullptr;
  const auto* first = list && !list->empty() ? list->front().as<JsonObject>() : nullptr;
  if (!first) return "";
  std::vector<std::string> keys, head;
  for (const auto& [key, value] : *first) {
    if (keys.size() == kMostColumns) break;
    keys.push_back(key);
    head.push_back(cut_text(heading_of(key)));
  }
  std::vector<std::vector<HtmlCell>> cells;
  for (const auto& row : *list) {
    if (cells.size() == kMostRows) break;
    auto& line = cells.emplace_back();
    for (const auto& key : keys) line.push_back(cell_of(row.find(key)));
  }
  std::vector<HtmlCell> foot;
  if (const auto* totals = summary.find("totals"); totals && totals->as<JsonObject>()) {
    for (const auto& key : keys) {
      const auto* total = totals->find(key);
      foot.push_back(foot.empty() ? HtmlCell{"total"} : total ? cell_of(total) : HtmlCell{""});
    }
  }
  std::string html = html_table(head, cells, foot);
  if (list->size() > cells.size())
    html += fmt::format("<p>{} more rows are left out.</p>\n", list->size() - cells.size());
  return html;
}

std::string facts(const RunLog& log) {
  std::vector<std::pair<std::string, std::string>> pairs;
  auto add = [&](const char* name, const std::string& value) {
    if (!value.empty() && value != "-") pairs.emplace_back(name, html_text(value));
  };
  if (const auto best = best_epoch(log))
    pairs.emplace_back("best epoch", html_count(log.epochs[*best].epoch));
  for (const auto& metric : log.metrics)
    pairs.emplace_back(metric.name, metric_html(log, metric.name));
  pairs.emplace_back("epochs", html_count(last_epoch(log)));
  pairs.emplace_back("steps", html_count(last_step(log)));
  add("started", time_text(log.first_time));
  add("duration", duration_text(log.started ? log.seconds : kNotSaid));
  if (log.resumes > 0) pairs.emplace_back("resumed", html_count(log.resumes));
  add("samples/s", number_or_dash(last_samples_per_second(log)));
  add("ms/step", number_or_dash(milliseconds_per_step(log), 3));
  add("memory", bytes_text(last_memory(log)));
  add("host", log.start.host);
  add("luxtorch", log.start.luxtorch);
  add("torch", log.start.torch);
  return html_pairs(pairs);
}

std::string texts(const RunLog& log) {
  std::vector<std::vector<HtmlCell>> rows;
  for (const auto& text : log.texts)
    rows.push_back({{html_count(text.step), true}, {html_text(text.text)}});
  return html_table({"step", "text"}, rows);
}

std::string problems(const RunLog& log) {
  if (log.damaged == 0) return "";
  std::string html = fmt::format(
      "<div class=\"warning\"><p>{} of {} lines of the log are damaged "
      "and left out.</p>\n<ul>\n",
      log.damaged, log.lines);
  for (const auto& problem : log.problems) html += "<li>" + html_text(problem) + "</li>\n";
  return html + "</ul></div>\n";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> settings_of(const RunLog& log) {
  auto all = log.start.settings;
  if (!log.start.optimizer.empty()) all.emplace_back("optimizer", log.start.optimizer);
  for (const auto& [name, value] : log.start.hyperparameters)
    all.emplace_back("optimizer." + name, value);
  auto add = [&](const char* name, std::optional<int64_t> count) {
    if (count) all.emplace_back(name, std::to_string(*count));
  };
  add("parameters", log.start.parameters);
  add("epochs wanted", log.start.epochs);
  add("batches of an epoch", log.start.batches);
  add("threads", log.start.threads);
  add("processes", log.start.processes);
  return all;
}

std::string metric_html(const RunLog& log, const std::string& name) {
  const auto* metric = find_metric(log, name);
  if (!metric) return "-";
  const auto text = text_of(log, *metric);
  if (text.best.empty() || text.best_is_last) return text.last;
  return text.last + fmt::format("<small>best {} at {}</small>", text.best, text.best_epoch);
}

std::string time_text(double time) {
  if (!(time >= 0 && time < 1e11)) return "-";
  const auto seconds = static_cast<std::time_t>(time);
  std::tm parts = {};
  if (!gmtime_r(&seconds, &parts)) return "-";
  char text[64];
  return std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts) > 0 ? text : "-";
}

std::string run_section(const WatchedRun& run, const std::string& id, bool alone, double now) {
  const auto& log = *run.log;
  std::string html = "<section>\n<h2 id=\"" + id + "\">" + html_text(run.name) + " <span>" +
                     html_text(state_of(log, now)) + "</span></h2>\n" + problems(log) + facts(log);
  html += "<div class=\"plots\">\n";
  for (const auto& panel : panels_of({run.log}, {run.name}))
    html += svg_figure(panel, panel.series.size() > 1);
  html += "</div>\n";
  if (!log.start.command.empty())
    html += html_details("Command", "<pre>" + html_text(log.start.command) + "</pre>\n", alone);
  std::vector<std::pair<std::string, std::string>> settings;
  for (const auto& [name, value] : settings_of(log)) settings.emplace_back(name, html_text(value));
  if (!settings.empty()) html += html_details("Settings", html_pairs(settings), alone);
  if (!log.start.model.empty())
    html += html_details("Model", "<pre>" + html_text(log.start.model) + "</pre>\n", alone);
  if (const auto table = summary_table(log.start.summary); !table.empty())
    html += html_details("Summary of the model", table, alone);
  if (!log.texts.empty()) html += html_details("What it said", texts(log), alone);
  return html + "</section>\n";
}
