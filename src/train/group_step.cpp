#include "train/group_step.h"

#include <ATen/core/grad_mode.h>

#include <unordered_map>

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

bool has_numbers(const Tree& leaf) {
  return leaf.is_tensor() && leaf.tensor().defined() && !leaf.tensor().is_complex() &&
         leaf.tensor().scalar_type() != kBool;
}

using LeafPlaces = std::unordered_map<std::string, size_t>;

// Where each leaf is among tree::leaves. A carry that becomes a tuple moves those behind it.
LeafPlaces leaves_by_path(const Tree& t) {
  LeafPlaces at;
  size_t leaf = 0;
  tree::for_each([&](const std::string& path, const Tree&) { at.emplace(path, leaf++); }, t);
  return at;
}

// The leaf at a path, if it has numbers of that shape.
const Tree* find(const LeafPlaces& at, const std::vector<Tree>& leaves, const std::string& path,
                 const Tensor& shape) {
  const auto found = at.find(path);
  if (found == at.end()) return nullptr;
  const Tree& leaf = leaves[found->second];
  return has_numbers(leaf) && leaf.tensor().sizes() == shape.sizes() ? &leaf : nullptr;
}

}  // namespace

StepTail::StepTail(const Tree& states, const Tree& usual) {
  const LeafPlaces at = leaves_by_path(states);
  const std::vector<Tree> leaves = tree::leaves(states);
  tree::for_each(
      [&](const std::string& path, const Tree& expected) {
        if (!has_numbers(expected)) return;
        const Tree* leaf = find(at, leaves, path, expected.tensor());
        paths_.push_back(path);
        usual_.push_back(expected.tensor());
        before_.push_back(leaf ? leaf->tensor() : Tensor());
        numel_ += expected.tensor().numel();
      },
      usual);
}

void StepTail::write_(const Tensor& tail, const Tensor& loss, const Tree& after,
                      StepWeight weight) const {
  const at::NoGradGuard no_grad;
  if (weight.loss > 0) tail.select(0, 0).copy_(loss).mul_(weight.loss);
  tail.select(0, 1).fill_(weight.loss);
  tail.select(0, 2).fill_(weight.rows);
  if (weight.rows == 0) return;
  const LeafPlaces at = leaves_by_path(after);
  const std::vector<Tree> now = tree::leaves(after);
  int64_t offset = 3;
  for (size_t i = 0; i < paths_.size(); ++i) {
    const Tensor to = tail.narrow(0, offset, usual_[i].numel());
    offset += usual_[i].numel();
    const Tree* leaf = find(at, now, paths_[i], usual_[i]);
    if (!before_[i].defined() || !leaf || leaf->tensor().is_same(before_[i])) continue;
    to.copy_((leaf->tensor() - before_[i]).reshape({-1})).mul_(weight.rows);
  }
}

StepTail::Sums StepTail::read(const Tensor& tail, const Tree& after) const {
  const at::NoGradGuard no_grad;
  const Tensor head = tail.narrow(0, 0, 3).cpu().to(kFloat64);
  const auto* sums = head.const_data_ptr<double>();
  Sums found{.loss_weight = sums[1], .loss = tail.select(0, 0) / sums[1], .states = after};
  if (paths_.empty() || sums[2] == 0) return found;
  const LeafPlaces at = leaves_by_path(after);
  std::vector<Tree> now = tree::leaves(after);
  int64_t offset = 3;
  for (size_t i = 0; i < paths_.size(); ++i) {
    const Tensor sum = tail.narrow(0, offset, usual_[i].numel());
    offset += usual_[i].numel();
    const Tensor& old = before_[i];
    if (!old.defined() || !find(at, now, paths_[i], usual_[i])) continue;
    const Tensor change = sum.reshape(old.sizes()) / sums[2];
    const bool whole = !old.is_floating_point();
    now[at.at(paths_[i])] = old + (whole ? change.round() : change).to(old.options());
  }
  found.states = tree::unflatten(after, now);
  return found;
}

}  // namespace luxtorch::detail
