// The optimizers of optim.h as data: names, hyper-parameters, moments, formulas.
//
// Level 4. A Rule is a row of the table with its numbers, each under its own name.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include "kernels/optimizer.h"
#include "luxtorch/optim/optim.h"
#include "luxtorch/optim/schedule.h"
#include "luxtorch/optim/scheduler.h"
#include "optim/hyperparameters.h"

namespace luxtorch::detail {

/// A rule's numbers: those hyper-parameters that its kind has, and what adjust never changes.
struct RuleValues : Hyperparameters {
  double n = 1;             // of AccumGrad
  double check_finite = 1;  // of ClipNorm and ClipGlobalNorm
  // Of Muon: see MuonOptions.
  double nesterov = 1, ns_steps = 5, ns_a = 3.4445, ns_b = -4.775, ns_c = 2.0315, match_rms = 0;
};

/// A hyper-parameter of a kind of rules.
struct HyperName {
  const HyperWord* word;
  bool positional = false;  // printed without its name
  bool fixed = false;       // counts at the start alone: no adjust, no schedule
};

enum class Role { elementwise, clip_norm, clip_global_norm, accumulate, trust_ratio, muon };

struct RuleKind {
  const std::type_info* type;                     // the class of optim.h
  std::string_view variant;                       // "" or which form of it
  std::string_view saved_name;                    // in checkpoints
  std::vector<HyperName> hyper;                   // as printed
  std::string (*label_end)(const RuleValues& h);  // nullptr: nothing
  std::vector<std::string_view> saved;       // the order of hyper in checkpoints, where it differs
  std::vector<double RuleValues::*> extras;  // saved after them
  std::vector<std::string_view> slots;       // its moments' names
  kernels::Formula formula;
  void (*coefficients)(const RuleValues& h, double t, double* c);  // t: this update, from 1
  bool counts = false;
  double (*initial)(const RuleValues& h, size_t slot) = nullptr;  // of a moment; none: 0
  Role role = Role::elementwise;

  /// Does it look at each parameter array by itself?
  bool by_array() const {
    return role == Role::clip_norm || role == Role::trust_ratio || role == Role::muon;
  }
  /// As it is printed.
  std::string_view name() const { return saved_name.substr(0, saved_name.find(' ')); }
};

/// ArgumentError when there is no such kind: only a mistake of ours.
const RuleKind& rule_kind(const std::type_info& type, std::string_view variant = "");

struct Rule {
  const RuleKind* kind;
  RuleValues values;
  Schedules schedules = {};
  bool scheduled = false;  // is one of them set?

  double initial(size_t slot) const { return kind->initial ? kind->initial(values, slot) : 0; }
  /// Do its updates have numbers?
  bool counts() const { return kind->counts || scheduled; }
  /// Does a schedule set it?
  bool follows(const HyperWord& word) const {
    return word.schedule && (schedules.*word.schedule).has_value();
  }
  /// Its entry of this name; nullptr where the kind has none.
  const HyperName* find(const HyperWord& word) const;
  /// May adjust change this hyper-parameter?
  bool adjustable(const HyperName& h) const { return !h.fixed && !follows(*h.word); }
  /// Its numbers at update t, from 1. ArgumentError: a schedule's value is out of range.
  RuleValues values_at(int64_t t) const;
  /// In labels.
  std::string label() const;
  /// For checkpoints: (name, numbers...), and whether such a row was taken up.
  Tree saved() const;
  bool take_up(const Tree& row);
};

/// ArgumentError unless the kind allows them.
void check_values(const RuleKind& kind, const RuleValues& values);

}  // namespace luxtorch::detail
