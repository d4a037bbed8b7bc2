#include "interop/module_turns.h"

#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>

#include "autograd_node.h"
#include "interop/module_parts.h"
#include "interop/module_pool.h"
#include "interop/seeded_generator.h"
#include "luxtorch/core/error.h"
#include "transforms.h"

namespace luxtorch::detail {

namespace autograd = torch::autograd;

class ModuleTurns::Turn {
 public:
  Turn(ModuleTurns& turns, const Call& call)
      : generator_(seeded(call)),
        lock_(turns.mutex_),
        turns_(turns),
        training_(training_flags(*turns.module_.module)) {
    for (size_t i = 0; i < turns.own_.size(); ++i) {
      before_.push_back(turns.own_[i].tensor_data());
      turns.own_[i].unsafeGetTensorImpl()->shallow_copy_from(call.tensors[i].getIntrusivePtr());
    }
    set_training(*turns.module_.module, call.training);
  }
  ~Turn() {
    for (size_t i = 0; i < before_.size(); ++i) {
      turns_.own_[i].unsafeGetTensorImpl()->shallow_copy_from(before_[i].getIntrusivePtr());
    }
    restore_training_flags(*turns_.module_.module, training_);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  static std::unique_ptr<SeededGenerator> seeded(const Call& call) {
    return call.seed ? std::make_unique<SeededGenerator>(*call.seed, call.device()) : nullptr;
  }

  // The generator before the module, everywhere: else two threads wait for each other.
  std::unique_ptr<SeededGenerator> generator_;
  std::lock_guard<std::mutex> lock_;
  ModuleTurns& turns_;
  std::vector<bool> training_;
  std::vector<Tensor> before_;
};

namespace {
// A MultiheadAttention returns weights that nobody asked for as an undefined tensor.
std::vector<Tensor> defined_tensors(const Tree& t) {
  auto all = tree::tensors(t);
  std::erase_if(all, [](const Tensor& tensor) { return !tensor.defined(); });
  return all;
}
}  // namespace

struct Recompute : autograd::Node {
  std::shared_ptr<ModuleTurns> turns;
  ModuleTurns::Call call;                      // without the tensors that are saved
  std::vector<autograd::SavedVariable> saved;  // the parameters, then x's tensors
  std::vector<bool> wanted;                    // who of them has a gradient

  void release_variables() override {
    saved.clear();
    call.tensors.clear();
    call.x = Tree();
  }
  std::string name() const override { return "luxtorch::Recompute"; }

  autograd::variable_list apply(autograd::variable_list&& gradients) override {
    if (at::GradMode::is_enabled() ||
        std::any_of(gradients.begin(), gradients.end(),
                    [](const Tensor& g) { return g.defined() && transforms::is_wrapped(g); })) {
      throw UnsupportedError("functional", "expected first-order gradients of a module " +
                                               turns->why() + ", got a call for higher ones. " +
                                               turns->advice());
    }
    const transforms::Outside outside;
    if (saved.empty()) {
      throw UnsupportedError(
          "functional", "expected one backward pass, got a second. Keep the graph of the first.");
    }
    const bool copies_x = turns->changes_.copies_x(call.training),
               copies_parameters = turns->changes_.copies_parameters(call.training);
    auto now = call;
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < saved.size(); ++i) {
      auto t = saved[i].unpack().detach();
      if (i < call.parameters) {
        now.tensors[i] = copies_parameters ? t.clone() : t;
      } else {
        inputs.push_back(wanted[i] ? t.set_requires_grad(true) : t);
      }
    }
    for (size_t i = call.parameters; i < now.tensors.size(); ++i)
      now.tensors[i] = now.tensors[i].clone();

