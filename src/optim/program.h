// An optimizer as data: stages, one after the other.
//
//     Program program = Program::chain({Program(clip), Program(own), Program(adam)});
//     for (const Stage* stage : program.stages()) ...
//
// Level 4. A stage is a rule of optim.h or a user's own optimizer. What runs is the list of stages, each
// for the parameters of its group; how they are nested matters for states, labels, adjust and saved
// hyper-parameters.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "luxtorch/optim/optim.h"
#include "luxtorch/optim/scheduler.h"
#include "optim/layout.h"
#include "optim/optim_rules.h"

namespace luxtorch::detail {

struct Stage {
  std::variant<Rule, std::shared_ptr<const OwnOptimizer>> kind;

  /// nullptr for a user's own optimizer.
  const Rule* rule() const { return std::get_if<Rule>(&kind); }
  /// nullptr for a rule.
  const OwnOptimizer* own() const {
    auto* own = std::get_if<std::shared_ptr<const OwnOptimizer>>(&kind);
    return own ? own->get() : nullptr;
  }
  size_t slots() const { return rule() ? rule()->kind->slots.size() : 0; }
  bool counts() const { return rule() && rule()->counts(); }
  bool accumulates() const { return rule() && rule()->kind->role == Role::accumulate; }
};

/// Where a stage stands.
struct Place {
  size_t slot = 0;    // its first one; groups share theirs
  bool last = false;  // behind it comes no other stage for its parameters
};
/// By array: does the stage work on it? Empty: on all.
using Mask = std::vector<char>;

/// A state in parts.
struct StateParts {
  std::vector<Tree> stages;
  std::vector<int64_t> steps;  // of the programs that follow schedules
};

class Program {
 public:
  explicit Program(Stage stage);
  /// Chains of rules alone become a part of the chain around them.
  static Program chain(std::vector<Program> parts);
  /// Rules look the schedules up themselves; a program with a user's own optimizer is adjusted
  /// before each update. ArgumentError: no schedule, or no such hyper-parameter.
  static Program scheduled(const Program& program, const Schedules& schedules);
  /// parts: one for each pattern, and one for the other parameters. ArgumentError: a user's own
  /// optimizer, groups in groups, an empty chain.
  static Program groups(std::vector<std::string> patterns, std::vector<Program> parts);

  /// In the order in which they run; valid as long as the program.
  std::vector<const Stage*> stages() const;
  /// By stage.
  std::vector<Place> places() const;
  /// By stage. ArgumentError: a pattern that matches nothing.
  std::vector<Mask> masks(const Layout& layout) const;
  bool has_groups() const;
  /// The one stage of a program that is neither a chain nor scheduled; else nullptr.
  const Stage* alone() const { return stage_ ? &*stage_ : nullptr; }
  bool has_own() const;
  /// Can it have any place in a chain?
  bool transforms() const;
  /// The first stages of the programs in it that follow schedules and count their updates.
  std::vector<size_t> scheduled_from() const;
  /// The program at these updates of its scheduled programs.
  Program at(std::span<const int64_t> steps) const;

  std::string label() const;
  /// ArgumentError for a change that no stage has or that is out of range.
  Program adjusted(const Hyperparameters& changes) const;
  /// The same of the parameters of one group. ArgumentError: there is none of this pattern.
  Program adjusted(const Hyperparameters& changes, std::string_view pattern) const;
  /// For files: of rules (name, numbers...).
  Tree hyperparameters() const;
  /// The same stages and schedules with those hyper-parameters; nothing where they do not fit.
  std::optional<Program> with_hyperparameters(const Tree& saved) const;

  /// The state's tree of its parts, and back. TreeError for a state of another program.
  Tree joined(const StateParts& parts) const;
  StateParts split(const Tree& state) const;

 private:
  Program() = default;
  Program adjusted_rules(const Hyperparameters& changes) const;
  std::optional<Program> with_schedule(const HyperWord& word, const schedule::Schedule& s) const;
  bool has(const Hyperparameters& changes) const;
  void place(size_t& slot, bool last, std::vector<Place>& all) const;
  void mask(const Layout& layout, const Mask& here, std::vector<Mask>& all) const;
  bool adjust_group_(const Hyperparameters& changes, std::string_view pattern,
                     std::string& patterns);
  template <class F>
  void each_rule_(const F& f);
  Program at(const int64_t*& step) const;
  Tree joined(const Tree*& stage, const int64_t*& step) const;
  void split(const Tree& state, StateParts& parts) const;

  // One of: a stage, a chain of parts, one part that follows schedules, groups of parameters.
  std::optional<Stage> stage_;
  std::vector<Program> parts_;
  std::optional<Schedules> schedules_;
  std::vector<std::string> patterns_;  // of all parts but the last
};

/// ArgumentError where a rule for matrices stands before parameters that are none.
void check_matrices(const Program& program, const Layout& layout, std::span<const Mask> masks);

}  // namespace luxtorch::detail
