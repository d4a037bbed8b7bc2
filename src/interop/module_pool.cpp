#include "interop/module_pool.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <atomic>

#include "autograd_node.h"
#include "interop/forward_changes.h"
#include "luxtorch/core/error.h"
#include "transforms.h"

namespace luxtorch::detail {

namespace autograd = torch::autograd;

namespace {

// Stands between a module's own tensors and the ones that they were bound to: hands gradients on, and tells the pool when
// a backward pass has released what it saved.
struct Handover : autograd::Node {
  std::weak_ptr<ModulePool> pool;
  const ModuleCopy* copy = nullptr;

  autograd::variable_list apply(autograd::variable_list&& gradients) override {
    return std::move(gradients);
  }
  std::string name() const override { return "luxtorch::Handover"; }
  // The last of the call's nodes to run, so all the others have let go by now.
  void release_variables() override {
    if (auto p = pool.lock()) p->reclaim(copy);
  }

  /// The edge for whoever stands in for t.
  autograd::Edge stand_in(const autograd::Edge& self, const Tensor& t) {
    add_next_edge(autograd::impl::gradient_edge(t));
    return {self.function, add_input_metadata(t)};
  }
};

}  // namespace

void bind_data(const Tensor& own, const Tensor& t) {
  auto* impl = own.unsafeGetTensorImpl();
  impl->set_autograd_meta(nullptr);
  impl->shallow_copy_from(t.getIntrusivePtr());
  // One counter for both: a change of t in place before the backward pass is then noticed, as it is without us.
  autograd::impl::set_version_counter(own, autograd::impl::version_counter(t));
}

ModuleCopy::ModuleCopy(ModuleHandle h, std::vector<Tensor> tensors)
    : handle(std::move(h)), own(std::move(tensors)) {
  for (const auto& t : own) holders.push_back(t.use_count());
}

bool ModuleCopy::at_rest() const {
  for (size_t i = 0; i < own.size(); ++i) {
    if (own[i].use_count() != holders[i]) return false;
  }
  // Whoever let go last did so after using the tensors: use_count() alone orders nothing.
  std::atomic_thread_fence(std::memory_order_acquire);
  return true;
}

ModulePool::ModulePool(std::function<std::unique_ptr<ModuleCopy>()> make,
                       std::vector<Tensor> values)
    : make_(std::move(make)), values_(std::move(values)) {}

size_t ModulePool::size() const {
  std::lock_guard lock(mutex_);
  return idle_.size() + lent_.size();
}

ModuleCopy& ModulePool::lend() {
  {
    std::lock_guard lock(mutex_);
    if (idle_.empty()) {
      // One whose graph was dropped without a backward pass.
      auto free = std::find_if(lent_.begin(), lent_.end(),
                               [](const auto& c) { return !c->in_call && c->at_rest(); });
      if (free != lent_.end()) {
        (*free)->in_call = true;
        return **free;
      }
    } else {
      lent_.push_back(std::move(idle_.back()));
      idle_.pop_back();
      lent_.back()->in_call = true;
      return *lent_.back();
    }
  }
  const transforms::Outside outside;  // a module's own tensors are plain
  auto made = make_();
  if (!made) {
    throw UnsupportedError("functional",
                           "expected a module that can be copied again, got one whose clone() "
                           "failed this time.");
  }
  for (size_t i = 0; i < values_.size(); ++i) bind_data(made->own[i], values_[i]);
  made->in_call = true;
  std::lock_guard lock(mutex_);
  lent_.push_back(std::move(made));
  return *lent_.back();
}

void ModulePool::end_call(ModuleCopy& copy) {
  {
    std::lock_guard lock(mutex_);
    copy.in_call = false;
  }
  reclaim(&copy);
}

void ModulePool::reclaim(const ModuleCopy* copy) {
  std::unique_ptr<ModuleCopy> back;
  {
    std::lock_guard lock(mutex_);
    auto found =
        std::find_if(lent_.begin(), lent_.end(), [&](const auto& c) { return c.get() == copy; });
    if (found == lent_.end() || (*found)->in_call || !(*found)->at_rest()) return;
    back = std::move(*found);
    lent_.erase(found);
  }
  // Outside the lock: what goes here may be the last of a graph that ends in this pool again.
  for (size_t i = 0; i < values_.size(); ++i) bind_data(back->own[i], values_[i]);
  std::lock_guard lock(mutex_);
  idle_.push_back(std::move(back));
}

Tree ModulePool::Loan::bind(const Bindings& bindings, const Tree& x, bool copy_x) {
  auto& own = copy_.own;
  for (size_t i = 0; i < own.size(); ++i) bind_data(own[i], bindings.data[i]);
  const bool recording = at::GradMode::is_enabled();
  if (!recording && !copy_x) return x;

  autograd::Edge self;
  auto lead = [&](const Tensor& stand_in, const Tensor& t) {
    if (!self.is_valid()) self.function = make_node<Handover>();
    auto* node = static_cast<Handover*>(self.function.get());
    node->pool = pool_.weak_from_this();
    node->copy = &copy_;
    autograd::impl::set_gradient_edge(stand_in, node->stand_in(self, t));
  };
  for (size_t i = 0; recording && i < bindings.parameters.size(); ++i) {
    const Tensor& t = bindings.parameters[i];
    if (t.requires_grad()) lead(own[i], t);
  }
  return tree::map_tensors(
      [&](const Tensor& t) {
        if (!t.defined()) return t;
        // A transform's graph of x is not torch's: there the copy rests when lend() sees that it does.
        if (transforms::is_wrapped(t)) return copy_x ? t.clone() : t;
        const bool recorded = recording && t.requires_grad();
        Tensor stand_in = copy_x ? plain_copy(t) : recorded ? t.tensor_data() : t;
        if (recorded) lead(stand_in, t);
        return stand_in;
      },
      x);
}

Tree ModulePool::Loan::release(const Tree& y, const std::vector<Tensor>& parameters,
                               const std::vector<Tensor>& buffers) const {
  return tree::map_tensors(
      [&](const Tensor& t) {
        for (size_t i = 0; i < copy_.own.size(); ++i) {
          if (!t.is_same(copy_.own[i])) continue;
          auto first_buffer = copy_.own.size() - buffers.size();
          return i < first_buffer ? parameters[i] : buffers[i - first_buffer];
        }
        return t;
      },
      y);
}

}  // namespace luxtorch::detail
