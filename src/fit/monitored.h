// What callbacks that watch a metric share.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>

#include "luxtorch/fit/better.h"
#include "luxtorch/fit/event.h"

namespace luxtorch::detail {

/// The metric's value after this epoch; nothing where the epoch had no validation and so no such value. ArgumentError
/// of Event::metric: no epoch has such a metric.
std::optional<double> monitored(const Event& event, const std::string& metric);

/// Whether a value is better than the best one so far by more than `by`. The first finite one is; NaN never is.
bool improves(double value, const std::optional<double>& best, Better better, double by = 0);

/// "validation_loss 0.25"
std::string metric_text(const std::string& metric, double value);

/// Throws an ArgumentError of `who`, "expected {option} {wanted}, got {got}.", unless it holds.
void check_option(bool holds, const char* who, const char* option, const char* wanted, double got);

/// The state of a callback as a tree, and back: "best" is nothing before the first value.
Tree best_tree(const std::optional<double>& best);
std::optional<double> best_of(const Tree& best);

/// Throws a TreeError of `who` unless `state` is a named tree with these keys.
void check_state(const char* who, const Tree& state, std::initializer_list<const char*> keys);

}  // namespace luxtorch::detail