    at::AutoGradMode recording(true);
    std::vector<Tree> given;
    for (const auto& t : inputs) given.emplace_back(copies_x && t.defined() ? t.clone() : t);
    now.x = tree::unflatten(call.x, given);
    ModuleTurns::Turn turn(*turns, now);
    autograd::variable_list sources, outputs, output_gradients;
    for (size_t i = 0; i < saved.size(); ++i) {
      if (wanted[i])
        sources.push_back(i < call.parameters ? turns->own_[i] : inputs[i - call.parameters]);
    }
    std::vector<Tensor> frozen;
    for (auto& s : sources) {
      if (!s.requires_grad()) frozen.push_back(s.set_requires_grad(true));
    }
    auto y = defined_tensors(turns->module_.forward(now.x));
    for (size_t i = 0; i < y.size(); ++i) {
      if (gradients[i].defined() && y[i].requires_grad()) {
        outputs.push_back(y[i]);
        output_gradients.push_back(gradients[i]);
      }
    }
    auto found = outputs.empty()
                     ? autograd::variable_list(sources.size())
                     : autograd::grad(outputs, sources, output_gradients, false, false, true);
    for (auto& s : frozen) s.set_requires_grad(false);
    autograd::variable_list all(saved.size());
    for (size_t i = 0, next = 0; i < all.size(); ++i) {
      if (wanted[i]) all[i] = found[next++];
    }
    return all;
  }
};

Device ModuleTurns::Call::device() const {
  auto tensors = tree::tensors(x);
  return tensors.empty() ? Device(c10::DeviceType::CPU) : tensors[0].device();
}

std::vector<Tensor> ModuleTurns::reset(const std::vector<Tensor>& start,
                                       const std::vector<std::string>& parts, Rng rng) {
  // The parts will be seeded one by one: with a seed here, the generator is taken before the module.
  Turn turn(*this,
            {.tensors = start, .parameters = 0, .x = Tree(), .training = true, .seed = rng.key()});
  reset_parts(module_, parts, rng);
  std::vector<Tensor> values;
  for (const auto& own : own_) values.push_back(own.tensor_data());
  return values;
}

ModuleTurns::Result ModuleTurns::run(const Call& call) {
  const transforms::Outside outside;  // a call's tensors are plain
  const bool copies_x = changes_.copies_x(call.training),
             copies_parameters = changes_.copies_parameters(call.training);
  Result result;
  {
    auto now = call;
    for (size_t i = copies_parameters ? 0 : call.parameters; i < now.tensors.size(); ++i)
      now.tensors[i] = plain_copy(now.tensors[i]);
    if (copies_x) {
      now.x = tree::map_tensors([](const Tensor& t) { return t.defined() ? plain_copy(t) : t; },
                                call.x);
    }
    const ForwardChanges::Watch x(tree::tensors(now.x), copies_x);
    at::AutoGradMode recording(false);
    Turn turn(*this, now);
    const ForwardChanges::Watch parameters(
        {own_.begin(), own_.begin() + static_cast<std::ptrdiff_t>(call.parameters)},
        copies_parameters);
    // New handles to the data, since the module's own tensors are about to get theirs back.
    result.y =
        tree::map_tensors([](const Tensor& t) { return t.tensor_data(); }, module_.forward(now.x));
    changes_.learn(*module_.module, call.training, x, parameters);
    for (size_t i = call.parameters; i < own_.size(); ++i)
      result.buffers.push_back(own_[i].tensor_data());
  }
  if (!at::GradMode::is_enabled()) return result;

  auto inputs = tree::tensors(call.x);
  autograd::Edge self(make_node<Recompute>(), 0);
  auto* node = static_cast<Recompute*>(self.function.get());
  bool any = false;
  auto remember = [&](const Tensor& t) {
    node->saved.emplace_back(t, false);
    node->wanted.push_back(t.requires_grad());
    node->add_next_edge(autograd::impl::gradient_edge(t));
    any = any || t.requires_grad();
  };
  for (size_t i = 0; i < call.parameters; ++i) remember(call.tensors[i]);
  for (const auto& t : inputs) remember(t);
  if (!any) return result;
  node->turns = shared_from_this();
  node->call = call;
  node->call.x = tree::map_tensors([](const Tensor&) { return Tensor(); }, call.x);
  std::fill_n(node->call.tensors.begin(), call.parameters, Tensor());
  for (const auto& t : defined_tensors(result.y)) {
    auto number = node->add_input_metadata(t);
    if (t.is_floating_point() || t.is_complex())
      autograd::impl::set_gradient_edge(t, {self.function, number});
  }
  return result;
}

}  // namespace luxtorch::detail
