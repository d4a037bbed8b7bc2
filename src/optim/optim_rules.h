// The optimisers of optim.h as data: names, hyper-parameters, moments, formulas.
//
// Level 4. A Rule is a row of the table with its numbers; a Program is a chain of them, and all
// that the loops need to know.
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

class Program {
 public:
  Program(std::vector<Rule> rules, bool chain) : rules_(std::move(rules)), chain_(chain) {}

  std::span<const Rule> rules() const { return rules_; }
  /// Its state is a tuple of the rules' states.
  bool is_chain() const { return chain_; }
  size_t slots() const;
  /// Can it throw for a gradient's values after a rule before has moved its moments on?
  bool throws_late() const;
  std::string label() const;
  /// ArgumentError for a change that no rule has or that is out of range.
  Program adjusted(const Hyperparameters& changes) const;
  /// Every rule that has this hyper-parameter of one number follows the schedule; nothing where
  /// none has it.
  std::optional<Program> scheduled(std::string_view name, const schedule::Schedule& s) const;
  /// Each rule as (name, numbers...), and the same rules and schedules with those numbers; nothing
  /// where they are of other rules.
  Tree numbers() const;
  std::optional<Program> with_numbers(const Tree& saved) const;
  /// Has some rule every hyper-parameter that is set?
  bool has(const Hyperparameters& changes) const;

 private:
  std::vector<Rule> rules_;
  bool chain_;
};

/// ArgumentError unless the kind allows them.
void check_values(const RuleKind& kind, std::span<const double> values);

}  // namespace luxtorch::detail
