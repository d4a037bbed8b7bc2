// The page that `luxtorch report` writes.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "run_log.h"
#include "watch_frame.h"

/// The whole HTML page about runs, at least one. now: seconds since 1970.
std::string report_page(const std::vector<WatchedRun>& runs, double now);

/// Names and values (texts) of what a run was started with: settings, optimizer and its
/// hyper-parameters, epochs, batches, parameters, threads, processes.
std::vector<std::pair<std::string, std::string>> settings_of(const RunLog& log);

/// The part of one run: facts, curves, settings, model, summary, lines of text. id: of its heading.
std::string run_section(const WatchedRun& run, const std::string& id, bool alone, double now);
/// "0.0512", and below it "best 0.0498 at 24" where that is another epoch; HTML.
std::string metric_html(const RunLog& log, const std::string& name);
/// "2027-01-15 08:00 UTC"; "-" where it is not known.
std::string time_text(double time);
