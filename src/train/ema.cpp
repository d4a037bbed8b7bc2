#include "luxtorch/train/ema.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <fmt/format.h>

#include <cmath>

#include "autodiff/differentiable.h"
#include "core/parallel.h"
#include "luxtorch/core/error.h"
#include "optim/layout.h"
#include "text.h"

namespace luxtorch {

namespace detail {

struct AverageRule {
  const char* name;
  double decay = 0;
  bool debias = false;
  bool mean = false;  // in place of a decay

  std::string label() const { return debias ? std::string(name) + ", debiased" : name; }
  /// How far update number n, from 1, moves the average.
  double weight(int64_t n) const { return mean ? 1 / static_cast<double>(n + 1) : 1 - decay; }
};

namespace {

// average + weight (p - average), in the form that is exact at both ends, as torch's lerp. The same bits for any number
// of threads.
template <class A, class P>
void move(A* average, const P* p, int64_t n, A weight) {
  constexpr int64_t kGrain = 32768;
  parallel_for(0, n, kGrain, [&](int64_t first, int64_t last) {
    if (weight < A(0.5)) {
      for (int64_t i = first; i < last; ++i)
        average[i] += weight * (static_cast<A>(p[i]) - average[i]);
    } else {
      for (int64_t i = first; i < last; ++i) {
        const A to = static_cast<A>(p[i]);
        average[i] = to - (to - average[i]) * (1 - weight);
      }
    }
  });
}

template <class A, class P>
void move(Tensor& average, const Tensor& p, double weight) {
  move(average.mutable_data_ptr<A>(), p.const_data_ptr<P>(), p.numel(), static_cast<A>(weight));
}

void move_(Tensor average, const Tensor& to, double weight) {
  Tensor p = to.device() == average.device() ? to : to.to(average.device());
  if (!average.device().is_cpu()) {
    average.lerp_(p.to(average.scalar_type()), weight);
    return;
  }
  p = p.contiguous();
  const bool wide = average.scalar_type() == kFloat64;
  if (!wide && p.scalar_type() == Dtype::BFloat16)
    return move<float, c10::BFloat16>(average, p, weight);
  if (!wide && p.scalar_type() == Dtype::Half) return move<float, c10::Half>(average, p, weight);
  p = p.to(average.scalar_type());
  wide ? move<double, double>(average, p, weight) : move<float, float>(average, p, weight);
}

}  // namespace

}  // namespace detail

// Not exported, as its class is.
struct __attribute__((visibility("hidden"))) AveragedParameters::Storage {
  detail::AverageRule rule;
  std::shared_ptr<const detail::Layout> layout;
  std::vector<Tensor> flat;  // one per group
  Tree others;               // the leaves that are not averaged, with nothing in place of the rest
  Tree states;
  int64_t updates = 0;

