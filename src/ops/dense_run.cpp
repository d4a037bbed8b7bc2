#include "ops/dense_run.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <algorithm>
#include <mutex>

#include "autocast.h"
#include "autograd_node.h"
#include "ops/dense_choice.h"
#include "ops/dense_kernels.h"
#include "ops/fast_path.h"
#include "ops/flops.h"
#include "ops/linear.h"
#include "ops/run_again.h"

namespace luxtorch::ops {

namespace {

namespace autograd = torch::autograd;
using Tensors = autograd::variable_list;

// x, then each layer's weight and bias: the order of a node's edges.
Tensors tensors_of(const Tensor& x, std::span<const DenseCall> layers) {
  Tensors all{x};
  all.reserve(1 + 2 * layers.size());
  for (const DenseCall& l : layers) all.push_back(l.weight), all.push_back(l.bias);
  return all;
}

// Do the shapes fit, and in the way that matrices lie in memory?
const char* why_unfit(const Tensor& x, std::span<const DenseCall> layers) {
  if (x.dim() < 1 || x.numel() == 0) return "x has no numbers";
  int64_t in = x.size(-1);
  for (const DenseCall& l : layers) {
    const bool fits =
        l.weight.dim() == 2 && l.weight.size(1) == in && l.weight.size(0) > 0 &&
        (!l.bias.defined() || (l.bias.dim() == 1 && l.bias.size(0) == l.weight.size(0)));
    if (!fits) return "shapes do not fit";
    if (l.weight.scalar_type() != x.scalar_type() ||
        (l.bias.defined() && l.bias.scalar_type() != x.scalar_type()))
      return "dtypes are mixed";
    if (!l.weight.is_contiguous() || (l.bias.defined() && !l.bias.is_contiguous()))
      return "a weight is not contiguous";
    if (!is_fused(l.activation)) return "an activation has no kernel";
    in = l.weight.size(0);
  }
  return nullptr;
}

const char* why_not_fused(const Tensor& x, std::span<const DenseCall> layers) {
  if (const char* reason = why_disabled(FusedOp::dense)) return reason;
  if (const char* reason = why_unreadable(x.scalar_type(), {&x})) return reason;
  for (const DenseCall& l : layers) {
    if (const char* reason = why_unreadable(x.scalar_type(), {&l.weight, &l.bias})) return reason;
  }
  if (!detail::as_in_products(x).is_same(x)) return "autocast is on";
  if (const char* reason = why_unfit(x, layers)) return reason;
  const int64_t rows = x.numel() / x.size(-1);
  for (const DenseCall& l : layers) {
    if (const char* reason =
            why_library(rows, l.weight.size(1), l.weight.size(0), layers.size() == 1))
      return reason;
  }
  return nullptr;
}

DenseInput input_of(const Tensor& x, std::span<const DenseCall> layers) {
  return {x.contiguous().view({-1, x.size(-1)}), {layers.begin(), layers.end()}};
}

// Gradients that are differentiated further, or transformed: of torch's operators, run again.
Tensors gradients_in_plain_ops(Tensor x, std::vector<DenseCall> layers, const Tensor& by_y,
                               const std::vector<bool>& wanted) {
  std::vector<Tensor*> inputs{&x};
  for (DenseCall& l : layers) inputs.push_back(&l.weight), inputs.push_back(&l.bias);
  return gradients_by_running_again(inputs, wanted, {&by_y, 1},
                                    [&]() -> Tensors { return {dense_reference(x, layers)}; });
}

// A tensor, and how often its numbers had been changed.
struct Watched {
  Tensor tensor;
  uint32_t version = 0;

  explicit Watched(const Tensor& t) : tensor(t), version(detail::version_of(t)) {}
  bool is_changed() const { return detail::version_of(tensor) != version; }
};

class DenseNode : public autograd::Node {
 public:
  // x or a tensor of the first layer is recorded.
  DenseNode(const Tensor& x, std::span<const DenseCall> layers, const Tensor& y, Tensor hidden)
      : x_(x),
        y_(layers.back().activation == identity ? Tensor() : y.detach()),
        hidden_(std::move(hidden)) {
    const bool by_x = is_recorded(x);
    for (const DenseCall& l : layers) {
      const bool reads = by_x || !layers_.empty();
      layers_.push_back({autograd::SavedVariable(reads ? l.weight : Tensor(), false),
                         Watched(l.weight), Watched(l.bias), l.activation});
    }
    if (is_recorded(layers[0].weight)) saved_x_ = autograd::SavedVariable(x, false);
  }

  std::string name() const override { return "luxtorch::Dense"; }

  void release_variables() override {
    const std::lock_guard lock(mutex_);
    layers_.clear();
    saved_x_ = autograd::SavedVariable();
    x_.tensor = y_.tensor = hidden_ = Tensor();
  }

