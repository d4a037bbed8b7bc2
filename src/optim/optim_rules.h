// The optimizers of optim.h as data: names, hyper-parameters, moments, formulas.
//
// Level 4. A Rule is a row of the table with its numbers.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/optimizer.h"
#include "luxtorch/optim/optim.h"
#include "luxtorch/optim/schedule.h"

namespace luxtorch::detail {

/// A hyper-parameter: `count` numbers of a rule from `first`. Names decide what values are allowed.
struct HyperName {
  std::string_view name;
  size_t first = 0;
  size_t count = 1;
  bool positional = false;  // printed without its name
};

enum class Role { elementwise, clip_norm, clip_global_norm, accumulate };

struct RuleKind {
  std::string_view name;
  std::vector<HyperName> hyper;
  std::vector<std::string_view> slots;  // its moments' names
  kernels::Formula formula;
  void (*coefficients)(const double* h, double t,
                       double* c) = nullptr;  // t: this update's number, from 1
  bool counts = false;
  double (*initial)(const double* h) = nullptr;  // the moments' first value; none: 0
  Role role = Role::elementwise;
};

/// ArgumentError when there is no such kind: only a mistake of ours.
const RuleKind& rule_kind(std::string_view name);

struct Rule {
  const RuleKind* kind;
  std::vector<double> values;
  std::vector<std::optional<schedule::Schedule>> schedules = {};  // by value; empty: none has one

  double initial() const { return kind->initial ? kind->initial(values.data()) : 0; }
  /// Do its updates have numbers?
  bool counts() const { return kind->counts || !schedules.empty(); }
  /// Does a schedule set it?
  bool follows(const HyperName& h) const { return !schedules.empty() && schedules[h.first]; }
  /// Its numbers at update t, from 1. ArgumentError: a schedule's value is out of range.
  std::vector<double> values_at(int64_t t) const;
};

/// The rule's line in labels.
std::string label(const Rule& rule);

/// May adjust change this hyper-parameter of the rule?
bool adjustable(const Rule& rule, const HyperName& h);

/// ArgumentError unless the kind allows them.
void check_values(const RuleKind& kind, std::span<const double> values);

}  // namespace luxtorch::detail
