#include "autodiff/chain_graph.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/ones_like.h>
#include <torch/csrc/autograd/anomaly_mode.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>
#include <torch/csrc/autograd/graph_task.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <string>

#include "autograd_node.h"

namespace luxtorch::detail {

namespace {

namespace autograd = torch::autograd;
using autograd::Node;

class ChainGraph {
 public:
  explicit ChainGraph(const std::vector<Tensor>& inputs) {
    for (const Tensor& t : inputs) {
      ends_.push_back(autograd::impl::try_get_grad_accumulator(t));
      watched_ = watched_ || !autograd::impl::hooks(t).empty() ||
                 autograd::impl::post_acc_grad_hooks(t) != nullptr;
    }
  }

  // Is the graph from this node on a chain? Then nodes_ are its nodes.
  bool find(const NodePointer& first) {
    if (watched_) return false;
    for (NodePointer node = first; node;) {
      if (!is_plain(*node)) return false;
      nodes_.push_back(node);
      NodePointer next;
      for (const auto& edge : node->next_edges()) {
        if (!edge.is_valid() || end_of(edge) < ends_.size()) continue;
        if (next && next != edge.function) return false;
        next = edge.function;
      }
      node = std::move(next);
    }
    return true;
  }

  // by_value: the gradient by output `output` of the first node.
  std::vector<Tensor> run(const Tensor& by_value, size_t output) const {
    std::vector<Tensor> by_inputs(ends_.size());
    autograd::variable_list given(nodes_[0]->num_inputs());
    given.at(output) = by_value;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      Node& node = *nodes_[i];
      node.will_release_variables();
      autograd::variable_list gradients = node(std::move(given));
      node.release_variables();
      autograd::validate_outputs(node.next_edges(), gradients, [&](const std::string& what) {
        return "Function " + node.name() + " returned an " + what;
      });
      given.assign(i + 1 < nodes_.size() ? nodes_[i + 1]->num_inputs() : 0, Tensor());
      for (size_t k = 0; k < gradients.size(); ++k) {
        const auto& edge = node.next_edge(k);
        if (!edge.is_valid() || !gradients[k].defined()) continue;
        const size_t end = end_of(edge);
        Tensor& sum = end < ends_.size() ? by_inputs[end] : given[edge.input_nr];
        sum = sum.defined() ? sum_of(sum, gradients[k]) : std::move(gradients[k]);
      }
    }
    return by_inputs;
  }

 private:
  // The input that an edge ends at, or their number.
  size_t end_of(const autograd::Edge& edge) const {
    const auto same = [&](const auto& end) { return end && end == edge.function; };
    return static_cast<size_t>(std::ranges::find_if(ends_, same) - ends_.begin());
  }

  static Tensor sum_of(const Tensor& a, const Tensor& b) {
    return a.is_sparse() ? b.add(a) : a.add(b);  // a dense tensor takes a sparse one
  }

  static bool is_plain(Node& node) {
    if (!node.pre_hooks().empty() || !node.post_hooks().empty() ||
        !node.tensor_pre_hooks().empty() || !node.retains_grad_hooks().empty())
      return false;
    for (uint32_t i = 0; i < node.num_inputs(); ++i)
      if (!node.input_metadata(i).device().is_cpu()) return false;
    // A leaf that is not among the inputs.
    return node.num_outputs() > 0 || !dynamic_cast<autograd::AccumulateGrad*>(&node);
  }

  std::vector<NodePointer> ends_;  // of the inputs; null for one that nothing was computed of
  std::vector<NodePointer> nodes_;
  bool watched_ = false;
};

}  // namespace

std::optional<std::vector<Tensor>> gradients_of_chain(const Tensor& value,
                                                      const std::vector<Tensor>& inputs) {
  // Inside of a backward pass, nodes ask its task what is wanted of them.
  const bool inside = autograd::get_current_graph_task_id() != -1;
  if (inside || autograd::AnomalyMode::is_enabled() || !value.device().is_cpu())
    return std::nullopt;
  ChainGraph graph(inputs);
  if (!value.grad_fn() || !graph.find(value.grad_fn())) return std::nullopt;
  const at::NoGradGuard no_grad;
  return graph.run(at::ones_like(value), value.output_nr());
}

}  // namespace luxtorch::detail
