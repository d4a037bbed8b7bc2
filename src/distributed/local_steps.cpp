#include "luxtorch/distributed/local_steps.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <fmt/format.h>

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "group_backend.h"
#include "luxtorch/core/error.h"
#include "luxtorch/ties.h"
#include "text.h"

namespace luxtorch {

namespace {

constexpr const char* kLocalSteps = "LocalSteps";

bool is_parameter(const Tree& leaf) {
  return leaf.is_tensor() && leaf.tensor().defined() && leaf.tensor().is_floating_point();
}

// A copy, which keeps ties, in float32 at least.
Tree wide_copy(const Tree& ps) {
  return tree::map_tensors([](const Tensor& t) { return detail::widened(t.detach().clone()); }, ps);
}

// Nothing at these places, nor at the second and further places of a parameter: an optimizer adds what stands at all of them.
Tree without(Tree differences, const std::vector<std::string>& frozen,
             const std::vector<std::vector<std::string>>& tied) {
  for (const auto& path : frozen) differences = differences.with(path, Tree());
  for (const auto& places : tied)
    for (size_t i = 1; i < places.size(); ++i) differences = differences.with(places[i], Tree());
  return differences;
}

void refuse_divergence(const Tree& mean) {
  tree::for_each(
      [](const std::string& path, const Tree& leaf) {
        if (!is_parameter(leaf) || at::isfinite(leaf.tensor()).all().item<bool>()) return;
        throw ArgumentError(
            kLocalSteps,
            fmt::format(
                "expected finite parameters on all processes, got a mean difference of {} that "
                "is infinite or NaN. Has the training of a process diverged? A .message_dtype of "
                "float16 ends at 65504.",
                path));
      },
      mean);
}

bool is_sent(Dtype dtype) {
  return dtype == kBFloat16 || dtype == kFloat16 || dtype == kFloat32 || dtype == kFloat64;
}

// What state() gave.
struct Saved {
  int64_t steps, averages;
  Tree parameters, optimizer;
};

// `saved` on the devices of those here.
Tree fitted(const char* what, const Tree& here, const Tree& saved) {
  return tree::zip(
      [&](const Tree& own, const Tree& other) -> Tree {
        if (!own.is_tensor() || !own.tensor().defined()) return other;
        const Tensor& t = own.tensor();
        const bool fits = other.is_tensor() && other.tensor().defined() &&
                          other.tensor().sizes() == t.sizes() &&
                          other.tensor().scalar_type() == t.scalar_type();
        if (!fits)
          throw ShapeError(kLocalSteps, fmt::format("expected {} like {}, got {}.", what,
                                                    describe_kind(own), describe_kind(other)));
        return other.tensor().detach().to(t.device());
      },
      here, saved);
}

// Which fits trainings of `steps` with these parameters and this state of the outer optimizer.
Saved saved_of(const Tree& state, int64_t steps, const Tree& parameters, const Tree& optimizer) {
  const bool is_state = state.is_named() && state.contains("steps") && state.contains("averages") &&
                        state.contains("parameters") && state.contains("optimizer");
  if (!is_state)
    throw TreeError(kLocalSteps,
                    fmt::format("expected what state() gave, got {}.", describe_kind(state)));
  Saved saved{
      .steps = state["steps"].scalar<int64_t>(),
      .averages = state["averages"].scalar<int64_t>(),
      .parameters = fitted("a parameter", parameters, state["parameters"]),
      .optimizer = fitted("a moment of the outer optimizer", optimizer, state["optimizer"])};
  if (saved.steps < 0 || saved.steps >= steps)
    throw ArgumentError(
        kLocalSteps, fmt::format("expected from 0 to {} steps since the last average, got {}. Was "
                                 "it saved with more steps between two averages?",
                                 steps - 1, saved.steps));
  if (saved.averages < 0)
    throw ArgumentError(kLocalSteps, fmt::format("expected a number of averages of at least 0, "
                                                 "got {}.",
                                                 saved.averages));
  return saved;
}

// The same parameters on all processes.
void expect_alike(const Group& group, const Tree& ps, const char* what) {
  if (all_equal(group, ps)) return;
  throw ArgumentError(kLocalSteps, what);
}

}  // namespace

LocalSteps::LocalSteps(Group group, int64_t steps, const TrainState& ts, LocalStepsOptions options)
    : group_(std::move(group)), steps_(steps), options_(std::move(options)) {
  const auto& dtype = options_.message_dtype;
  if (steps < 1)
    throw ArgumentError(kLocalSteps, fmt::format("expected steps of at least 1, got {}.", steps));
  if (dtype && !is_sent(*dtype))
    throw ArgumentError(
        kLocalSteps,
        fmt::format("expected a .message_dtype of bfloat16, float16, float32 or float64, got {}.",
                    dtype_text(*dtype)));
  const Tree ps = ts.parameters();
  std::vector<std::string> lines = {
      fmt::format("steps: {}", steps), "outer: " + options_.outer.label(),
      fmt::format("message_dtype: {}", dtype ? dtype_text(*dtype) : "that of the parameters"),
      fmt::format("average_states: {}", options_.average_states)};
  detail::add_structure(lines, "parameter", ps);
  detail::agree(group_, kLocalSteps, lines);
  expect_alike(
      group_, ps,
      "expected the same parameters on all processes, got others. Give setup the same rng, or "
      "synchronize them: ts.set_parameters_(synchronize(group, ts.parameters())). Restore "
      "a checkpoint after this.");
  common_ = wide_copy(ps);
  outer_state_ = options_.outer.init(common_);
}

bool LocalSteps::update_(TrainState& ts) {
  if (since_ + 1 < steps_) {
    ++since_;
    return false;
  }
  average_(ts);
  return true;
}

void LocalSteps::average_(TrainState& ts) {
  const at::NoGradGuard no_grad;
  const Tree ps = ts.parameters();
  const auto size = static_cast<double>(group_.size());
  // Divided before the sum: in 16 bits a sum might overflow.
  const Tree own = tree::zip(
      [&](const Tree& common, const Tree& here) -> Tree {
        if (!is_parameter(common)) return {};
        const Tensor& x = common.tensor();
        const Tensor share = x.sub(here.tensor().to(x.scalar_type())).div_(size);
        return share.to(options_.message_dtype.value_or(x.scalar_type()));
      },
      common_, ps);
  const Tree sums = group_.sum(without(own, ts.frozen(), ties(ps)));
  const Tree differences = tree::zip(
      [](const Tree& sum, const Tree& common) -> Tree {
        return is_parameter(sum) ? Tree(sum.tensor().to(common.tensor().options())) : Tree();
      },
      sums, common_);
  refuse_divergence(differences);
  const Tree states = options_.average_states ? group_.mean(ts.states()) : ts.states();
  auto [next, outer_state] = options_.outer.update(differences, outer_state_, common_);
  ts.set_parameters_(tree::zip(
      [](const Tree& common, const Tree& here) -> Tree {
        return is_parameter(here) ? Tree(common.tensor().to(here.tensor().scalar_type())) : here;
      },
      next, ps));
  ts.set_states_(states);
  common_ = std::move(next), outer_state_ = std::move(outer_state);
  since_ = 0, ++averages_;
}

Tree LocalSteps::state() const {
  return named({{"steps", since_},
                {"averages", averages_},
                {"parameters", common_},
                {"optimizer", outer_state_}});
}

void LocalSteps::set_state_(const Tree& state) {
  const at::NoGradGuard no_grad;
  // The others wait for this process, so it agrees with them before it throws.
  Saved saved{};
  std::exception_ptr own;
  std::vector<std::string> lines;
  try {
    saved = saved_of(state, steps_, common_, outer_state_);
    lines = {"state: fits", fmt::format("averages: {}", saved.averages),
             fmt::format("steps since then: {}", saved.steps)};
  } catch (const std::exception& error) {
    own = std::current_exception();
    lines = {fmt::format("state: {}", error.what())};
  }
  try {
    detail::agree(group_, kLocalSteps, lines);
  } catch (const ArgumentError&) {
    if (!own) throw;
  }
  if (own) std::rethrow_exception(own);
  expect_alike(group_, tuple({saved.parameters, saved.optimizer}),
               "expected the state of one training on all processes, got other common parameters "
               "or another state of the outer optimizer. Do all processes resume from checkpoints "
               "of the same step?");
  common_ = with_ties_of(saved.parameters, common_);
  outer_state_ = std::move(saved.optimizer);
  since_ = saved.steps, averages_ = saved.averages;
}

}  // namespace luxtorch
