#include "optim/flat_gradients.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

namespace luxtorch::detail {

void FlatGradients::reset_() {
  const at::NoGradGuard no_grad;
  const auto& groups = layout_->groups;
  buffers_.resize(groups.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    Tensor& buffer = buffers_[g];
    if (buffer.defined() && buffer.use_count() == 1 && buffer.storage().use_count() == 1) {
      buffer.zero_();
    } else {
      const auto dtype = arithmetic_of(groups[g].dtype);
      buffer =
          at::zeros({groups[g].numel}, at::TensorOptions().dtype(dtype).device(groups[g].device));
    }
  }
  there_.assign(layout_->arrays.size(), 0);
}

void FlatGradients::add_(const std::vector<Tensor>& gradients, double weight) {
  const at::NoGradGuard no_grad;
  for (size_t a = 0; a < gradients.size(); ++a) {
    if (!gradients[a].defined()) continue;
    Tensor sum = layout_->view(buffers_, a);
    if (there_[a]) {
      sum.add_(gradients[a], weight);
    } else {
      sum.copy_(gradients[a]);
      if (weight != 1) sum.mul_(weight);
    }
    there_[a] = 1;
  }
}

std::vector<Tensor> FlatGradients::by_array() const {
  std::vector<Tensor> all(there_.size());
  for (size_t a = 0; a < all.size(); ++a)
    if (there_[a])
      all[a] = layout_->view(buffers_, a).to(layout_->groups[layout_->arrays[a].group].dtype);
  return all;
}

}  // namespace luxtorch::detail
