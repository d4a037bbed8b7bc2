#include "python/stack.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "python/packed.h"

namespace luxtorch::python {

namespace {

using ops::RecurrentCall;
using ops::SequenceOutput;

// The call as the kernels see it: time first, unpacked, with states that are there. Time first is also
// how torch's outputs lie with batch_first, which who draws random numbers like them can tell.
class Sequences {
 public:
  explicit Sequences(const StackCall& call) : call_(call), packing_(call.batch_sizes) {
    lengths_ = packing_.lengths();
    if (call.hx.empty()) {
      zeros_ = at::zeros({call.batch(), call.weights[1].size(1)}, call.weights[1].options());
    }
  }

  // Of input, output and their gradients.
  Tensor in_time(const Tensor& t) const {
    return packing_.active() ? packing_.padded(t) : turned(t);
  }
  Tensor as_given(const Tensor& t) const {
    return packing_.active() ? packing_.packed(t) : turned(t);
  }
  Tensor input() const { return in_time(call_.input); }

  RecurrentCall of(int64_t layer, int64_t direction, const Tensor& x) const {
    const int64_t sequence = layer * call_.kind.directions() + direction;
    auto state = [&](size_t i) {
      return zeros_.defined() ? zeros_ : call_.hx[i].select(0, sequence);
    };
    return ops::dense_call({call_.kind.cell,
                            x,
                            state(0),
                            call_.kind.states() == 2 ? state(1) : Tensor(),
                            call_.weights_of(sequence),
                            {.time_first = true, .reverse = direction == 1, .lengths = lengths_}});
  }

  // By which the output of a layer is multiplied.
  Tensor mask(int64_t layer) const {
    return call_.masks.empty() ? Tensor() : packing_.padded(call_.masks[layer]);
  }

 private:
  Tensor turned(const Tensor& t) const {
    return call_.kind.batch_first && t.defined() ? t.transpose(0, 1) : t;
  }

