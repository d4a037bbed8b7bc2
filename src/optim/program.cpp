#include "optim/program.h"

#include <fmt/format.h>

#include <algorithm>

#include "optim/hyperparameters.h"
#include "text.h"

namespace luxtorch::detail {

Program::Program(Stage stage) : stage_(std::move(stage)) {}

Program Program::chain(std::vector<Program> parts) {
  Program whole;
  const bool rules = std::ranges::none_of(parts, [](const Program& p) { return p.has_own(); });
  for (auto& part : parts) {
    if (rules && !part.stage_ && part.patterns_.empty()) {
      std::ranges::move(part.parts_, std::back_inserter(whole.parts_));
    } else {
      whole.parts_.push_back(std::move(part));
    }
  }
  return whole;
}

Program Program::scheduled(const Program& program, const Schedules& schedules) {
  const auto all = listed(schedules);
  if (all.empty()) throw ArgumentError("Scheduler", "expected at least one schedule, got none.");
  if (program.has_own()) {
    (void)program.adjusted(values_at(schedules, 1));  // says now what it cannot do
    Program whole;
    whole.parts_.push_back(program);
    whole.schedules_ = schedules;
    return whole;
  }
  Program next = program;
  for (const auto& [word, s] : all) {
    auto with = next.with_schedule(*word, *s);
    if (!with) {
      throw ArgumentError("Scheduler", fmt::format("expected an optimizer with the hyper-parameter "
                                                   "{}, got {}.",
                                                   word->name, program.label()));
    }
    next = std::move(*with);
  }
  return next;
}

std::vector<const Stage*> Program::stages() const {
  if (stage_) return {&*stage_};
  std::vector<const Stage*> all;
  for (const auto& part : parts_) {
    for (const Stage* stage : part.stages()) all.push_back(stage);
  }
  return all;
}

bool Program::has_own() const {
  if (stage_) return stage_->own() != nullptr;
  return std::ranges::any_of(parts_, [](const Program& part) { return part.has_own(); });
}

bool Program::transforms() const {
  if (stage_) return stage_->rule() || stage_->own()->transforms();
  return parts_.empty() || parts_.back().transforms();
}

std::vector<size_t> Program::scheduled_from() const {
  std::vector<size_t> all;
  if (stage_) return all;
  if (schedules_) all.push_back(0);
  size_t before = 0;
  for (const auto& part : parts_) {
    for (size_t first : part.scheduled_from()) all.push_back(before + first);
    before += part.stages().size();
  }
  return all;
}

Program Program::at(std::span<const int64_t> steps) const {
  const int64_t* step = steps.data();
  return at(step);
}

Program Program::at(const int64_t*& step) const {
  if (stage_) return *this;
  Program now = *this;
  const int64_t t = schedules_ ? *step++ : 0;
  for (auto& part : now.parts_) {
    if (schedules_) part = part.adjusted(values_at(*schedules_, t));
    part = part.at(step);
  }
  return now;
}

std::string Program::label() const {
  if (stage_) return stage_->rule() ? stage_->rule()->label() : stage_->own()->label();
  std::string text;
  if (!patterns_.empty()) {
    text = "OptimizerGroups(" + parts_.back().label();
    for (size_t i = 0; i < patterns_.size(); ++i)
      text += fmt::format(", {} = {}", patterns_[i], parts_[i].label());
    return text + ")";
  }
  for (const auto& part : parts_) text += (text.empty() ? "" : ", ") + part.label();
  if (!schedules_) return "OptimiserChain(" + text + ")";
  for (const auto& [word, s] : listed(*schedules_))
    text += fmt::format(", {} = {}", word->name, s->label());
  return "Scheduler(" + text + ")";
}

template <class F>
void Program::each_rule_(const F& f) {
  if (stage_) return f(std::get<Rule>(stage_->kind));
  for (auto& part : parts_) part.each_rule_(f);
}

Program Program::adjusted(const Hyperparameters& changes) const {
  if (!has_own()) return adjusted_rules(changes);
  if (stage_) return Program(Stage{stage_->own()->adjusted(changes)});
  Program next = *this;
  for (const auto& [word, change] : apart(changes)) {
    if (schedules_ && word->schedule && *schedules_.*word->schedule) {
      throw ArgumentError(
          "adjust",
          fmt::format("expected a hyper-parameter that follows no schedule of {}.", label()));
    }
  }
  if (schedules_) {
    next.parts_[0] = parts_[0].adjusted(changes);
    return next;
  }
  for (const auto& [word, change] : apart(changes)) {
    bool found = false;
    std::string refusals;
    for (auto& part : next.parts_) {
      const bool own = part.has_own();
      try {
        if (own || part.has(change)) part = part.adjusted(change), found = true;
      } catch (const ArgumentError& e) {
        if (!own) throw;  // it has it, but the value is out of range
        refusals += std::string(" ") + e.what();
      }
    }
    if (!found) {
      throw ArgumentError("adjust", "expected a hyper-parameter of one of the rules of " + label() +
                                        "." + refusals);
    }
  }
  return next;
}

Program Program::adjusted_rules(const Hyperparameters& changes) const {
  Program next = *this;
  for (const auto& [word, change] : apart(changes)) {
    bool found = false, follows = false;
    std::string there;
    const auto numbers = word->numbers(change);
    next.each_rule_([&](Rule& rule) {
      follows = follows || (rule.find(*word) && rule.follows(*word));
      for (const auto& h : rule.kind->hyper) {
        if (!rule.adjustable(h)) continue;
        there += (there.empty() ? "" : ", ") + std::string(h.word->name);
        if (h.word != word) continue;
        found = true;
        word->set(rule.values, numbers);
      }
    });
    if (!found) {
      throw ArgumentError(
          "adjust",
          fmt::format("expected a hyper-parameter of {}, which has {}, got {}.{}", label(),
                      there.empty() ? "none to adjust" : there, word->name,
                      follows
                          ? " It follows a schedule: Scheduler(optimizer, schedule) sets another"
                            " one."
                          : ""));
    }
  }
  next.each_rule_([](Rule& rule) { check_values(*rule.kind, rule.values); });
  return next;
}

std::optional<Program> Program::with_schedule(const HyperWord& word,
                                              const schedule::Schedule& s) const {
  Program next = *this;
  bool found = false;
  next.each_rule_([&](Rule& rule) {
    const HyperName* h = rule.find(word);
    if (!h || h->fixed) return;
    rule.schedules.*word.schedule = s, rule.scheduled = true;
    found = true;
  });
  return found ? std::optional(std::move(next)) : std::nullopt;
}

bool Program::has(const Hyperparameters& changes) const {
  for (const auto& [word, change] : apart(changes)) {
    bool found = false;
    for (const Stage* stage : stages()) {
      const HyperName* h = stage->rule()->find(*word);
      found = found || (h && stage->rule()->adjustable(*h));
    }
    if (!found) return false;
  }
  return true;
}

Tree Program::hyperparameters() const {
  std::vector<Tree> all;
  if (!has_own()) {
    for (const Stage* stage : stages()) all.push_back(stage->rule()->saved());
    return tuple(std::move(all));
  }
  if (stage_) return stage_->own()->hyperparameters();
  if (schedules_) return parts_[0].hyperparameters();
  for (const auto& part : parts_) all.push_back(part.hyperparameters());
  return named({{"parts", tuple(std::move(all))}});
}

std::optional<Program> Program::with_hyperparameters(const Tree& saved) const {
  Program next = *this;
  if (!has_own()) {
    if (!saved.is_tuple() || saved.size() != stages().size()) return std::nullopt;
    size_t i = 0;
    bool fits = true;
    next.each_rule_([&](Rule& rule) { fits = fits && rule.take_up(saved[i++]); });
    return fits ? std::optional(std::move(next)) : std::nullopt;
  }
  if (stage_) {
    auto same = stage_->own()->with(saved);
    return same ? std::optional(Program(Stage{std::move(same)})) : std::nullopt;
  }
  const bool parts = saved.is_named() && saved.contains("parts");
  if (!schedules_ &&
      !(parts && saved["parts"].is_tuple() && saved["parts"].size() == parts_.size()))
    return std::nullopt;
  for (size_t i = 0; i < parts_.size(); ++i) {
    auto same = parts_[i].with_hyperparameters(schedules_ ? saved : saved["parts"][i]);
    if (!same) return std::nullopt;
    next.parts_[i] = std::move(*same);
  }
  return next;
}

Tree Program::joined(const StateParts& parts) const {
  const Tree* stage = parts.stages.data();
  const int64_t* step = parts.steps.data();
  return joined(stage, step);
}

Tree Program::joined(const Tree*& stage, const int64_t*& step) const {
  if (stage_) return *stage++;
  const int64_t t = schedules_ ? *step++ : 0;
  std::vector<Tree> all;
  for (const auto& part : parts_) all.push_back(part.joined(stage, step));
  if (schedules_) return named({{"step", t}, {"state", std::move(all[0])}});
  return tuple(std::move(all));
}

StateParts Program::split(const Tree& state) const {
  StateParts parts;
  split(state, parts);
  return parts;
}

void Program::split(const Tree& state, StateParts& parts) const {
  if (stage_) {
    parts.stages.push_back(state);
  } else if (schedules_) {
    parts.steps.push_back(state["step"].scalar<int64_t>());
    parts_[0].split(state["state"], parts);
  } else {
    if (!state.is_tuple() || state.size() != parts_.size()) {
      throw TreeError("opt_state", fmt::format("expected the state of {}: a tuple of {}, got {}.",
                                               label(), parts_.size(), describe_kind(state)));
    }
    for (size_t i = 0; i < parts_.size(); ++i) parts_[i].split(state[i], parts);
  }
}

void check_matrices(const Program& program, const Layout& layout, std::span<const Mask> masks) {
  const auto stages = program.stages();
  for (size_t i = 0; i < stages.size(); ++i) {
    if (!stages[i]->rule() || stages[i]->rule()->kind->role != Role::muon) continue;
    for (size_t a = 0; a < layout.arrays.size(); ++a) {
      const auto& array = layout.arrays[a];
      if (array.sizes.size() == 2 || (!masks[i].empty() && !masks[i][a])) continue;
      ArgumentError error("Muon",
                          fmt::format("expected matrices, got a parameter of shape {}. Give it "
                                      "another optimizer by OptimizerGroups.",
                                      shape_text(array.sizes)));
      error.prepend_path_(array.path);
      throw error;
    }
  }
}

}  // namespace luxtorch::detail
