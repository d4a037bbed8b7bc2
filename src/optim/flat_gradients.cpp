#include "optim/flat_gradients.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "ops/fast_path.h"

namespace luxtorch::detail {

namespace {

// Below this, torch's operators take longer to start than to run.
constexpr int64_t kShort = 16384;

template <class T>
void add_scaled(const T* from, int64_t n, T weight, bool add, T* to) {
  for (int64_t i = 0; i < n; ++i) to[i] = add ? to[i] + weight * from[i] : weight * from[i];
}

// to (+)= weight * from, if both are short and lie in plain memory.
bool add_short(const Tensor& from, double weight, bool add, const Tensor& flat, int64_t offset) {
  const bool plain = from.numel() <= kShort && from.device().is_cpu() && flat.device().is_cpu() &&
                     from.layout() == at::kStrided && from.is_contiguous() &&
                     !ops::is_indirect(from) && from.scalar_type() == flat.scalar_type();
  if (!plain) return false;
  auto run = [&]<class T>(T scale) {
    add_scaled(from.const_data_ptr<T>(), from.numel(), scale, add,
               flat.mutable_data_ptr<T>() + offset);
    return true;
  };
  if (flat.scalar_type() == kFloat32) return run(static_cast<float>(weight));
  return flat.scalar_type() == kFloat64 && run(weight);
}

}  // namespace

void FlatGradients::reset_(int64_t tail) {
  const at::NoGradGuard no_grad;
  if (!buffers_.empty() && tail == tail_ && std::ranges::none_of(buffers_, held_elsewhere)) {
    for (Tensor& buffer : buffers_) buffer.zero_();
  } else {
    buffers_ = layout_->filled(0);
    if (tail > 0 && buffers_.empty()) buffers_.push_back(at::zeros({0}, kFloat32));
    if (tail > 0) buffers_[0] = at::zeros({buffers_[0].numel() + tail}, buffers_[0].options());
    tail_ = tail;
  }
  there_.assign(layout_->arrays.size(), 0);
}

std::vector<Tensor> FlatGradients::all() const {
  std::vector<Tensor> arrays;
  for (size_t g = 0; g < layout_->groups.size(); ++g)
    arrays.push_back(buffers_[g].narrow(0, 0, layout_->groups[g].numel));
  return arrays;
}

Tensor FlatGradients::tail() const {
  return buffers_.at(0).narrow(0, buffers_[0].numel() - tail_, tail_);
}

void FlatGradients::add_(const std::vector<Tensor>& gradients, double weight) {
  const at::NoGradGuard no_grad;
  for (size_t a = 0; a < gradients.size(); ++a) {
    if (!gradients[a].defined()) continue;
    const auto& array = layout_->arrays[a];
    if (add_short(gradients[a], weight, there_[a] != 0, buffers_[array.group], array.offset)) {
      there_[a] = 1;
      continue;
    }
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

const std::vector<Tensor>& FlatGradients::narrow_(Dtype dtype) {
  const at::NoGradGuard no_grad;
  const std::vector<Tensor> wide = all();
  const bool kept = narrow_buffers_.size() == wide.size();
  if (!kept) narrow_buffers_.assign(wide.size(), Tensor());
  for (size_t g = 0; g < wide.size(); ++g) {
    if (kept) {
      narrow_buffers_[g].copy_(wide[g]);
    } else {
      narrow_buffers_[g] = wide[g].to(dtype);
    }
  }
  return narrow_buffers_;
}

void FlatGradients::widen_() {
  const at::NoGradGuard no_grad;
  const std::vector<Tensor> wide = all();
  for (size_t g = 0; g < wide.size(); ++g) wide[g].copy_(narrow_buffers_[g]);
}

std::vector<Tensor> FlatGradients::by_array() const {
  std::vector<Tensor> all(there_.size());
  for (size_t a = 0; a < all.size(); ++a)
    if (there_[a])
      all[a] = layout_->view(buffers_, a).to(layout_->groups[layout_->arrays[a].group].dtype);
  return all;
}

}  // namespace luxtorch::detail
