#include "report_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "html.h"
#include "luxtorch/version.h"
#include "report_style.h"
#include "run_facts.h"
#include "svg_plot.h"

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string id_of(size_t index) { return fmt::format("run-{}", index + 1); }

// The value of a name; "-" where the run has none.
std::string value_in(const Pairs& pairs, const std::string& name) {
  auto found = std::ranges::find(pairs, name, &Pairs::value_type::first);
  return found == pairs.end() ? "-" : found->second;
}

// The names of all runs' settings, those that differ apart from those that do not.
struct Names {
  std::vector<std::string> different, same;
};

Names names_of(const std::vector<Pairs>& settings) {
  std::vector<std::string> all;
  for (const auto& pairs : settings)
    for (const auto& [name, value] : pairs)
      if (std::ranges::find(all, name) == all.end()) all.push_back(name);
  Names names;
  for (const auto& name : all) {
    const auto first = value_in(settings[0], name);
    const bool differs = std::ranges::any_of(
        settings, [&](const Pairs& pairs) { return value_in(pairs, name) != first; });
    (differs ? names.different : names.same).push_back(name);
  }
  return names;
}

std::string table_of(const std::vector<WatchedRun>& runs, const std::vector<Pairs>& settings,
                     const Names& names, double now) {
  std::vector<std::string> metrics;
  for (const auto& run : runs)
    for (const auto& metric : run.log->metrics)
      if (std::ranges::find(metrics, metric.name) == metrics.end()) metrics.push_back(metric.name);

  std::vector<std::string> head = {"run"};
  head.insert(head.end(), names.different.begin(), names.different.end());
  head.emplace_back("state");
  head.insert(head.end(), metrics.begin(), metrics.end());
  for (const char* name : {"epochs", "best epoch", "duration", "samples/s", "memory", "started",
                           "host", "luxtorch", "torch", "command"})
    head.emplace_back(name);

  std::vector<std::vector<HtmlCell>> rows;
  for (size_t i = 0; i < runs.size(); ++i) {
    const auto& log = *runs[i].log;
    const auto best = best_epoch(log);
    std::vector<HtmlCell> row = {
        {"<a href=\"#" + id_of(i) + "\">" + html_text(runs[i].name) + "</a>"}};
    for (const auto& name : names.different)
      row.push_back({html_text(value_in(settings[i], name))});
    row.push_back({html_text(state_of(log, now))});
    for (const auto& name : metrics) row.push_back({metric_html(log, name), true});
    row.push_back({html_count(last_epoch(log)), true});
    row.push_back({best ? html_count(log.epochs[*best].epoch) : "-", true});
    row.push_back({duration_text(log.started ? log.seconds : kNotSaid), true});
    row.push_back({number_or_dash(last_samples_per_second(log)), true});
    row.push_back({bytes_text(last_memory(log)), true});
    row.push_back({time_text(log.first_time)});
    for (const auto* text : {&log.start.host, &log.start.luxtorch, &log.start.torch})
      row.push_back({text->empty() ? "-" : html_text(*text)});
    row.push_back({"<code>" + html_text(log.start.command) + "</code>"});
    rows.push_back(std::move(row));
  }
  return html_table(head, rows);
}

std::string comparison(const std::vector<WatchedRun>& runs, double now) {
  std::vector<Pairs> settings;
  std::vector<const RunLog*> logs;
  std::vector<std::string> run_names;
  for (const auto& run : runs) {
    settings.push_back(settings_of(*run.log));
    logs.push_back(run.log);
    run_names.push_back(run.name);
  }
  const auto names = names_of(settings);
  std::string html = table_of(runs, settings, names, now);
  Pairs same;
  for (const auto& name : names.same)
    same.emplace_back(name, html_text(value_in(settings[0], name)));
  if (!same.empty()) html += html_details("The same in all runs", html_pairs(same), false);
  html += svg_legend(run_names, true) + "<div class=\"plots\">\n";
  for (const auto& panel : panels_of(logs, run_names)) html += svg_figure(panel, false);
  return html + "</div>\n";
}

}  // namespace

std::string report_page(const std::vector<WatchedRun>& runs, double now) {
  const bool alone = runs.size() == 1;
  const auto title =
      alone ? "Training " + html_text(runs[0].name) : fmt::format("{} trainings", runs.size());
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      // Nothing is loaded or run, whatever a log says.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\">\n<title>" +
      title + "</title>\n<style>" + kReportStyle + "</style>\n</head>\n<body>\n<h1>" + title +
      "</h1>\n";
  if (!alone) html += comparison(runs, now);
  for (size_t i = 0; i < runs.size(); ++i) html += run_section(runs[i], id_of(i), alone, now);
  return html + "<footer>Written by luxtorch report " + luxtorch::version() + ", " +
         time_text(now) + ".</footer>\n</body>\n</html>\n";
}
