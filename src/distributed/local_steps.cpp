#include "luxtorch/distributed/local_steps.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <fmt/format.h>

#include <string>
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

bool is_narrow(Dtype dtype) { return dtype != kFloat64 && dtype != kFloat32; }

// A copy, which keeps ties, in float32 at least.
Tree wide_copy(const Tree& ps) {
  return tree::map_tensors(
      [](const Tensor& t) {
        const Tensor own = t.detach().clone();
        return own.is_floating_point() && is_narrow(own.scalar_type()) ? own.to(kFloat32) : own;
      },
      ps);
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
  if (dtype && !c10::isFloatingType(*dtype))
    throw ArgumentError(
        kLocalSteps,
        fmt::format("expected a .message_dtype of floating numbers, got {}.", dtype_text(*dtype)));
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
  const bool is_state = state.is_named() && state.contains("steps") && state.contains("averages") &&
                        state.contains("parameters") && state.contains("optimizer");
  if (!is_state)
    throw TreeError(kLocalSteps,
                    fmt::format("expected what state() gave, got {}.", describe_kind(state)));
  const auto since = state["steps"].scalar<int64_t>(),
             averages = state["averages"].scalar<int64_t>();
  // Copies on the devices of those here.
  const Tree common = tree::zip(
      [](const Tree& here, const Tree& saved) -> Tree {
        if (!is_parameter(here)) return saved;
        const bool fits = is_parameter(saved) && saved.tensor().sizes() == here.tensor().sizes();
        if (!fits)
          throw ShapeError(kLocalSteps,
                           fmt::format("expected a parameter of shape {}, got {}.",
                                       shape_text(here.tensor().sizes()), describe_kind(saved)));
        return saved.tensor().detach().to(here.tensor().options());
      },
      common_, state["parameters"]);
  Tree outer_state = tree::zip(
      [](const Tree& here, const Tree& saved) -> Tree {
        const bool both = is_parameter(here) && saved.is_tensor() && saved.tensor().defined();
        return both ? Tree(saved.tensor().to(here.tensor().device())) : saved;
      },
      outer_state_, state["optimizer"]);
  detail::agree(
      group_, kLocalSteps,
      {fmt::format("averages: {}", averages), fmt::format("steps since then: {}", since)});
  expect_alike(
      group_, common,
      "expected the state of one training on all processes, got other common parameters. Do all "
      "processes resume from checkpoints of the same step?");
  common_ = with_ties_of(common, common_);
  outer_state_ = std::move(outer_state);
  since_ = since, averages_ = averages;
}

}  // namespace luxtorch
