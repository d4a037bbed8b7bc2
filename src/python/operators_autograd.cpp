// luxtorch::recurrent as one node of a graph.
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/alias.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/library.h>

#include <algorithm>
#include <functional>
#include <mutex>

#include "ops/fast_path.h"
#include "python/graph.h"
#include "python/kept.h"
#include "python/operators.h"

namespace luxtorch::python {

namespace {

using Tensors = torch::autograd::variable_list;

template <class Signature>
c10::TypedOperatorHandle<Signature> operator_named(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

// What a call had beside its tensors.
struct Kind {
  std::string mode;
  bool biases, bidirectional, batch_first;
  int64_t layers;
  size_t hx, weights, masks;  // how many
};

struct RecurrentNode : torch::autograd::Function<RecurrentNode> {
  using Context = torch::autograd::AutogradContext;
  using Data = decltype(Context::saved_data);
  // Of what forward saved, number i, as it was then; not `as_saved`: whose numbers are not read.
  using Saved = std::function<Tensor(size_t i, bool as_saved)>;
  enum : size_t {
    kMemory,
    kBatchSizes,
    kTensors
  };  // in this order: memory, batch sizes, and input, hx, weights, masks

  static Tensors forward(Context* context, const Tensor&, at::TensorList, at::TensorList,
                         const Arguments& a) {
    static const auto forward = operator_named<RecurrentForward>("luxtorch::recurrent_forward");
    const at::AutoDispatchBelowADInplaceOrView below;
    auto [y, h, c, memory] = forward.call(a.input, a.hx, a.weights, a.masks, a.batch_sizes, a.mode,
                                          a.biases, a.layers, a.bidirectional, a.batch_first);
    Tensors saved{std::move(memory), a.batch_sizes.value_or(Tensor()), a.input};
    for (const auto& list : {a.hx, a.weights, a.masks})
      saved.insert(saved.end(), list.begin(), list.end());
    context->set_materialize_grads(false);
    context->save_for_backward(std::move(saved));
    auto& data = context->saved_data;
    data["mode"] = std::string(a.mode);
    data["kind"] = std::vector<int64_t>{a.biases, a.layers, a.bidirectional, a.batch_first};
    data["counts"] = std::vector<int64_t>{static_cast<int64_t>(a.hx.size()),
                                          static_cast<int64_t>(a.weights.size()),
                                          static_cast<int64_t>(a.masks.size())};
    Tensors out{std::move(y), std::move(h)};
    if (a.mode == "LSTM") out.push_back(std::move(c));
    return out;
  }

  // Compiled autograd's, which unpacks all that was saved. The engine's is CppNode::apply below.
  static Tensors backward(Context* context, const Tensors& by) {
    const auto saved = context->get_saved_variables();
    auto all = gradients(
        context->saved_data, by, [&](size_t i) { return context->needs_input_grad(i); },
        [&](size_t i, bool) { return saved[i]; });
    all.emplace_back();  // for Arguments
    return all;
  }

  // By input, hx and weights.
  static Tensors gradients(const Data& data, Tensors by, const std::function<bool(size_t)>& needs,
                           const Saved& saved) {
    const Kind kind = kind_of(data);
    std::vector<bool> needed(1 + kind.hx + kind.weights);
    for (size_t i = 0; i < needed.size(); ++i) needed[i] = needs(i);
    by.resize(3);
    const auto is_defined = [](const Tensor& t) { return t.defined(); };
    if (std::none_of(by.begin(), by.end(), is_defined)) return Tensors(needed.size());

    const Tensor memory = saved(kMemory, true), sizes = saved(kBatchSizes, true);
    const auto batch_sizes = ops::maybe(sizes);
    Tensors tensors;
    const auto arguments = [&] {
      const at::TensorList list(tensors);
      return Arguments{tensors[0],
                       list.slice(1, kind.hx),
                       list.slice(1 + kind.hx, kind.weights),
                       list.slice(needed.size(), kind.masks),
                       batch_sizes,
                       kind.mode,
                       kind.biases,
                       kind.layers,
                       kind.bidirectional,
                       kind.batch_first};
    };
    const auto unpack = [&](const auto& as_saved) {
      tensors.clear();
      for (size_t i = 0; i < needed.size() + kind.masks; ++i)
        tensors.push_back(saved(kTensors + i, i >= needed.size() || as_saved(i)));
    };
    const auto all = [](size_t) { return true; };

    if (needs_torch(by)) {
      unpack(all);
      return backward_with_graph(arguments().call(), {by[0], by[1], by[2]}, needed);
    }
    const StackMemory* const known = kept(memory);
    if (known) unpack([](size_t) { return false; });
    if (known && known->signature == signature_of(arguments().call())) {
      const auto reads = read_by_backward(arguments().call().kind, kind.hx, *known, needed);
      unpack([&](size_t i) { return reads[i]; });
    } else {
      unpack(all);  // forward runs once more
    }
    static const auto backward = operator_named<RecurrentBackward>("luxtorch::recurrent_backward");
    const at::AutoDispatchBelowADInplaceOrView below;
    const Arguments a = arguments();
    const std::vector<int64_t> wanted(needed.begin(), needed.end());
    auto found = backward.call(ops::maybe(by[0]), ops::maybe(by[1]), ops::maybe(by[2]), memory,
                               a.input, a.hx, a.weights, a.masks, a.batch_sizes, a.mode, a.biases,
                               a.layers, a.bidirectional, a.batch_first, wanted);
    Tensors result(needed.size());
    for (size_t i = 0, next = 0; i < needed.size(); ++i) {
      if (needed[i]) result[i] = std::move(found[next++]);
    }
    return result;
  }

  static Kind kind_of(const Data& data) {
    const auto kind = data.at("kind").toIntVector(), counts = data.at("counts").toIntVector();
    return {data.at("mode").toStringRef(),
            kind[0] != 0,
            kind[2] != 0,
            kind[3] != 0,
            kind[1],
            static_cast<size_t>(counts[0]),
            static_cast<size_t>(counts[1]),
            static_cast<size_t>(counts[2])};
  }

  // Gradients of gradients, and gradients by many things at once.
  static bool needs_torch(const Tensors& by) {
    if (at::GradMode::is_enabled()) return true;
    static constexpr c10::DispatchKeySet batched{c10::DispatchKey::FuncTorchBatched,
                                                 c10::DispatchKey::Batched};
    return std::any_of(by.begin(), by.end(),
                       [](const Tensor& t) { return t.defined() && t.key_set().has_any(batched); });
  }
};

}  // namespace

}  // namespace luxtorch::python

namespace torch::autograd {

// What the kernels do not read is not unpacked, so that it may have been written into: an optimiser's step, x += y.
template <>
variable_list CppNode<luxtorch::python::RecurrentNode>::apply(variable_list&& by) {
  const std::lock_guard<std::mutex> lock(mutex_);
  TORCH_CHECK(!ctx_.has_freed_buffers_, ERR_BACKWARD_TWICE);
  return luxtorch::python::RecurrentNode::gradients(
      ctx_.saved_data, std::move(by), [this](size_t i) { return task_should_compute_output(i); },
      [this](size_t i, bool as_saved) {
        const auto& saved = ctx_.saved_variables_[i];
        if (!as_saved) {
          if (auto raw = saved.get_raw_data()) return *std::move(raw);
        }
        return saved.unpack();
      });
}

}  // namespace torch::autograd

namespace luxtorch::python {

namespace {

bool records_graph(const Arguments& a) {
  if (!at::GradMode::is_enabled()) return false;
  auto by = [](const Tensor& t) { return t.requires_grad(); };
  return by(a.input) || std::any_of(a.hx.begin(), a.hx.end(), by) ||
         std::any_of(a.weights.begin(), a.weights.end(), by);
}

// Whether somebody waits for a gradient by this parameter.
bool has_hooks(const Tensor& t) {
  const auto* meta = torch::autograd::impl::get_autograd_meta(t);
  if (!meta) return false;
  if (!meta->hooks_.empty() || meta->post_acc_grad_hooks_) return true;
  const auto accumulator = meta->grad_accumulator_.lock();
  return accumulator && (!accumulator->pre_hooks().empty() || !accumulator->post_hooks().empty());
}

// Gradients by the inputs of one node come in no order. Hooks get theirs as from torch's operators, the last layer's
// first, of each bias_hh, weight_hh, bias_ih, weight_ih: the engine runs the youngest of these nodes first.
std::vector<Tensor> in_order_of_hooks(at::TensorList weights, bool biases) {
  std::vector<Tensor> nodes = weights.vec();
  auto make_node = [&](size_t i) {
    if (nodes[i].requires_grad()) nodes[i] = at::alias(nodes[i]);
  };
  const size_t tensors = biases ? 4 : 2;
  for (size_t first = 0; first + tensors <= nodes.size(); first += tensors) {
    for (size_t weight : {first, first + 1}) {
      make_node(weight);
      if (biases) make_node(weight + 2);
    }
  }
  return nodes;
}

// The node has no derivatives of the forward kind: they would silently be zero.
void refuse_forward_mode(const Arguments& a) {
  TORCH_CHECK_NOT_IMPLEMENTED(
      !ops::has_tangent(a.input) && std::none_of(a.hx.begin(), a.hx.end(), ops::has_tangent) &&
          std::none_of(a.weights.begin(), a.weights.end(), ops::has_tangent),
      "[luxtorch.recurrent] expected tensors without forward-mode "
      "derivatives. Use torch.nn's module "
      "for these.");
}

std::tuple<Tensor, Tensor, Tensor> recurrent(LUXTORCH_RECURRENT_ARGUMENTS) {
  const Arguments a{LUXTORCH_RECURRENT_VALUES};
  refuse_forward_mode(a);
  if (!records_graph(a)) {
    static const auto plain = operator_named<Recurrent>("luxtorch::recurrent");
    const at::AutoDispatchBelowADInplaceOrView below;
    return plain.call(LUXTORCH_RECURRENT_VALUES);
  }
  auto apply = [&](at::TensorList weights) {
    return RecurrentNode::apply(input, hx, weights,
                                Arguments{input, hx, weights, masks, batch_sizes, mode, biases,
                                          layers, bidirectional, batch_first});
  };
  auto out = std::any_of(weights.begin(), weights.end(), has_hooks)
                 ? apply(in_order_of_hooks(weights, biases))
                 : apply(weights);
  return {out[0], out[1], out.size() > 2 ? out[2] : at::empty({0}, input.options())};
}

}  // namespace

}  // namespace luxtorch::python

TORCH_LIBRARY_IMPL(luxtorch, Autograd, library) {
  library.impl("recurrent", &luxtorch::python::recurrent);
}
