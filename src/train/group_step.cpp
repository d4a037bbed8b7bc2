#include "train/group_step.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
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

// The numbers at the head of a tail. On the CPU without an operator for each.
bool is_plain(const Tensor& tail) {
  return tail.device().is_cpu() &&
         (tail.scalar_type() == kFloat32 || tail.scalar_type() == kFloat64);
}
void write_plain(const Tensor& tail, const Tensor& loss, StepWeight weight) {
  auto write = [&]<class T>(T* to) {
    if (weight.loss > 0) to[0] = static_cast<T>(loss.item<double>()) * static_cast<T>(weight.loss);
    to[1] = static_cast<T>(weight.loss), to[2] = static_cast<T>(weight.rows);
  };
  tail.scalar_type() == kFloat32 ? write(tail.mutable_data_ptr<float>())
                                 : write(tail.mutable_data_ptr<double>());
}
std::array<double, 3> head_of(const Tensor& tail) {
  std::array<double, 3> head{};
  const Tensor here = tail.narrow(0, 0, 3).cpu().to(kFloat64);
  std::copy_n(here.const_data_ptr<double>(), 3, head.begin());
  return head;
}

}  // namespace

StepTail::StepTail(const Tree& states, const Tree& usual) {
  tree::for_each(
      [&](const std::string& path, const Tree& expected) {
        if (!has_numbers(expected)) return;
        paths_.push_back(path);
        usual_.push_back(expected.tensor());
        numel_ += expected.tensor().numel();
      },
      usual);
  before_ = after_ = states_of(states);
}

void StepTail::set_after_(const Tree& states) { after_ = states_of(states); }

StepTail::States StepTail::states_of(const Tree& all) const {
  // By path: a carry that becomes a tuple moves the leaves behind it.
  std::unordered_map<std::string, size_t> at;
  States found{all, {}, std::vector<std::optional<size_t>>(paths_.size())};
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        at.emplace(path, found.leaves.size());
        found.leaves.push_back(leaf);
      },
      all);
  for (size_t i = 0; i < paths_.size(); ++i) {
    const auto place = at.find(paths_[i]);
    if (place == at.end()) continue;
    const Tree& leaf = found.leaves[place->second];
    if (has_numbers(leaf) && leaf.tensor().sizes() == usual_[i].sizes())
      found.places[i] = place->second;
  }
  return found;
}

void StepTail::write_(const Tensor& tail, const Tensor& loss, StepWeight weight) const {
  const at::NoGradGuard no_grad;
  if (is_plain(tail)) {
    write_plain(tail, loss, weight);
  } else {
    if (weight.loss > 0) tail.select(0, 0).copy_(loss).mul_(weight.loss);
    tail.select(0, 1).fill_(weight.loss);
    tail.select(0, 2).fill_(weight.rows);
  }
  if (weight.rows == 0) return;
  int64_t offset = 3;
  for (size_t i = 0; i < paths_.size(); ++i) {
    const Tensor to = tail.narrow(0, offset, usual_[i].numel());
    offset += usual_[i].numel();
    if (!before_.places[i] || !after_.places[i]) continue;
    const Tensor &old = before_.leaves[*before_.places[i]].tensor(),
                 &now = after_.leaves[*after_.places[i]].tensor();
    if (!now.is_same(old)) to.copy_((now - old).reshape({-1})).mul_(weight.rows);
  }
}

StepTail::Sums StepTail::read(const Tensor& tail) const {
  const at::NoGradGuard no_grad;
  const auto sums = head_of(tail);
  Sums found{.loss_weight = sums[1], .loss = tail.select(0, 0) / sums[1], .states = after_.all};
  if (paths_.empty() || sums[2] == 0) return found;
  std::vector<Tree> now = after_.leaves;
  int64_t offset = 3;
  for (size_t i = 0; i < paths_.size(); ++i) {
    const Tensor sum = tail.narrow(0, offset, usual_[i].numel());
    offset += usual_[i].numel();
    if (!before_.places[i] || !after_.places[i]) continue;
    const Tensor& old = before_.leaves[*before_.places[i]].tensor();
    const Tensor change = sum.reshape(old.sizes()) / sums[2];
    const bool whole = !old.is_floating_point();
    now[*after_.places[i]] = old + (whole ? change.round() : change).to(old.options());
  }
  found.states = tree::unflatten(after_.all, now);
  return found;
}

}  // namespace luxtorch::detail
