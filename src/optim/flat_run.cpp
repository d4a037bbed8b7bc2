// The passes over a FlatParameters' arrays.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_copy.h>
#include <ATen/ops/full.h>

#include <algorithm>

#include "optim/flat_parameters.h"

namespace luxtorch::detail {

namespace {

bool has_loops(const Layout::Group& group) {
  return group.device.is_cpu() && (group.dtype == kFloat32 || group.dtype == kFloat64);
}

bool clips(const Stage& stage) {
  return stage.rule() && (stage.rule()->kind->role == Role::clip_norm ||
                          stage.rule()->kind->role == Role::clip_global_norm);
}

// What has moved when a stage throws for what it gets.
struct Moved {
  size_t slots = 0;         // the first ones
  bool parameters = false;  // those of another group
};

Moved moved_before_a_throw(std::span<const Stage* const> stages, std::span<const Place> places,
                           Pass pass) {
  Moved so_far, before;
  bool late = pass == Pass::flush;  // directions that no schedule was asked about
  for (size_t i = 0; i < stages.size(); ++i) {
    const Stage* stage = stages[i];
    const bool asks = late && stage->rule() && stage->rule()->scheduled;
    if (clips(*stage) || stage->own() || asks) before = so_far;
    late = late || stage->own();
    so_far.slots = std::max(so_far.slots, places[i].slot + stage->slots());
    so_far.parameters = so_far.parameters || (places[i].last && pass != Pass::transform);
  }
  return before;
}

bool writes_directions(std::span<const Stage* const> stages, std::span<const Place> places,
                       Pass pass) {
  for (size_t i = 0; i < stages.size(); ++i) {
    const bool applies = places[i].last && pass != Pass::transform;
    const Rule* rule = stages[i]->rule();
    if (!rule) continue;
    const Role role = rule->kind->role;
    const bool between =
        role == Role::accumulate || role == Role::trust_ratio || role == Role::muon;
    if (!applies || between) return true;
  }
  return stages.empty() && pass == Pass::transform;
}

}  // namespace

// At which updates the programs that follow schedules are now.
std::vector<int64_t> FlatParameters::steps_of(Pass pass) {
  const auto from = program_.scheduled_from();
  if (from.empty()) return {};
  const auto stages = program_.stages();
  // A flush is an update of what stands behind a window that has begun.
  size_t first_held = stages.size();
  for (size_t i = stages.size(); i-- > 0;) {
    if (!stages[i]->accumulates()) continue;
    for (size_t a = 0; a < frozen.size(); ++a)
      if (state_.counts[i][a] > 0 && !frozen[a]) first_held = i;
  }
  std::vector<int64_t> now;
  for (size_t i = 0; i < from.size(); ++i) {
    if (pass != Pass::flush || first_held < from[i]) ++state_.steps[i];
    now.push_back(std::max<int64_t>(1, state_.steps[i]));
  }
  return now;
}

Tree FlatParameters::run_(const std::vector<Tensor>& gradients, Pass pass) {
  std::vector<Tree> moved(layout_->arrays.size());
  const bool none = std::ranges::none_of(gradients, [](const Tensor& g) { return g.defined(); });
  const bool own = program_.has_own();
  const auto result = [&] {
    return pass == Pass::transform ? layout_->tree(moved, false) : Tree();
  };
  if (none && pass != Pass::flush && !own) return result();
  check_usable();

  const auto all = program_.stages();
  State before{.slots = {}, .counts = state_.counts, .own = state_.own, .steps = state_.steps};
  const auto places = program_.places();
  const Moved late = moved_before_a_throw(all, places, pass);
  // Their second holder: what moves is a copy.
  before.slots.assign(state_.slots.begin(),
                      state_.slots.begin() + static_cast<std::ptrdiff_t>(late.slots));
  Flat x_before = late.parameters ? x_ : Flat();
  try {
    const at::NoGradGuard no_grad;
    const auto steps = steps_of(pass);
    const std::optional<Program> now =
        steps.empty() ? std::nullopt : std::optional(program_.at(steps));
    const auto stages = now ? now->stages() : all;
    if (pass != Pass::transform) make_own_(x_);
    for (auto& slot : state_.slots) make_own_(slot);
    Flat directions = writes_directions(stages, places, pass) ? unset() : Flat();
    auto slices = make_slices(gradients, pass);
    point_(slices, directions);
    CombineSums combine;
    if (!shard_.is_everything())
      combine = [&](std::vector<double>& sums, double p) { shard_.combine_(sums, p); };
    run_stages(
        stages, places, masks_, slices, state_.counts, pass,
        [&](size_t i, std::vector<Slice>& active) {
          run_own_(i, *stages[i]->own(), active, directions, pass, i + 1 == stages.size());
        },
        combine);
    for (const Slice& slice : slices) {
      const auto& arrays = layout_->arrays;
      for (size_t a = slice.array; a < arrays.size(); ++a) {
        if (arrays[a].group != slice.group) continue;
        if (slice.active && pass == Pass::transform) {
          const Tensor d =
              slice.whole_group ? layout_->view(directions, a) : direction_of(slice, directions);
          moved[a] = d.to(layout_->groups[slice.group].dtype);
        }
        if (!slice.whole_group) break;
        for (auto& count : state_.counts) count[a] = count[slice.array];
      }
    }
  } catch (...) {
    std::ranges::move(before.slots, state_.slots.begin());
    before.slots = std::move(state_.slots);
    state_ = std::move(before);
    if (!x_before.empty()) x_ = std::move(x_before);
    throw;
  }
  if (pass != Pass::transform && !shard_.is_everything()) share_();
  return result();
}

void FlatParameters::share_() {
  try {
    shard_.share_(x_);
  } catch (...) {
    broken_ = std::current_exception();
    throw;
  }
}

std::vector<Slice> FlatParameters::make_slices(const std::vector<Tensor>& gradients,
                                               Pass pass) const {
  const auto& arrays = layout_->arrays;
  const bool own = program_.has_own();
  bool apart = own || program_.has_groups();
  for (const Stage* stage : program_.stages())
    apart = apart || (stage->rule() && stage->rule()->kind->by_array());
  // What may get a direction on the way.
  auto takes_part = [&](size_t a) {
    return gradients[a].defined() || ((own || pass == Pass::flush) && !frozen[a]);
  };
  std::vector<Slice> slices;
  slices.reserve(arrays.size());
  auto start = [&](size_t a) {
    Slice slice;
    slice.array = a, slice.group = arrays[a].group, slice.path = &arrays[a].path;
    slice.sizes = &arrays[a].sizes;
    slice.dtype = layout_->groups[arrays[a].group].dtype, slice.n = arrays[a].numel;
    slice.active = gradients[a].defined();
    return slice;
  };
  for (size_t g = 0; g < layout_->groups.size(); ++g) {
    std::vector<size_t> mine;
    bool together = !has_loops(layout_->groups[g]) && !apart;
    for (size_t a = 0; a < arrays.size(); ++a) {
      if (arrays[a].group != g) continue;
      mine.push_back(a);
      together =
          together && takes_part(a) && gradients[a].defined() == gradients[mine[0]].defined();
      for (const auto& count : state_.counts) together = together && count[a] == count[mine[0]];
    }
    if (together) {
      // One slice for the group: few large operations instead of many small ones.
      Slice slice = start(mine[0]);
      const FlatRange part = shard_.range(layout_->groups[g]);
      slice.n = part.numel(), slice.whole_group = true;
      if (slice.active) {
        std::vector<Tensor> into, from;
        Flat flat(g + 1);
        flat[g] = at::full({layout_->groups[g].numel}, 0, gradients[mine[0]].options());
        for (size_t a : mine) into.push_back(layout_->view(flat, a)), from.push_back(gradients[a]);
        at::_foreach_copy_(into, from);
        slice.tg = flat[g].narrow(0, part.begin, part.numel());
      }
      slices.push_back(std::move(slice));
      continue;
    }
    for (size_t a : mine) {
      if (!takes_part(a)) continue;
      Slice slice = start(a);
      slice.loops = has_loops(layout_->groups[g]);
      slice.n = shard_.range(*layout_, a).numel();
      if (slice.active) slice.tg = shard_.cut(*layout_, a, gradients[a]);
      if (slice.loops && slice.active) slice.g = slice.tg.const_data_ptr();
      slices.push_back(std::move(slice));
    }
  }
  return slices;
}

// Where the slices' parameters, directions and moments are.
void FlatParameters::point_(std::vector<Slice>& slices, const Flat& directions) const {
  for (Slice& slice : slices) {
    const size_t a = slice.array, g = slice.group;
    slice.s.clear(), slice.ts.clear();
    const FlatRange part = shard_.range(layout_->groups[g]);
    if (slice.loops) {
      const int64_t begin = shard_.range(*layout_, a).begin;
      auto at = [&](const Tensor& flat, int64_t offset) {
        const int64_t bytes = offset * static_cast<int64_t>(flat.element_size());
        return static_cast<void*>(static_cast<char*>(flat.data_ptr()) + bytes);
      };
      slice.x = at(x_[g], begin);
      slice.d = directions.empty() ? nullptr : at(directions[g], begin - part.begin);
      slice.s.reserve(state_.slots.size());
      for (auto& slot : state_.slots) slice.s.push_back(at(slot[g], begin - part.begin));
    } else {
      auto at = [&](const Flat& flat) {
        return slice.whole_group ? alias(flat[g], 0, {slice.n}) : shard_.view(*layout_, flat, a);
      };
      slice.tx = slice.whole_group ? alias(x_[g], part.begin, {slice.n})
                                   : shard_.cut(*layout_, a, layout_->view(x_, a));
      if (!directions.empty()) slice.td = at(directions);
      for (auto& slot : state_.slots) slice.ts.push_back(at(slot));
    }
  }
}

// Of one array.
Tensor FlatParameters::direction_of(const Slice& slice, const Flat& directions) const {
  return slice.tg.defined() ? slice.tg : layout_->view(directions, slice.array);
}

}  // namespace luxtorch::detail