  Tensors apply(Tensors&& by_outputs) override {
    const Tensor& by_y = by_outputs[0];
    if (!by_y.defined()) return Tensors(num_outputs());
    const bool again = at::GradMode::is_enabled() || transforms::active() || is_indirect(by_y) ||
                       has_tangent(by_y);
    const auto [x, layers, y, hidden] = variables(again);
    std::vector<bool> wanted;
    for (size_t i = 0; i < num_outputs(); ++i) wanted.push_back(task_should_compute_output(i));
    if (again) return gradients_in_plain_ops(x, layers, by_y, wanted);
    auto all = dense_backward(input_of(x, layers), hidden, y, by_y.contiguous(), wanted);
    if (all[0].defined()) all[0] = all[0].view(x.sizes());
    return all;
  }

 private:
  struct Variables {
    Tensor x;
    std::vector<DenseCall> layers;
    Tensor y, hidden;
  };
  // again: for the layers run once more, which read everything.
  Variables variables(bool again) {
    const std::lock_guard lock(mutex_);
    if (layers_.empty()) detail::refuse_second_pass("dense layers");
    if (y_.is_changed()) detail::refuse_changed("the output of a dense layer");
    (void)saved_x_.unpack();  // looks whether it was changed
    if (again && x_.is_changed()) detail::refuse_changed("x of a dense layer");
    Variables v{x_.tensor, {}, y_.tensor, hidden_};
    for (const auto& [saved, weight, bias, activation] : layers_) {
      (void)saved.unpack();
      if (again && (weight.is_changed() || bias.is_changed()))
        detail::refuse_changed("a parameter of a dense layer");
      v.layers.push_back({weight.tensor, bias.tensor, activation});
    }
    return v;
  }

  struct Saved {
    autograd::SavedVariable read;  // the weight, where kernels read it
    Watched weight, bias;          // the gradients' gradients read all of them
    Activation activation;
  };
  std::mutex mutex_;
  std::vector<Saved> layers_;
  autograd::SavedVariable saved_x_;  // where kernels read it
  Watched x_;
  Watched y_;  // without its place in the graph; undefined where backward does not read it
  Tensor hidden_;
};

// How many layers at the start have nothing that is recorded. All of them: none is.
size_t unrecorded(const Tensor& x, std::span<const DenseCall> layers) {
  if (is_recorded(x)) return 0;
  const auto first = std::ranges::find_if(layers, [](const DenseCall& l) {
    return is_recorded(l.weight) || (l.bias.defined() && is_recorded(l.bias));
  });
  return static_cast<size_t>(first - layers.begin());
}

void count_products(const Tensor& x, std::span<const DenseCall> layers) {
  const int64_t rows = x.numel() / x.size(-1);
  bool by_input = is_recorded(x);
  for (const DenseCall& l : layers) {
    const int64_t flops = 2 * rows * l.weight.numel();
    const bool by_weight = is_recorded(l.weight);
    count({flops, flops * (int64_t{by_input} + by_weight)});
    by_input = by_input || by_weight || (l.bias.defined() && is_recorded(l.bias));
  }
}

// The kernels' y, with a node if `records`.
Tensor run_kernels(const Tensor& x, std::span<const DenseCall> layers, bool records) {
  Shape shape(x.sizes());
  shape.back() = layers.back().weight.size(0);
  Tensor y = at::empty(shape, x.options().requires_grad(false)), hidden;
  if (FlopCounter::active()) [[unlikely]]
    count_products(x, layers);
  {
    const at::NoGradGuard no_grad;
    const auto in = input_of(x, layers);
    hidden = dense_forward(in, y, records);
  }
  if (!records) return y;
  auto node = detail::make_node<DenseNode>(x, layers, y, std::move(hidden));
  autograd::edge_list edges;
  for (const Tensor& t : tensors_of(x, layers))
    edges.push_back(t.defined() ? autograd::impl::gradient_edge(t) : autograd::Edge());
  node->set_next_edges(std::move(edges));
  autograd::create_gradient_edge(y, node);
  return y;
}

}  // namespace

std::optional<Tensor> dense_run(const Tensor& x, std::span<const DenseCall> layers) {
  const char* reason = why_not_fused(x, layers);
  if (remember(FusedOp::dense, reason ? Backend::reference : Backend::fused, reason) !=
      Backend::fused)
    return std::nullopt;
  // What comes before the first recorded layer keeps nothing and has no part in the backward pass.
  const size_t before = unrecorded(x, layers);
  if (before == layers.size()) return run_kernels(x, layers, false);
  if (before == 0) return run_kernels(x, layers, true);
  return run_kernels(run_kernels(x, layers.first(before), false), layers.subspan(before), true);
}

Tensor dense(const Tensor& x, const DenseCall& layer) {
  const bool in_one = is_fused(layer.activation);
  const DenseCall product{layer.weight, layer.bias, in_one ? layer.activation : identity};
  const auto y = dense_run(x, {&product, 1});
  if (!y) return dense_reference(x, {&layer, 1});
  return in_one ? *y : layer.activation(*y);
}

Tensor dense_reference(const Tensor& x, std::span<const DenseCall> layers) {
  Tensor y = x;
  for (const DenseCall& l : layers) y = l.activation(linear(y, l.weight, l.bias));
  return y;
}

}  // namespace luxtorch::ops
