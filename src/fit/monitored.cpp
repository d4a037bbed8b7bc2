#include "fit/monitored.h"

#include <fmt/format.h>

#include <limits>
#include <string_view>

#include "luxtorch/core/error.h"
#include "text.h"

namespace luxtorch::detail {

std::optional<double> monitored(const Event& event, const std::string& metric) {
  constexpr std::string_view kOfValidation = "validation_";
  const bool due_later = metric.starts_with(kOfValidation) && event.validates() &&
                         !event.metrics.contains("validation_loss");
  if (due_later) return std::nullopt;
  return event.metric(metric);
}

bool improves(double value, const std::optional<double>& best, Better better, double by) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (better == Better::lower) return value < (best ? *best - by : kInfinity);
  return value > (best ? *best + by : -kInfinity);
}

std::string metric_text(const std::string& metric, double value) {
  return fmt::format("{} {:.6g}", metric, value);
}

void check_option(bool holds, const char* who, const char* option, const char* wanted, double got) {
  if (holds) return;
  throw ArgumentError(who, fmt::format("expected {} {}, got {}.", option, wanted, got));
}

Tree best_tree(const std::optional<double>& best) { return best ? Tree(*best) : Tree(); }

std::optional<double> best_of(const Tree& best) {
  if (best.is_none()) return std::nullopt;
  return best.scalar<double>();
}

void check_state(const char* who, const Tree& state, std::initializer_list<const char*> keys) {
  std::string wanted;
  bool fits = state.is_named();
  for (const char* key : keys) {
    wanted += (wanted.empty() ? "" : ", ") + std::string(key);
    fits = fits && state.contains(key);
  }
  if (fits) return;
  throw TreeError(who,
                  fmt::format("expected a state with the keys {}, got {}. It is that of another "
                              "callback, or of another version.",
                              wanted, describe_kind(state)));
}

}  // namespace luxtorch::detail
