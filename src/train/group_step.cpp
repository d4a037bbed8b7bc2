#include "train/group_step.h"

#include <ATen/core/grad_mode.h>

namespace luxtorch::detail {

Tree own_keys(const Tree& states, const Group& group) {
  return tree::map(
      [&](const Tree& leaf) -> Tree {
        if (!leaf.is_rng()) return leaf;
        return leaf.scalar<Rng>().fold_in("part").fold_in(static_cast<uint64_t>(group.rank()));
      },
      states);
}

Tree next_keys(const Tree& before, const Tree& after) {
  Tree states = after;
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (leaf.is_rng()) states = states.with(path, leaf.scalar<Rng>().fold_in("next"));
      },
      before);
  return states;
}

namespace {

// Has the leaf still the shape that it had before the step?
bool keeps_its_shape(const std::vector<Tree>& now, size_t leaf, const Tensor& old) {
  return leaf < now.size() && now[leaf].is_tensor() && now[leaf].tensor().defined() &&
         now[leaf].tensor().sizes() == old.sizes();
}

}  // namespace

StepTail::StepTail(const Tree& states) : before_(tree::leaves(states)) {
  for (size_t i = 0; i < before_.size(); ++i) {
    const Tree& leaf = before_[i];
    const bool numbers = leaf.is_tensor() && leaf.tensor().defined() &&
                         !leaf.tensor().is_complex() && leaf.tensor().scalar_type() != kBool;
    if (!numbers) continue;
    averaged_.push_back(i);
    numel_ += leaf.tensor().numel();
  }
}

void StepTail::write_(const Tensor& tail, const Tensor& loss, const Tree& after,
                      StepWeight weight) const {
  const at::NoGradGuard no_grad;
  if (weight.loss > 0) tail.select(0, 0).copy_(loss).mul_(weight.loss);
  tail.select(0, 1).fill_(weight.loss);
  tail.select(0, 2).fill_(weight.rows);
  if (weight.rows == 0) return;
  const std::vector<Tree> now = tree::leaves(after);
  int64_t offset = 3;
  for (size_t i : averaged_) {
    const Tensor& old = before_[i].tensor();
    Tensor to = tail.narrow(0, offset, old.numel());
    offset += old.numel();
    if (!keeps_its_shape(now, i, old) || now[i].tensor().is_same(old)) continue;
    to.copy_((now[i].tensor() - old).reshape({-1})).mul_(weight.rows);
  }
}

StepTail::Sums StepTail::read(const Tensor& tail, const Tree& after) const {
  const at::NoGradGuard no_grad;
  const Tensor head = tail.narrow(0, 0, 3).cpu().to(kFloat64);
  const auto* sums = head.const_data_ptr<double>();
  Sums found{.loss_weight = sums[1], .loss = tail.select(0, 0) / sums[1], .states = after};
  if (averaged_.empty() || sums[2] == 0) return found;
  std::vector<Tree> now = tree::leaves(after);
  int64_t offset = 3;
  for (size_t i : averaged_) {
    const Tensor& old = before_[i].tensor();
    const Tensor change = tail.narrow(0, offset, old.numel()).reshape(old.sizes()) / sums[2];
    offset += old.numel();
    if (!keeps_its_shape(now, i, old)) continue;
    const bool whole = !old.is_floating_point();
    now[i] = old + (whole ? change.round() : change).to(old.options());
  }
  found.states = tree::unflatten(after, now);
  return found;
}

}  // namespace luxtorch::detail