  /// The tensors of ps, by array.
  std::vector<Tensor> tensors_of(const Tree& ps, const std::string& who) const {
    std::vector<Tensor> all(layout->arrays.size());
    layout->for_each(ps, who.c_str(), "parameters", [&](size_t a, const Tree& leaf) {
      const bool fits = leaf.is_tensor() && leaf.tensor().defined() &&
                        leaf.tensor().is_floating_point() &&
                        leaf.tensor().layout() == c10::Layout::Strided &&
                        leaf.tensor().sizes() == layout->arrays[a].sizes;
      if (!fits) layout->refuse(who.c_str(), a, "a parameter", leaf);
      if (all[a].defined()) return layout->check_tied(who.c_str(), ps, a);
      all[a] = leaf.tensor();
    });
    for (size_t a = 0; a < all.size(); ++a) {
      if (!all[a].defined()) layout->refuse(who.c_str(), a, "a parameter", Tree());
    }
    return all;
  }
  /// The leaves of ps that are not averaged.
  Tree others_of(const Tree& ps) const {
    size_t leaf = 0;
    return tree::map(
        [&](const std::string& path, const Tree&) {
          return layout->array_at[leaf++] >= 0 ? Tree() : ps.at(path);
        },
        layout->skeleton);
  }
  /// f of each array's part of the average, among the other leaves.
  template <class F>
  Tree tree_of(const F& f) const {
    std::vector<Tree> parts;
    for (size_t a = 0; a < layout->arrays.size(); ++a)
      parts.emplace_back(f(layout->view(flat, a), layout->groups[layout->arrays[a].group].dtype));
    size_t leaf = 0;
    return tree::map(
        [&](const Tree& other) {
          const int array = layout->array_at[leaf++];
          return array >= 0 ? parts[static_cast<size_t>(array)] : other;
        },
        others);
  }
};

namespace {

void refuse_followed(const std::string& who, const Tree& t) {
  detail::refuse_followed(who.c_str(), t,
                          "an average would make a constant of it. Take it into the average after "
                          "the gradient, or give it as tree::detach gives it.");
}

}  // namespace

AveragedParameters::AveragedParameters(const detail::AverageRule& rule, const Tree& ps, Tree st) {
  refuse_followed(rule.name, ps);
  const at::NoGradGuard no_grad;
  std::vector<Tensor> tensors;
  auto layout = std::make_shared<const detail::Layout>(ps, tensors);
  Storage s{rule, layout, layout->filled(0), layout->skeleton, std::move(st)};
  for (size_t a = 0; !rule.debias && a < tensors.size(); ++a)
    layout->view(s.flat, a).copy_(tensors[a]);
  storage_ = std::make_shared<Storage>(std::move(s));
}

AveragedParameters::Storage& AveragedParameters::own_() {
  if (storage_.use_count() > 1) storage_ = std::make_shared<Storage>(*storage_);
  for (auto& t : storage_->flat)
    if (detail::held_elsewhere(t)) t = t.clone();
  return *storage_;
}

void AveragedParameters::update_(const Tree& ps) {
  const auto who = storage_->rule.name + std::string("::update_");
  refuse_followed(who, ps);
  const at::NoGradGuard no_grad;
  const auto tensors = storage_->tensors_of(ps, who);
  Tree others = storage_->others_of(ps);
  Storage& s = own_();
  const double weight = s.rule.weight(s.updates + 1);
  for (size_t a = 0; a < tensors.size(); ++a)
    detail::move_(s.layout->view(s.flat, a), tensors[a], weight);
  s.others = std::move(others);
  ++s.updates;
}

void AveragedParameters::update_(const TrainState& ts) {
  update_(ts.parameters());
  own_().states = ts.states();
}

Tree AveragedParameters::parameters() const {
  const at::NoGradGuard no_grad;
  const auto& [rule, layout, flat, others, states, updates] = *storage_;
  if (!rule.debias)
    return storage_->tree_of([](const Tensor& t, Dtype dtype) { return t.to(dtype); });
  if (updates == 0) {
    throw ArgumentError(rule.name + std::string("::parameters"),
                        "expected an update before, got none: a debiased average of nothing.");
  }
  const double sum = 1 - std::pow(rule.decay, static_cast<double>(updates));  // of all weights
  return storage_->tree_of([&](const Tensor& t, Dtype dtype) { return t.div(sum).to(dtype); });
}

const Tree& AveragedParameters::states() const { return storage_->states; }
int64_t AveragedParameters::updates() const { return storage_->updates; }

Tree AveragedParameters::state() const {
  return named({{"average", storage_->rule.label()},
                {"updates", storage_->updates},
                {"parameters", storage_->tree_of([](const Tensor& t, Dtype) { return t; })},
                {"states", storage_->states}});
}

void AveragedParameters::set_state_(const Tree& state) {
  const auto label = storage_->rule.label();
  const auto who = storage_->rule.name + std::string("::set_state_");
  const bool is_state = state.is_named() && state.contains("average") &&
                        state["average"].is_string() && state.contains("updates") &&
                        state.contains("parameters") && state.contains("states");
  if (!is_state || state["average"].scalar<std::string>() != label) {
    throw TreeError(
        who, fmt::format("expected what state() of the average \"{}\" gave, got {}.", label,
                         is_state ? "that of \"" + state["average"].scalar<std::string>() + "\""
                                  : describe_kind(state)));
  }
  refuse_followed(who, state);
  const at::NoGradGuard no_grad;
  const auto tensors = storage_->tensors_of(state["parameters"], who);
  Tree others = storage_->others_of(state["parameters"]);
  const auto updates = state["updates"].scalar<int64_t>();
  Storage& s = own_();
  for (size_t a = 0; a < tensors.size(); ++a) s.layout->view(s.flat, a).copy_(tensors[a]);
  s.others = std::move(others);
  s.states = state["states"];
  s.updates = updates;
}

namespace {

constexpr detail::AverageRule kSwaRule{.name = "Swa", .mean = true};

detail::AverageRule ema_rule(double decay, EmaOptions options) {
  if (decay >= 0 && decay < 1) return {.name = "Ema", .decay = decay, .debias = options.debias};
  throw ArgumentError("Ema", fmt::format("expected a decay in [0, 1), got {}.", decay));
}

}  // namespace

Ema::Ema(double decay, const Tree& ps, EmaOptions options)
    : AveragedParameters(ema_rule(decay, options), ps, {}) {}
Ema::Ema(double decay, const TrainState& ts, EmaOptions options)
    : AveragedParameters(ema_rule(decay, options), ts.parameters(), ts.states()) {}

Swa::Swa(const Tree& ps) : AveragedParameters(kSwaRule, ps, {}) {}
Swa::Swa(const TrainState& ts) : AveragedParameters(kSwaRule, ts.parameters(), ts.states()) {}

}  // namespace luxtorch
