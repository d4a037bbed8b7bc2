#include "python/stack.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "python/packed.h"

namespace luxtorch::python {

namespace {

using kernels::RecurrentCell;
using ops::RecurrentInput;
using ops::SequenceOutput;

// The call as the kernels see it: time first, unpacked, with states that are there. Time first is also
// how torch's outputs lie with batch_first, which who draws random numbers like them can tell.
class Sequences {
 public:
  explicit Sequences(const StackCall& call) : call_(call), packing_(call.batch_sizes) {
    input_ = in_time(call.input);
    lengths_ = packing_.lengths();
    if (call.hx.empty()) {
      zeros_ = at::zeros({input_.size(1), call.weights[1].size(1)}, call.weights[1].options());
    }
  }

  // Of input, output and their gradients.
  Tensor in_time(const Tensor& t) const {
    return packing_.active() ? packing_.padded(t) : turned(t);
  }
  Tensor as_given(const Tensor& t) const {
    return packing_.active() ? packing_.packed(t) : turned(t);
  }
  const Tensor& input() const { return input_; }

  RecurrentInput of(int64_t layer, int64_t direction, const Tensor& x) const {
    const int64_t sequence = layer * call_.kind.directions() + direction;
    auto state = [&](size_t i) {
      return zeros_.defined() ? zeros_ : call_.hx[i].select(0, sequence);
    };
    return ops::dense_input({call_.kind.cell,
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
  Tensor input_, lengths_, zeros_;
};

Tensor stacked(const std::vector<Tensor>& parts) {
  return parts.size() == 1 ? parts[0].unsqueeze(0) : at::stack(parts);
}

}  // namespace

ops::CellWeights StackCall::weights_of(int64_t sequence) const {
  const auto* w = &weights[sequence * kind.tensors()];
  if (!kind.biases) return {w[0], w[1], {}, {}};
  return {w[0], w[1], w[2], w[3]};
}

StackOutput forward(const StackCall& call, StackMemory* memory) {
  const Sequences sequences(call);
  const auto& kind = call.kind;
  std::vector<Tensor> h, c;
  Tensor x = sequences.input();
  if (memory) memory->signature = signature_of(call);
  for (int64_t layer = 0; layer < kind.layers; ++layer) {
    std::vector<Tensor> ys;
    if (memory) memory->inputs.push_back(x);
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
      const auto in = sequences.of(layer, d, memory.inputs[layer]);
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

}  // namespace luxtorch::python
