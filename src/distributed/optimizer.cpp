#include "luxtorch/distributed/optimizer.h"

#include <ATen/core/grad_mode.h>

#include <utility>

#include "autodiff/differentiable.h"
#include "group_backend.h"

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
    const Tree sums = group.sum(tree::map_tensors(detail::widened, grads));
    auto mean = [&](const Tree& own, const Tree& sum) -> Tree {
      if (!own.is_tensor() || !own.tensor().defined()) return sum;
      const Tensor wide = sum.tensor().div(size);
      return own.tensor().is_floating_point() ? wide.to(own.tensor().scalar_type()) : wide;
    };
    return {tree::zip(mean, grads, sums), opt_state};
  }
  std::string label() const { return "MeanOverGroup"; }
};

}  // namespace

DistributedOptimizer::DistributedOptimizer(const Group& group, const Optimizer& inner)
    : Optimizer(chain({MeanOverGroup{group}, inner})) {}

}  // namespace luxtorch
