// luxtorch::recurrent as one node of a graph.
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>

#include "python/graph.h"
#include "python/operators.h"

namespace luxtorch::python {

namespace {

using Tensors = torch::autograd::variable_list;

template <class Signature>
c10::TypedOperatorHandle<Signature> operator_named(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

struct RecurrentNode : torch::autograd::Function<RecurrentNode> {
  using Context = torch::autograd::AutogradContext;

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

  static Tensors backward(Context* context, Tensors by) {
    const auto saved = context->get_saved_variables();
    auto& data = context->saved_data;
    const std::string& mode = data["mode"].toStringRef();
    const auto kind = data["kind"].toIntVector(), counts = data["counts"].toIntVector();
    const bool biases = kind[0], bidirectional = kind[2], batch_first = kind[3];
    const int64_t layers = kind[1];
    const size_t hx_count = counts[0], weight_count = counts[1], mask_count = counts[2];
    const at::TensorList tensors(saved);
    const auto hx = tensors.slice(3, hx_count), weights = tensors.slice(3 + hx_count, weight_count),
               masks = tensors.slice(3 + hx_count + weight_count, mask_count);
    const std::optional<Tensor> batch_sizes =
        saved[1].defined() ? std::optional(saved[1]) : std::nullopt;
    by.resize(3);

    std::vector<int64_t> needed(1 + hx_count + weight_count);
    for (size_t i = 0; i < needed.size(); ++i) needed[i] = context->needs_input_grad(i);
    Tensors all(needed.size() + 1);  // the last is not a tensor
    const auto is_defined = [](const Tensor& t) { return t.defined(); };
    if (std::none_of(by.begin(), by.end(), is_defined)) return all;

    if (needs_torch(by)) {
      const Arguments a{saved[2], hx,     weights, masks,         batch_sizes,
                        mode,     biases, layers,  bidirectional, batch_first};
      auto found =
          backward_with_graph(a.call(), {by[0], by[1], by[2]}, {needed.begin(), needed.end()});
      std::move(found.begin(), found.end(), all.begin());
      return all;
    }
    static const auto backward = operator_named<RecurrentBackward>("luxtorch::recurrent_backward");
    const at::AutoDispatchBelowADInplaceOrView below;
    auto maybe = [](const Tensor& t) { return t.defined() ? std::optional(t) : std::nullopt; };
    auto found =
        backward.call(maybe(by[0]), maybe(by[1]), maybe(by[2]), saved[0], saved[2], hx, weights,
                      masks, batch_sizes, mode, biases, layers, bidirectional, batch_first, needed);
    for (size_t i = 0, next = 0; i < needed.size(); ++i) {
      if (needed[i]) all[i] = std::move(found[next++]);
    }
    return all;
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

bool records_graph(const Arguments& a) {
  if (!at::GradMode::is_enabled()) return false;
  auto by = [](const Tensor& t) { return t.requires_grad(); };
  return by(a.input) || std::any_of(a.hx.begin(), a.hx.end(), by) ||
         std::any_of(a.weights.begin(), a.weights.end(), by);
}

// The node has no derivatives of the forward kind: they would silently be zero.
void refuse_forward_mode(const Arguments& a) {
  auto carries = [](const Tensor& t) { return t._fw_grad(/*level=*/0).defined(); };
  TORCH_CHECK_NOT_IMPLEMENTED(!carries(a.input) &&
                                  std::none_of(a.hx.begin(), a.hx.end(), carries) &&
                                  std::none_of(a.weights.begin(), a.weights.end(), carries),
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
  auto out = RecurrentNode::apply(input, hx, weights, a);
  return {out[0], out[1], out.size() > 2 ? out[2] : at::empty({0}, input.options())};
}

}  // namespace

}  // namespace luxtorch::python

TORCH_LIBRARY_IMPL(luxtorch, Autograd, library) {
  library.impl("recurrent", &luxtorch::python::recurrent);
}
