#include "luxtorch/distributed/optimizer.h"

#include <ATen/core/grad_mode.h>

#include "autodiff/differentiable.h"

namespace luxtorch {

namespace {

// The first stage of the chain.
struct MeanOverGroup {
  Group group;

  Tree init(const Tree&) const { return {}; }
  std::pair<Tree, Tree> transform(const Tree& grads, const Tree& opt_state, const Tree&) const {
    if (group.size() == 1) return {grads, opt_state};
    detail::refuse_followed(
        "DistributedOptimizer", grads,
        "the mean over processes would make a constant of it. Take the derivative "
        "of one process' update, or give gradients as tree::detach gives them.");
    const at::NoGradGuard no_grad;
    const auto size = static_cast<double>(group.size());
    return {tree::map_tensors([&](const Tensor& sum) { return sum.div(size); }, group.sum(grads)),
            opt_state};
  }
  std::string label() const { return "MeanOverGroup"; }
};

}  // namespace

DistributedOptimizer::DistributedOptimizer(const Group& group, const Optimizer& inner)
    : Optimizer(chain({MeanOverGroup{group}, inner})) {}

}  // namespace luxtorch