  const StackCall& call_;
  Packing packing_;
  Tensor lengths_, zeros_;
};

// Of a call without rows.
StackOutput nothing(const StackCall& call) {
  const auto& kind = call.kind;
  const int64_t out = call.weights[1].size(1), width = kind.directions() * out;
  const auto options = call.input.options();
  const auto y = at::empty({call.time(), 0, width}, options);
  auto state = [&] { return at::empty({kind.sequences(), 0, out}, options); };
  return {kind.batch_first ? y.transpose(0, 1) : y, state(),
          kind.states() == 2 ? state() : Tensor()};
}

// Whether x is read again in a pass backward.
bool trains_first_layer(const StackCall& call) {
  for (int64_t d = 0; d < call.kind.directions(); ++d) {
    if (call.weights_of(d).weight_ih.requires_grad()) return true;
  }
  return false;
}

Tensor stacked(const std::vector<Tensor>& parts) {
  return parts.size() == 1 ? parts[0].unsqueeze(0) : at::stack(parts);
}

}  // namespace

ops::CellWeights StackCall::weights_of(int64_t sequence) const {
  const auto* w = &weights[sequence * kind.tensors()];
  if (!kind.biases) return {w[0], w[1], {}, {}};
  return {w[0], w[1], w[2], w[3]};
}

int64_t StackCall::time() const {
  return batch_sizes.defined() ? batch_sizes.numel() : input.size(kind.batch_first ? 1 : 0);
}

int64_t StackCall::batch() const {
  return batch_sizes.defined() ? batch_sizes.const_data_ptr<int64_t>()[0]
                               : input.size(kind.batch_first ? 0 : 1);
}

StackOutput forward(const StackCall& call, StackMemory* memory) {
  if (memory) memory->signature = signature_of(call), memory->steps = call.time();
  if (call.batch() == 0) return nothing(call);
  const Sequences sequences(call);
  const auto& kind = call.kind;
  std::vector<Tensor> h, c;
  Tensor x = sequences.input();
  if (memory && kind.batch_first && trains_first_layer(call)) x = x.contiguous();
  for (int64_t layer = 0; layer < kind.layers; ++layer) {
    std::vector<Tensor> ys;
    if (memory) {
      const bool callers = layer == 0 && x.is_alias_of(call.input);
      memory->inputs.push_back(callers ? Tensor() : x);
    }
    for (int64_t d = 0; d < kind.directions(); ++d) {
      const auto in = sequences.of(layer, d, x);
      SequenceOutput out;
      if (memory) {
        auto prepared = ops::prepare_forward(in);
        auto run = ops::run_forward(in, prepared, /*keep=*/true);
        memory->saved.push_back(std::move(run.saved));
        memory->layouts.push_back(std::move(prepared.layout));
        out = std::move(run.out);
      } else {
        out = ops::run_forward(in);
      }
      ys.push_back(std::move(out.y));
      h.push_back(std::move(out.h));
      if (out.c.defined()) c.push_back(std::move(out.c));
    }
    x = ys.size() == 1 ? std::move(ys[0]) : at::cat(ys, -1);
    if (layer + 1 < kind.layers) {
      if (const auto mask = sequences.mask(layer); mask.defined()) x = x.mul(mask);
    }
  }
  return {sequences.as_given(x), stacked(h), c.empty() ? Tensor() : stacked(c)};
}

std::vector<Tensor> backward(const StackCall& call, const StackMemory& memory,
                             const StackOutput& by, const std::vector<bool>& needed) {
  if (call.batch() == 0) return std::vector<Tensor>(needed.size());
  const Sequences sequences(call);
  const auto& kind = call.kind;
  const auto states = static_cast<int64_t>(call.hx.size()), first_weight = 1 + states;
  auto any = [&](int64_t from, int64_t to) {
    return std::find(needed.begin() + from, needed.begin() + to, true) != needed.begin() + to;
  };
  const bool by_h = states > 0 && needed[1], by_c = states > 1 && needed[2];
  std::vector<Tensor> gradients(needed.size()), to_h(kind.sequences()), to_c(kind.sequences());

  Tensor by_y = sequences.in_time(by.y);
  const int64_t out = call.weights[1].size(1), tensors = kind.tensors() * kind.directions();
  for (int64_t layer = kind.layers - 1; layer >= 0; --layer) {
    const bool below =
        needed[0] || by_h || by_c || any(first_weight, first_weight + layer * tensors);
    const bool by_x = layer > 0 ? below : static_cast<bool>(needed[0]);
    Tensor by_input;
    for (int64_t d = 0; d < kind.directions(); ++d) {
      const int64_t s = layer * kind.directions() + d, w = first_weight + s * kind.tensors();
      const bool weights = any(w, w + kind.tensors());
      if (!by_x && !by_h && !by_c && !weights) continue;
      auto part = [&](const Tensor& t) { return t.defined() ? t.select(0, s).contiguous() : t; };
      const SequenceOutput by_out{
          by_y.defined() && kind.bidirectional ? by_y.narrow(-1, d * out, out) : by_y, part(by.h),
          part(by.c)};
      const auto& kept = memory.inputs[layer];
      const auto in = sequences.of(layer, d, kept.defined() ? kept : sequences.input());
      const auto& layout = memory.layouts[s];
      const auto packed = ops::prepare_backward(in, layout, by_x);
      const auto sums = weights ? ops::zero_sums(in, layout) : Tensor();
      auto [x, h, c] =
          ops::run_backward(in, layout, {memory.saved[s], packed, by_out, by_x, by_h, by_c, sums});
      to_h[s] = std::move(h), to_c[s] = std::move(c);
      by_input = by_input.defined() ? by_input.add_(x) : std::move(x);
      if (!weights) continue;
      auto by_weights = ops::weight_gradients(in, layout, sums);
      for (int64_t i = 0; i < kind.tensors(); ++i) {
        if (needed[w + i]) gradients[w + i] = std::move(by_weights[i]);
      }
    }
    if (layer > 0 && by_x) {
      if (const auto mask = sequences.mask(layer - 1); mask.defined()) by_input.mul_(mask);
    }
    by_y = std::move(by_input);
  }
  if (needed[0]) gradients[0] = sequences.as_given(by_y);
  if (by_h) gradients[1] = stacked(to_h);
  if (by_c) gradients[2] = stacked(to_c);
  return gradients;
}

std::vector<bool> read_by_backward(const StackKind& kind, size_t states, const StackMemory& memory,
                                   const std::vector<bool>& needed) {
  std::vector<bool> reads(needed.size());
  if (memory.inputs.empty()) return reads;  // there were no rows
  const auto first_weight = static_cast<int64_t>(1 + states);
  auto any = [&](int64_t from, int64_t to) {
    return std::find(needed.begin() + from, needed.begin() + to, true) != needed.begin() + to;
  };
  const bool by_states = any(1, first_weight);
  for (int64_t s = 0; s < kind.sequences(); ++s) {
    const int64_t layer = s / kind.directions(), w = first_weight + s * kind.tensors(),
                  below = first_weight + layer * kind.directions() * kind.tensors();
    const bool by_x = needed[0] || (layer > 0 && any(1, below));
    if (!by_x && !by_states && !any(w, w + kind.tensors())) continue;
    reads[w] = by_x;
    reads[w + 1] = memory.steps > 1 || by_states;
    if (layer == 0 && needed[w] && !memory.inputs[0].defined()) reads[0] = true;
  }
  return reads;
}

}  // namespace luxtorch::python
