#include "optim/flat_parameters.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>

#include "text.h"

namespace luxtorch::detail {

FlatParameters::FlatParameters(const Tree& ps, Program program, Shard shard)
    : FlatParameters(ps, std::move(program), std::move(shard), nullptr) {}

FlatParameters::FlatParameters(const Tree& ps, Program program, const Tree& state)
    : FlatParameters(ps, std::move(program), {}, &state) {
  follows_graphs_ = at::GradMode::is_enabled();
}

FlatParameters::FlatParameters(const Tree& ps, Program program, Shard shard, const Tree* state)
    : program_(std::move(program)), shard_(std::move(shard)) {
  std::vector<Tensor> tensors;
  layout_ = std::make_shared<const Layout>(ps, tensors);
  const auto stages = program_.stages();
  masks_ = program_.masks(*layout_);
  check_matrices(program_, *layout_, masks_);
  const auto places = program_.places();
  {
    const at::NoGradGuard no_grad;
    x_ = blank();
    for (size_t a = 0; a < tensors.size(); ++a) layout_->view(x_, a).copy_(tensors[a]);
    for (size_t i = 0; i < stages.size(); ++i) {
      for (size_t s = 0; s < stages[i]->slots(); ++s) {
        const size_t slot = places[i].slot + s;
        const double start = stages[i]->rule()->initial(s);
        if (slot == state_.slots.size()) state_.slots.push_back(shard_.filled(*layout_, start));
        for (size_t a = 0; a < tensors.size() && !masks_[i].empty(); ++a)
          if (masks_[i][a]) shard_.view(*layout_, state_.slots[slot], a).fill_(start);
      }
      state_.counts.emplace_back(tensors.size(), 0);
    }
  }
  frozen.assign(tensors.size(), 0);
  state_.own.resize(stages.size());
  state_.steps.resize(program_.scheduled_from().size());
  if (state) {
    load_state_(*state);
    return;
  }
  for (size_t i = 0; i < stages.size(); ++i)
    if (stages[i]->own()) state_.own[i] = stages[i]->own()->init(parameters());
}

FlatParameters::Flat FlatParameters::blank() const {
  Flat flat;
  for (const auto& g : layout_->groups) {
    flat.push_back(
        at::full({shard_.padded_numel(g)}, 0, at::TensorOptions().dtype(g.dtype).device(g.device)));
  }
  return flat;
}

FlatParameters::Flat FlatParameters::unset() const {
  Flat flat;
  for (const auto& g : layout_->groups) {
    flat.push_back(at::empty({shard_.part_numel(g)},
                             at::TensorOptions().dtype(arithmetic_of(g.dtype)).device(g.device)));
  }
  return flat;
}

void FlatParameters::check_usable() const {
  if (broken_) std::rethrow_exception(broken_);
}

Tree FlatParameters::parameters() const {
  check_usable();
  std::vector<Tree> parts;
  parts.reserve(layout_->arrays.size());
  for (size_t a = 0; a < layout_->arrays.size(); ++a) parts.emplace_back(layout_->view(x_, a));
  return layout_->tree(parts, true);
}

// moment(slot, array): a moment's tensor.
template <class Moment>
Tree FlatParameters::state_of(const Moment& moment) const {
  StateParts all{.stages = state_.own, .steps = state_.steps};
  const auto stages = program_.stages();
  const auto places = program_.places();
  for (size_t i = 0; i < stages.size(); ++i) {
    const Rule* rule = stages[i]->rule();
    if (!rule) continue;
    std::vector<Tree::Item> items;
    std::vector<Tree> parts(layout_->arrays.size());
    size_t slot = places[i].slot;
    for (const auto& name : rule->kind->slots) {
      for (size_t a = 0; a < parts.size(); ++a)
        if (covers(i, a)) parts[a] = moment(slot, a);
      ++slot;
      items.emplace_back(std::string(name), layout_->tree(parts, false));
    }
    if (rule->counts()) {
      for (size_t a = 0; a < parts.size(); ++a)
        if (covers(i, a)) parts[a] = state_.counts[i][a];
      items.emplace_back("step", layout_->tree(parts, false));
    }
    all.stages[i] = named(std::move(items));
  }
  return program_.joined(all);
}

Tree FlatParameters::state() const { return state(true); }

Tree FlatParameters::state(bool wanted) const {
  if (shard_.is_everything())
    return state_of([&](size_t slot, size_t a) { return layout_->view(state_.slots[slot], a); });
  check_usable();
  std::vector<Flat> whole;
  for (const Flat& slot : state_.slots) whole.push_back(shard_.gather(slot, wanted));
  if (!wanted) return {};
  return state_of([&](size_t slot, size_t a) { return layout_->view(whole[slot], a); });
}

Tree FlatParameters::state_like() const {
  if (shard_.is_everything()) return state();
  const at::NoGradGuard no_grad;
  return state_of([&](size_t slot, size_t a) {
    const auto& array = layout_->arrays[a];
    return at::zeros({}, state_.slots[slot][array.group].options()).expand(array.sizes);
  });
}

void FlatParameters::load_parameters_(const Tree& ps) {
  at::NoGradGuard no_grad;
  Flat loaded = blank();
  std::vector<char> seen(layout_->arrays.size(), 0);
  layout_->for_each(ps, "set_parameters_", "parameters", [&](size_t a, const Tree& leaf) {
    bool fits = leaf.is_tensor() && leaf.tensor().defined() &&
                leaf.tensor().sizes() == layout_->arrays[a].sizes;
    if (!fits) layout_->refuse("set_parameters_", a, "a parameter", leaf);
    if (seen[a]) return layout_->check_tied("set_parameters_", ps, a);
    layout_->view(loaded, a).copy_(leaf.tensor());
    seen[a] = 1;
  });
  for (size_t a = 0; a < seen.size(); ++a) {
    if (!seen[a]) layout_->refuse("set_parameters_", a, "a parameter", Tree());
  }
  x_ = std::move(loaded);
}

void FlatParameters::load_state_(const Tree& state) {
  at::NoGradGuard no_grad;
  constexpr auto who = "opt_state";
  const auto stages = program_.stages();
  StateParts parts = program_.split(state);
  State next{
      .slots = state_.slots, .counts = state_.counts, .own = state_.own, .steps = parts.steps};
  for (auto& slot : next.slots)
    for (auto& t : slot) t = t.clone();
  const auto places = program_.places();
  for (size_t i = 0; i < stages.size(); ++i) {
    const Rule* rule = stages[i]->rule();
    if (!rule) {
      next.own[i] = std::move(parts.stages[i]);
      continue;
    }
    const Tree& part = parts.stages[i];
    size_t at = places[i].slot;
    for (const auto& name : rule->kind->slots) {
      auto& slot = next.slots[at++];
      std::vector<char> seen(layout_->arrays.size(), 0);
      layout_->for_each(part[name], who, "moments", [&](size_t a, const Tree& leaf) {
        if (!covers(i, a)) return;
        bool fits = leaf.is_tensor() && leaf.tensor().defined() &&
                    leaf.tensor().sizes() == layout_->arrays[a].sizes;
        if (!fits) layout_->refuse(who, a, "a moment", leaf);
        if (seen[a]) return layout_->check_tied(who, part[name], a);
        shard_.view(*layout_, slot, a).copy_(shard_.cut(*layout_, a, leaf.tensor()));
        seen[a] = 1;
      });
    }
    if (rule->counts()) {
      layout_->for_each(part["step"], who, "counts", [&](size_t a, const Tree& leaf) {
        if (covers(i, a)) next.counts[i][a] = leaf.scalar<int64_t>();
      });
    }
  }
  state_ = std::move(next);
}

void FlatParameters::make_own_(Flat& flat) {
  for (auto& t : flat) {
    if (held_elsewhere(t)) t = t.clone();
  }
}

std::vector<Tensor> FlatParameters::gather(const Tree& grads) const {
  std::vector<Tensor> all(layout_->arrays.size());
  layout_->for_each(grads, "update", "gradients", [&](size_t a, const Tree& leaf) {
    if (leaf.is_none() || frozen[a]) return;
    const auto& group = layout_->groups[layout_->arrays[a].group];
    bool fits = leaf.is_tensor() && leaf.tensor().defined() &&
                leaf.tensor().sizes() == layout_->arrays[a].sizes &&
                leaf.tensor().scalar_type() == group.dtype &&
                leaf.tensor().device() == group.device;
    if (!fits) layout_->refuse("update", a, "a gradient as its parameter", leaf);
    all[a] = all[a].defined() ? all[a] + leaf.tensor() : leaf.tensor();
  });
  for (auto& g : all) {
    if (g.defined() && !g.is_contiguous()) g = g.contiguous();
  }
  return all;
}

void FlatParameters::step_(const std::vector<Tensor>& gradients) { run_(gradients, Pass::update); }

Tree FlatParameters::transform_(const Tree& grads) { return run_(gather(grads), Pass::transform); }

std::optional<double> FlatParameters::loss_scale() const {
  std::optional<double> scale;
  if (!program_.has_own()) return scale;
  const auto stages = program_.stages();
  for (size_t i = 0; i < stages.size(); ++i) {
    const auto* own = stages[i]->own();
    const auto one = own ? own->loss_scale(state_.own[i]) : std::nullopt;
    if (one) scale = scale.value_or(1) * *one;
  }
  return scale;
}

std::optional<double> FlatParameters::learning_rate() const {
  const auto& lr = hyper_word("lr");
  auto next = state_.steps;
  for (auto& step : next) ++step;
  const auto now = next.empty() ? program_ : program_.at(next);
  const auto stages = now.stages();
  for (size_t i = 0; i < stages.size(); ++i) {
    const Rule* rule = stages[i]->rule();
    if (!rule || !rule->find(lr)) continue;
    const auto& counts = state_.counts[i];
    return rule->values_at(counts.empty() ? 1 : 1 + *std::max_element(counts.begin(), counts.end()))
        .lr;
  }
  return {};
}

void FlatParameters::flush_() { run_(std::vector<Tensor>(layout_->arrays.size()), Pass::flush); }

}  // namespace luxtorch::detail
