// The vocabulary of hyper-parameters, written once: name, place in Hyperparameters and Schedules,
// allowed values.
//
// Level 4. A new hyper-parameter is a member of Hyperparameters and a row of the table in
// hyperparameters.cpp.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "luxtorch/optim/optim.h"
#include "luxtorch/optim/scheduler.h"

namespace luxtorch::detail {

struct HyperWord {
  using One = std::optional<double> Hyperparameters::*;
  using Pair = std::optional<std::array<double, 2>> Hyperparameters::*;
  using Scheduled = std::optional<schedule::Schedule> Schedules::*;

  std::string_view name;
  One one = nullptr;    // its member of Hyperparameters, of one number
  Pair pair = nullptr;  // or of two
  bool (*allows)(std::span<const double> numbers, size_t i) = nullptr;
  std::string_view words = {};   // what is allowed: "expected lr {words}, got -1."
  Scheduled schedule = nullptr;  // its member of Schedules, if it may follow one

  bool is_set(const Hyperparameters& h) const { return (one && h.*one) || (pair && h.*pair); }
  /// The numbers of one that is set.
  std::vector<double> numbers(const Hyperparameters& h) const;
  /// Sets it to as many numbers as numbers() gives.
  void set(Hyperparameters& h, std::span<const double> numbers) const;
  /// ArgumentError of `who` for one that is set and out of range.
  void check(const std::string& who, const Hyperparameters& h) const;
};

/// ArgumentError when there is no such name: only a mistake of ours.
const HyperWord& hyper_word(std::string_view name);

/// Those that are set, each alone: a chain gives it to the parts that have it.
std::vector<std::pair<const HyperWord*, Hyperparameters>> apart(const Hyperparameters& h);
/// Those that follow a schedule.
std::vector<std::pair<const HyperWord*, const schedule::Schedule*>> listed(const Schedules& s);
/// Their values at update t, from 1.
Hyperparameters values_at(const Schedules& s, int64_t t);

}  // namespace luxtorch::detail
