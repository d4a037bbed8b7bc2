// What the kernels ask of a call.
#include <c10/util/Exception.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "python/stack.h"

namespace luxtorch::python {

namespace {

using kernels::RecurrentCell;

template <class... Parts>
[[noreturn]] void refuse(fmt::format_string<Parts...> text, Parts&&... parts) {
  C10_THROW_ERROR(NotImplementedError,
                  "[luxtorch.recurrent] " + fmt::format(text, std::forward<Parts>(parts)...));
}

void check_shape(const char* name, const Tensor& t, std::initializer_list<int64_t> shape) {
  if (t.sizes() != Shape(shape))
    refuse("expected {} of shape ({}), got ({}).", name, fmt::join(shape, ", "),
           fmt::join(t.sizes(), ", "));
}

void check_memory(const char* name, const Tensor& t, Dtype dtype) {
  if (!t.device().is_cpu()) refuse("expected {} on the CPU, got {}.", name, t.device().str());
  if (t.layout() != at::kStrided) refuse("expected a dense {}.", name);
  if (t.scalar_type() != dtype)
    refuse("expected {} of {}, as weight_hh, got {}.", name, toString(dtype),
           toString(t.scalar_type()));
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

void check(const StackCall& call) {
  const auto& kind = call.kind;
  const auto count = static_cast<int64_t>(call.weights.size());
  if (kind.layers < 1 || count != kind.sequences() * kind.tensors())
    refuse("expected {} weights, got {}.", kind.sequences() * kind.tensors(), count);
  const auto dtype = call.weights[1].scalar_type();
  if (dtype != kFloat32 && dtype != kFloat64)
    refuse("expected float32 or float64, got {}.", toString(dtype));

  const bool packed = call.batch_sizes.defined();
  const auto& input = call.input;
  check_memory("input", input, dtype);
  if (input.dim() != (packed ? 2 : 3))
    refuse("expected input of {} dimensions, got {}.", packed ? 2 : 3, input.dim());
  if (input.numel() == 0) refuse("expected rows in input, got none.");
  if (packed) check_batch_sizes(call.batch_sizes, input.size(0));
  const int64_t time = packed ? call.batch_sizes.numel() : input.size(kind.batch_first ? 1 : 0),
                batch = packed ? call.batch_sizes.const_data_ptr<int64_t>()[0]
                               : input.size(kind.batch_first ? 0 : 1);

  if (call.weights[1].dim() != 2) refuse("expected weight_hh of 2 dimensions.");
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

  const auto states = static_cast<int64_t>(call.hx.size());
  if (states != 0 && states != kind.states())
    refuse("expected {} states or none, got {}.", kind.states(), states);
  for (const auto& state : call.hx) {
    check_memory("hx", state, dtype);
    check_shape("hx", state, {kind.sequences(), batch, out});
  }
  const auto masks = static_cast<int64_t>(call.masks.size());
  if (masks != 0 && masks != kind.layers - 1)
    refuse("expected {} masks or none, got {}.", kind.layers - 1, masks);
  for (const auto& mask : call.masks) {
    check_memory("mask", mask, dtype);
    if (packed)
      check_shape("mask", mask, {input.size(0), kind.directions() * out});
    else
      check_shape("mask", mask, {time, batch, kind.directions() * out});
  }
}

}  // namespace luxtorch::python
