// A user's own optimizer as a stage over flat memory.
//
// It gets trees of views and copies nothing. What it gives is taken where it lies, and flat memory
// that it still looks at, in its state or in its directions, is left as it is: what is written next
// is written elsewhere.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <fmt/format.h>

#include "optim/flat_parameters.h"
#include "optim/optim_recorded.h"
#include "text.h"

namespace luxtorch::detail {

namespace {

bool same_place(const Tensor& a, const Tensor& b) {
  return a.defined() && b.defined() && a.scalar_type() == b.scalar_type() &&
         a.const_data_ptr() == b.const_data_ptr() && a.sizes() == b.sizes() &&
         a.strides() == b.strides();
}

bool lies_in(const Tensor& t, const Tensor& flat) {
  return t.defined() && t.storage().unsafeGetStorageImpl() == flat.storage().unsafeGetStorageImpl();
}

}  // namespace

// By array what a stage gave; undefined where it gave nothing.
std::vector<Tensor> FlatParameters::own_result(const std::string& who, const char* what,
                                               const Tree& result, bool any_dtype) const {
  std::vector<Tensor> all(layout_->arrays.size());
  const std::string one =
      what == std::string_view("parameter") ? "a parameter" : "a direction like its parameter";
  const std::string many = fmt::format("{}s", what);
  layout_->for_each(result, who.c_str(), many.c_str(), [&](size_t a, const Tree& leaf) {
    if (leaf.is_none() || frozen[a]) return;
    const auto& group = layout_->groups[layout_->arrays[a].group];
    bool fits = leaf.is_tensor() && leaf.tensor().defined() &&
                leaf.tensor().sizes() == layout_->arrays[a].sizes &&
                leaf.tensor().layout() == c10::Layout::Strided &&
                leaf.tensor().device() == group.device;
    if (fits && !any_dtype) {
      const Dtype dtype = leaf.tensor().scalar_type();
      fits = dtype == group.dtype || dtype == arithmetic_of(group.dtype);
    }
    if (!fits) layout_->refuse(who.c_str(), a, one.c_str(), leaf);
    if (all[a].defined()) {
      if (!all[a].is_same(leaf.tensor())) layout_->check_tied(who.c_str(), result, a);
      return;
    }
    all[a] = leaf.tensor();
  });
  return all;
}

void FlatParameters::run_own_(size_t stage, const OwnOptimizer& own, std::vector<Slice>& slices,
                              Flat& directions, Pass pass, bool last) {
  const bool updates = last && pass != Pass::transform && own.updates();
  const std::string who = own.label();
  const size_t n = layout_->arrays.size();
  std::vector<Tensor> before(n), seen(n), after;  // directions; as the stage sees them
  for (Slice& slice : slices) {
    if (slice.active) {
      Tensor& d = before[slice.array];
      d = direction_of(slice, directions);
      seen[slice.array] = d.to(layout_->groups[slice.group].dtype);
    }
    slice.tg = slice.td = slice.tx = Tensor();
  }
  {
    std::vector<Tree> leaves;
    for (const Tensor& d : seen) leaves.push_back(d.defined() ? Tree(d) : Tree());
    const Tree d = layout_->tree(leaves, false), ps = parameters();
    std::pair<Tree, Tree> result;
    {
      const at::AutoGradMode mode(follows_graphs_);
      result =
          updates ? own.update(d, state_.own[stage], ps) : own.transform(d, state_.own[stage], ps);
      if (follows_graphs_ && is_recorded({&result.first, &result.second})) throw GraphFound();
    }
    after = own_result(who, updates ? "parameter" : "direction", result.first, updates);
    state_.own[stage] = std::move(result.second);
  }
  if (updates) {
    before.clear(), seen.clear();
    move_to_(who, std::move(after));
    for (Slice& slice : slices) slice.active = false;
    return;
  }
  for (size_t a = 0; a < n; ++a) {
    if (!after[a].defined()) continue;
    if (same_place(after[a], seen[a])) {
      after[a] = before[a];
    } else {
      after[a] = after[a].to(arithmetic_of(after[a].scalar_type())).contiguous();
    }
  }
  seen.clear();
  // A direction that stays in its place is ours as long as nobody else holds it.
  for (size_t g = 0; g < directions.size(); ++g) {
    size_t mine = 1;
    bool free = directions[g].use_count() == 1;
    for (size_t a = 0; a < n; ++a) {
      const bool stays = lies_in(before[a], directions[g]) && after[a].is_same(before[a]);
      if (stays) {
        ++mine;
        free = free && after[a].use_count() == 2;  // in `before` and in `after`
      } else if (lies_in(before[a], directions[g])) {
        before[a] = Tensor();
      }
    }
    if (!free || directions[g].storage().use_count() != mine)
      directions[g] = at::empty_like(directions[g]);
  }
  before.clear();
  if (pass != Pass::transform) make_own_(x_);
  point_(slices, directions);
  for (Slice& slice : slices) {
    slice.tg = std::move(after[slice.array]);
    slice.active = slice.tg.defined();
    if (slice.loops && slice.active) slice.g = slice.tg.const_data_ptr();
  }
}

// Copies what is not there already.
void FlatParameters::move_to_(const std::string& who, std::vector<Tensor> next) {
  for (size_t a = 0; a < next.size(); ++a) {
    if (!next[a].defined()) {
      if (!frozen[a]) layout_->refuse(who.c_str(), a, "a parameter", Tree());
    } else if (same_place(next[a], layout_->view(x_, a))) {
      next[a] = Tensor();
    }
  }
  make_own_(x_);
  for (size_t a = 0; a < next.size(); ++a)
    if (next[a].defined()) layout_->view(x_, a).copy_(next[a]);
}

}  // namespace luxtorch::detail
