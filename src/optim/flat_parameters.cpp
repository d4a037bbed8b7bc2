#include "optim/flat_parameters.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <fmt/format.h>

#include <algorithm>

#include "optim/optim_slices.h"
#include "text.h"

namespace luxtorch::detail {

namespace {

bool has_loops(const Layout::Group& group) {
  return group.device.is_cpu() && (group.dtype == kFloat32 || group.dtype == kFloat64);
}

}  // namespace

FlatParameters::FlatParameters(const Tree& ps, Program program) : program_(std::move(program)) {
  at::NoGradGuard no_grad;
  std::vector<Tensor> tensors;
  layout_ = std::make_shared<const Layout>(ps, tensors);
  x_ = blank();
  for (size_t a = 0; a < tensors.size(); ++a) layout_->view(x_, a).copy_(tensors[a]);
  for (const Rule& rule : program_.rules()) {
    for (size_t s = 0; s < rule.kind->slots.size(); ++s) slots_.push_back(fresh(rule.initial()));
    counts_.emplace_back(tensors.size(), 0);
  }
  frozen.assign(tensors.size(), 0);
}

FlatParameters::Flat FlatParameters::blank() const {
  Flat flat;
  for (const auto& g : layout_->groups) {
    flat.push_back(at::full({g.numel}, 0, at::TensorOptions().dtype(g.dtype).device(g.device)));
  }
  return flat;
}

FlatParameters::Flat FlatParameters::fresh(double value) const {
  Flat flat;
  for (const auto& g : layout_->groups) {
    flat.push_back(at::full({g.numel}, value,
                            at::TensorOptions().dtype(arithmetic_of(g.dtype)).device(g.device)));
  }
  return flat;
}

FlatParameters::Flat FlatParameters::unset() const {
  Flat flat;
  for (const auto& g : layout_->groups) {
    flat.push_back(
        at::empty({g.numel}, at::TensorOptions().dtype(arithmetic_of(g.dtype)).device(g.device)));
  }
  return flat;
}

Tree FlatParameters::parameters() const {
  std::vector<Tree> parts;
  parts.reserve(layout_->arrays.size());
  for (size_t a = 0; a < layout_->arrays.size(); ++a) parts.emplace_back(layout_->view(x_, a));
  return layout_->tree(parts, true);
}

Tree FlatParameters::state() const {
  std::vector<Tree> states;
  size_t slot = 0;
  auto rules = program_.rules();
  for (size_t r = 0; r < rules.size(); ++r) {
    std::vector<Tree::Item> items;
    std::vector<Tree> parts(layout_->arrays.size());
    for (const auto& name : rules[r].kind->slots) {
      for (size_t a = 0; a < parts.size(); ++a) parts[a] = layout_->view(slots_[slot], a);
      ++slot;
      items.emplace_back(std::string(name), layout_->tree(parts, false));
    }
    if (rules[r].counts()) {
      for (size_t a = 0; a < parts.size(); ++a) parts[a] = counts_[r][a];
      items.emplace_back("step", layout_->tree(parts, false));
    }
    states.push_back(named(std::move(items)));
  }
  return program_.is_chain() ? tuple(std::move(states)) : states.at(0);
}

void FlatParameters::load_parameters_(const Tree& ps) {
  at::NoGradGuard no_grad;
  Flat loaded = blank();
  std::vector<char> seen(layout_->arrays.size(), 0);
  layout_->for_each(ps, "set_parameters_", "parameters", [&](size_t a, const Tree& leaf) {
    bool fits = leaf.is_tensor() && leaf.tensor().defined() &&
                leaf.tensor().sizes() == layout_->arrays[a].sizes;
    if (!fits) layout_->refuse("set_parameters_", a, "a parameter", leaf);
    if (seen[a]) return check_tied("set_parameters_", ps, a);
    layout_->view(loaded, a).copy_(leaf.tensor());
    seen[a] = 1;
  });
  for (size_t a = 0; a < seen.size(); ++a) {
    if (!seen[a]) layout_->refuse("set_parameters_", a, "a parameter", Tree());
  }
  x_ = std::move(loaded);
}

// The values of an array that ps has at several places must be the same there.
void FlatParameters::check_tied(const char* who, const Tree& t, size_t array) const {
  auto paths = layout_->paths();
  const auto& first = layout_->arrays[array].path;
  for (size_t leaf = 0; leaf < paths.size(); ++leaf) {
    if (layout_->array_at[leaf] != static_cast<int>(array) || paths[leaf] == first) continue;
    if (tree::equal(t.at(paths[leaf]), t.at(first))) continue;
    ArgumentError error(
        who, fmt::format("expected the values of {}, with which it is tied, got others. Give both "
                         "the same, or make a TrainState whose parameters are not tied.",
                         first));
    error.prepend_path_(paths[leaf]);
    throw error;
  }
}

void FlatParameters::load_state_(const Tree& state) {
  at::NoGradGuard no_grad;
  constexpr auto who = "opt_state";
  auto rules = program_.rules();
  if (program_.is_chain() && !(state.is_tuple() && state.size() == rules.size())) {
    throw TreeError(who, fmt::format("expected the state of {}: a tuple of {}, got {}.",
                                     program_.label(), rules.size(), describe_kind(state)));
  }
  std::vector<Flat> slots;
  auto counts = counts_;
  size_t slot = 0;
  for (size_t r = 0; r < rules.size(); ++r) {
    const Tree part = program_.is_chain() ? state[r] : state;
    for (const auto& name : rules[r].kind->slots) {
      slots.push_back(slots_[slot++]);
      for (auto& t : slots.back()) t = t.clone();
      std::vector<char> seen(layout_->arrays.size(), 0);
      layout_->for_each(part[name], who, "moments", [&](size_t a, const Tree& leaf) {
        bool fits = leaf.is_tensor() && leaf.tensor().defined() &&
                    leaf.tensor().sizes() == layout_->arrays[a].sizes;
        if (!fits) layout_->refuse(who, a, "a moment", leaf);
        if (seen[a]) return check_tied(who, part[name], a);
        layout_->view(slots.back(), a).copy_(leaf.tensor());
        seen[a] = 1;
      });
    }
    if (rules[r].counts()) {
      layout_->for_each(part["step"], who, "counts",
                        [&](size_t a, const Tree& leaf) { counts[r][a] = leaf.scalar<int64_t>(); });
    }
  }
  slots_ = std::move(slots);
  counts_ = std::move(counts);
}

void FlatParameters::make_own_(Flat& flat) {
  for (auto& t : flat) {
    if (t.use_count() > 1 || t.storage().use_count() > 1) t = t.clone();
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

Tree FlatParameters::trained_gradients(const Tree& grads) const {
  std::vector<Tree> parts;
  for (auto& g : gather(grads)) parts.push_back(g.defined() ? Tree(std::move(g)) : Tree());
  return layout_->tree(parts, false);
}

std::vector<Slice> FlatParameters::make_slices(const std::vector<Tensor>& gradients,
                                               const Flat& directions) const {
  const auto& arrays = layout_->arrays;
  std::vector<Slice> slices;
  slices.reserve(arrays.size());
  bool norms_apart = std::ranges::any_of(
      program_.rules(), [](const Rule& r) { return r.kind->role == Role::clip_norm; });
  auto start = [&](size_t a) {
    Slice slice;
    slice.array = a, slice.group = arrays[a].group, slice.path = &arrays[a].path;
    slice.dtype = layout_->groups[arrays[a].group].dtype, slice.n = arrays[a].numel;
    return slice;
  };
  for (size_t g = 0; g < layout_->groups.size(); ++g) {
    std::vector<size_t> mine;
    bool together = !has_loops(layout_->groups[g]) && !norms_apart;
    for (size_t a = 0; a < arrays.size(); ++a) {
      if (arrays[a].group != g) continue;
      mine.push_back(a);
      together = together && gradients[a].defined();
      for (const auto& count : counts_) together = together && count[a] == count[mine[0]];
    }
    if (together) {
      // One slice for the group: few large operations instead of many small ones.
      Slice slice = start(mine[0]);
      slice.n = layout_->groups[g].numel, slice.whole_group = true;
      std::vector<Tensor> into, from;
      Flat flat(g + 1);
      flat[g] = at::full({slice.n}, 0, gradients[mine[0]].options());
      for (size_t a : mine) into.push_back(layout_->view(flat, a)), from.push_back(gradients[a]);
      at::_foreach_copy_(into, from);
      slice.tx = x_[g], slice.tg = flat[g];
      if (!directions.empty()) slice.td = directions[g];
      for (auto& s : slots_) slice.ts.push_back(s[g]);
      slices.push_back(std::move(slice));
      continue;
    }
    for (size_t a : mine) {
      if (!gradients[a].defined()) continue;
      Slice slice = start(a);
      slice.loops = has_loops(layout_->groups[g]);
      if (slice.loops) {
        auto offset = arrays[a].offset * static_cast<int64_t>(x_[g].element_size());
        auto at = [&](const Tensor& flat) {
          return static_cast<void*>(static_cast<char*>(flat.data_ptr()) + offset);
        };
        slice.x = at(x_[g]), slice.g = gradients[a].const_data_ptr();
        if (!directions.empty()) slice.d = at(directions[g]);
        slice.s.reserve(slots_.size());
        for (auto& s : slots_) slice.s.push_back(at(s[g]));
      } else {
        slice.tx = layout_->view(x_, a), slice.tg = gradients[a];
        if (!directions.empty()) slice.td = layout_->view(directions, a);
        for (auto& s : slots_) slice.ts.push_back(layout_->view(s, a));
      }
      slices.push_back(std::move(slice));
    }
  }
  return slices;
}

// Which arrays have moved.
std::vector<char> FlatParameters::run_(const std::vector<Tensor>& gradients, bool apply,
                                       const Flat& directions, size_t first) {
  at::NoGradGuard no_grad;
  std::vector<char> moved(layout_->arrays.size(), 0);
  if (std::ranges::none_of(gradients, [](const Tensor& g) { return g.defined(); })) return moved;
  if (apply) make_own_(x_);
  for (auto& s : slots_) make_own_(s);
  auto slices = make_slices(gradients, directions);
  run_program(program_, slices, counts_, apply, first);
  for (const auto& slice : slices) {
    moved[slice.array] = slice.active;
    if (!slice.whole_group) continue;
    for (size_t a = 0; a < moved.size(); ++a) {
      if (layout_->arrays[a].group != slice.group) continue;
      moved[a] = slice.active;
      for (auto& count : counts_) count[a] = count[slice.array];
    }
  }
  return moved;
}

void FlatParameters::step_(const std::vector<Tensor>& gradients) {
  auto rules = program_.rules();
  bool in_one_go = rules.size() == 1 && rules[0].kind->role != Role::accumulate;
  Flat between = in_one_go || rules.empty() ? Flat() : unset();
  if (program_.throws_late()) {
    FlatParameters next(*this);
    next.run_(gradients, true, between);
    *this = std::move(next);
  } else {
    run_(gradients, true, between);
  }
}

Tree FlatParameters::transform_(const Tree& grads) {
  auto gradients = gather(grads);
  Flat directions = unset();
  return tree_of(directions, run_(gradients, false, directions));
}

Tree FlatParameters::tree_of(const Flat& directions, const std::vector<char>& moved) const {
  std::vector<Tree> parts(moved.size());
  for (size_t a = 0; a < moved.size(); ++a) {
    if (!moved[a]) continue;
    parts[a] = layout_->view(directions, a).to(layout_->groups[layout_->arrays[a].group].dtype);
  }
  return layout_->tree(parts, false);
}

// Each rule that accumulates passes its windows' means on to the rules after it.
std::vector<char> FlatParameters::flush_rules_(bool apply, const Flat& directions) {
  at::NoGradGuard no_grad;
  std::vector<char> moved(layout_->arrays.size(), 0);
  size_t slot = 0;
  for (size_t r = 0; r < program_.rules().size(); ++r) {
    const Rule& rule = program_.rules()[r];
    if (rule.kind->role == Role::accumulate) {
      make_own_(slots_[slot]);
      std::vector<Tensor> means(moved.size());
      for (size_t a = 0; a < moved.size(); ++a) {
        int64_t& count = counts_[r][a];
        if (count == 0 || frozen[a]) continue;
        Tensor sum = layout_->view(slots_[slot], a);
        means[a] = sum * (rule.values[0] / static_cast<double>(count));
        sum.zero_();
        count = 0;
      }
      auto now = run_(means, apply, directions, r + 1);
      for (size_t a = 0; a < moved.size(); ++a) moved[a] = moved[a] || now[a];
    }
    slot += rule.kind->slots.size();
  }
  return moved;
}

void FlatParameters::flush_() {
  FlatParameters next(*this);
  next.flush_rules_(true, unset());
  *this = std::move(next);
}

Tree FlatParameters::flushed_() {
  Flat directions = unset();
  return tree_of(directions, flush_rules_(false, directions));
}

}  // namespace luxtorch::detail
