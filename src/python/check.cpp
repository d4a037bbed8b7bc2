// What the kernels ask of a call.
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "ops/fast_path.h"
#include "python/stack.h"

namespace luxtorch::python {

namespace {

using ops::RecurrentCell;

template <class... Parts>
[[noreturn]] void refuse(fmt::format_string<Parts...> text, Parts&&... parts) {
  C10_THROW_ERROR(NotImplementedError,
                  "[luxtorch.recurrent] " + fmt::format(text, std::forward<Parts>(parts)...));
}

void check_shape(const char* name, const Tensor& t, std::initializer_list<int64_t> shape) {
  if (t.sizes() != ShapeView(shape))
    refuse("expected {} of shape ({}), got ({}).", name, fmt::join(shape, ", "),
           fmt::join(t.sizes(), ", "));
}

void check_memory(const char* name, const Tensor& t, Dtype dtype) {
  switch (ops::memory_fault(t, dtype)) {
    case ops::MemoryFault::device:
      refuse("expected {} on the CPU, got {}.", name, t.device().str());
    case ops::MemoryFault::layout:
      refuse("expected a dense {}.", name);
    case ops::MemoryFault::dtype:
      refuse("expected {} of {}, as weight_hh, got {}.", name, toString(dtype),
             toString(t.scalar_type()));
    case ops::MemoryFault::none:
      break;
  }
}

void check_batch_sizes(const Tensor& sizes, int64_t rows) {
  check_memory("batch_sizes", sizes, kInt64);
  if (sizes.dim() != 1 || sizes.numel() == 0)
    refuse("expected batch_sizes of one dimension, got {}.", sizes.dim());
  const auto dense = sizes.contiguous();
  const auto* count = dense.const_data_ptr<int64_t>();
  int64_t total = 0;
  for (int64_t t = 0; t < dense.numel(); total += count[t++]) {
    if (count[t] < 1 || (t > 0 && count[t] > count[t - 1]))
      refuse("expected batch_sizes above 0 and none above the one before it, got {} at {}.",
             count[t], t);
  }
  if (total != rows) refuse("expected {} packed rows, got {}.", total, rows);
}

}  // namespace

StackKind stack_kind(std::string_view mode, bool biases, int64_t layers, bool bidirectional,
                     bool batch_first) {
  const auto cell = [&] {
    if (mode == "LSTM") return RecurrentCell::lstm;
    if (mode == "GRU") return RecurrentCell::gru;
    if (mode == "RNN_TANH") return RecurrentCell::rnn_tanh;
    if (mode == "RNN_RELU") return RecurrentCell::rnn_relu;
    refuse("expected the mode LSTM, GRU, RNN_TANH or RNN_RELU, got {}.", mode);
  }();
  return {cell, biases, layers, bidirectional, batch_first};
}

void check_parts(const StackKind& kind, const Tensor& input, at::TensorList hx,
                 at::TensorList weights, at::TensorList masks) {
  const auto count = static_cast<int64_t>(weights.size());
  if (kind.layers < 1 || kind.layers > count || count != kind.sequences() * kind.tensors())
    refuse("expected {} weights for each of {} layers and {} directions, got {}.", kind.tensors(),
           kind.layers, kind.directions(), count);
  const auto states = static_cast<int64_t>(hx.size());
  if (states != 0 && states != kind.states())
    refuse("expected {} states or none, got {}.", kind.states(), states);
  const auto drops = static_cast<int64_t>(masks.size());
  if (drops != 0 && drops != kind.layers - 1)
    refuse("expected {} masks or none, got {}.", kind.layers - 1, drops);
  for (const auto& list : {hx, weights, masks}) {
    for (const Tensor& t : list) {
      if (t.device() != input.device())
        refuse("expected all tensors on {}, as input, got one on {}.", input.device().str(),
               t.device().str());
    }
  }
  if (weights[1].dim() != 2) refuse("expected weight_hh of 2 dimensions.");
}

void check(const StackCall& call) {
  const auto& kind = call.kind;
  check_parts(kind, call.input, call.hx, call.weights, call.masks);
  const auto dtype = call.weights[1].scalar_type();
  if (!ops::has_kernels(dtype)) refuse("expected float32 or float64, got {}.", toString(dtype));

  const bool packed = call.batch_sizes.defined();
  const auto& input = call.input;
  check_memory("input", input, dtype);
  if (input.dim() != (packed ? 2 : 3))
    refuse("expected input of {} dimensions, got {}.", packed ? 2 : 3, input.dim());
  if (input.size(-1) == 0) refuse("expected input of a width above 0.");
  TORCH_CHECK(packed || call.time() > 0, "Expected sequence length to be larger than 0 in RNN");
  if (packed) check_batch_sizes(call.batch_sizes, input.size(0));
  const int64_t time = call.time(), batch = call.batch();

  // Padded, one long sequence among many short ones would need a multiple of their memory.
  constexpr int64_t kSmall = 1 << 20, kWorthPadding = 4;
  if (packed && time * batch > kWorthPadding * input.size(0) &&
      time * batch * std::max(input.size(-1), call.weights[1].size(1)) > kSmall)
    refuse("{} packed rows would be padded to {}, which takes too much memory.", input.size(0),
           time * batch);

  const int64_t out = call.weights[1].size(1), rows = kernels::gates_of(kind.cell) * out;
  int64_t in = input.size(-1);
  for (int64_t s = 0; s < kind.sequences(); ++s) {
    if (s >= kind.directions()) in = kind.directions() * out;
    const auto w = call.weights_of(s);
    check_shape("weight_ih", w.weight_ih, {rows, in});
    check_shape("weight_hh", w.weight_hh, {rows, out});
    check_memory("weight_ih", w.weight_ih, dtype);
    check_memory("weight_hh", w.weight_hh, dtype);
    if (!kind.biases) continue;
    check_shape("bias_ih", w.bias_ih, {rows});
    check_shape("bias_hh", w.bias_hh, {rows});
    check_memory("bias_ih", w.bias_ih, dtype);
    check_memory("bias_hh", w.bias_hh, dtype);
  }

  for (const auto& state : call.hx) {
    check_memory("hx", state, dtype);
    check_shape("hx", state, {kind.sequences(), batch, out});
  }
  for (const auto& mask : call.masks) {
    check_memory("mask", mask, dtype);
    if (packed)
      check_shape("mask", mask, {input.size(0), kind.directions() * out});
    else
      check_shape("mask", mask, {time, batch, kind.directions() * out});
  }
}

void check_backward(const StackCall& call, const StackOutput& by, size_t needed) {
  const auto& kind = call.kind;
  const size_t all = 1 + call.hx.size() + call.weights.size();
  if (needed != all) refuse("expected needed of {} numbers, got {}.", all, needed);
  const auto dtype = call.weights[1].scalar_type();
  const int64_t out = call.weights[1].size(1), width = out * kind.directions();
  const bool packed = call.batch_sizes.defined();
  const int64_t batch = call.batch();
  auto check_gradient = [&](const char* name, const Tensor& t, const auto& shape) {
    if (!t.defined()) return;
    check_memory(name, t, dtype);
    check_shape(name, t, shape);
  };
  using Sizes = std::initializer_list<int64_t>;
  if (packed) {
    check_gradient("by_y", by.y, Sizes{call.input.size(0), width});
  } else {
    check_gradient("by_y", by.y, Sizes{call.input.size(0), call.input.size(1), width});
  }
  check_gradient("by_h", by.h, Sizes{kind.sequences(), batch, out});
  check_gradient("by_c", by.c, Sizes{kind.sequences(), batch, out});
}

std::vector<int64_t> signature_of(const StackCall& call) {
  const auto& kind = call.kind;
  std::vector<int64_t> found{static_cast<int64_t>(kind.cell),
                             kind.biases,
                             kind.layers,
                             kind.bidirectional,
                             kind.batch_first,
                             static_cast<int64_t>(call.weights[1].scalar_type()),
                             call.weights[1].size(1),
                             static_cast<int64_t>(call.hx.size()),
                             static_cast<int64_t>(call.masks.size())};
  found.insert(found.end(), call.input.sizes().begin(), call.input.sizes().end());
  if (!call.batch_sizes.defined()) {
    found.push_back(reinterpret_cast<int64_t>(call.input.const_data_ptr()));
    return found;
  }
  const auto* sizes = call.batch_sizes.const_data_ptr<int64_t>();
  found.insert(found.end(), sizes, sizes + call.batch_sizes.numel());
  return found;
}

}  // namespace luxtorch::python
