#include "optim/shard.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "group_backend.h"
#include "kernels/optimizer_rules.h"

namespace luxtorch::detail {

int64_t Shard::part_numel(const Layout::Group& g) const {
  const int64_t unit = kFlatAlignment / static_cast<int64_t>(c10::elementSize(g.dtype));
  const int64_t units = g.numel / unit, parts = group_.size();
  return (units + parts - 1) / parts * unit;
}

int64_t Shard::padded_numel(const Layout::Group& g) const { return part_numel(g) * group_.size(); }

FlatRange Shard::range(const Layout::Group& g) const {
  const int64_t n = part_numel(g);
  return {std::min(g.numel, group_.rank() * n), std::min(g.numel, (group_.rank() + 1) * n)};
}

FlatRange Shard::range(const Layout& layout, size_t array) const {
  const auto& a = layout.arrays[array];
  const auto [begin, end] = range(layout.groups[a.group]);
  return {std::clamp(a.offset, begin, end), std::clamp(a.offset + a.numel, begin, end)};
}

std::vector<Tensor> Shard::filled(const Layout& layout, double value) const {
  std::vector<Tensor> parts;
  for (const auto& g : layout.groups)
    parts.push_back(at::full({part_numel(g)}, value,
                             at::TensorOptions().dtype(arithmetic_of(g.dtype)).device(g.device)));
  return parts;
}

Tensor Shard::view(const Layout& layout, const std::vector<Tensor>& parts, size_t array) const {
  if (is_everything()) return layout.view(parts, array);
  const size_t g = layout.arrays[array].group;
  const FlatRange here = range(layout, array);
  return alias(parts[g], here.begin - range(layout.groups[g]).begin, {here.numel()});
}

Tensor Shard::cut(const Layout& layout, size_t array, const Tensor& whole) const {
  if (is_everything()) return whole;
  const FlatRange here = range(layout, array);
  const int64_t begin = here.numel() == 0 ? 0 : here.begin - layout.arrays[array].offset;
  return whole.reshape({-1}).narrow(0, begin, here.numel());
}

void Shard::share_(const std::vector<Tensor>& flat) const {
  const at::NoGradGuard no_grad;
  for (const Tensor& t : flat) {
    if (t.numel() == 0) continue;
    const int64_t n = t.numel() / group_.size();
    group_.backend()->all_gather(t, t.narrow(0, group_.rank() * n, n).clone());
  }
}

std::vector<Tensor> Shard::gather(const std::vector<Tensor>& parts, bool keep) const {
  const at::NoGradGuard no_grad;
  std::vector<Tensor> whole;
  for (const Tensor& own : parts) {
    const int64_t n = own.numel();
    if (keep) whole.push_back(at::empty({n * group_.size()}, own.options()));
    if (n == 0) continue;
    // Part by part, so that who keeps nothing needs little memory.
    const Tensor other = at::empty_like(own);
    for (int64_t r = 0; r < group_.size(); ++r) {
      const Tensor& part = r == group_.rank() ? own : other;
      group_.backend()->broadcast_(part, r);
      if (keep) whole.back().narrow(0, r * n, n).copy_(part);
    }
  }
  return whole;
}

void Shard::combine_(std::vector<double>& power_sums, double p) const {
  if (power_sums.empty()) return;
  const auto n = static_cast<int64_t>(power_sums.size());
  Tensor own = at::empty({n}, at::TensorOptions().dtype(kFloat64));
  std::ranges::copy(power_sums, own.mutable_data_ptr<double>());
  const Tensor all = group_.all_gather(own);
  const auto* values = all.const_data_ptr<double>();
  std::ranges::fill(power_sums, 0.0);
  for (int64_t r = 0; r < group_.size(); ++r)
    for (size_t i = 0; i < power_sums.size(); ++i, ++values)
      power_sums[i] =
          std::isinf(p) ? kernels::rules::maximum(*values, power_sums[i]) : power_sums[i] + *values;
}

void check_works_on_parts(const Program& program) {
  for (const Stage* stage : program.stages()) {
    const Rule* rule = stage->rule();
    if (rule && rule->kind->role != Role::muon) continue;
    throw UnsupportedError(
        "TrainState",
        fmt::format(
            "expected with .shard_optimizer an optimizer whose rules work on parts of "
            "arrays, got {}, {}. Leave .shard_optimizer out, or take another optimizer.",
            rule ? rule->label() : stage->own()->label(),
            rule ? "which needs whole matrices" : "which is not one of the library's rules"));
  }
}

}  // namespace luxtorch::detail
