// torch.nn's recurrent layers, all of one call at once: what the operators of operators.cpp compute.
// Knows nothing of gradients' graphs but in graph.h.
//
// Shapes: input (time, batch, in), or (batch, time, in) with batch_first, or packed: (rows, in) with
// batch_sizes as in torch.nn.utils.rnn.PackedSequence, the longest sequence first. hx: nothing for
// zeros, or h and for the LSTM c, each (layers * directions, batch, out). weights: of each layer and
// direction weight_ih, weight_hh and, with biases, bias_ih and bias_hh. masks: nothing, or one for each
// layer but the last, by which its output is multiplied: (time, batch, directions * out), packed
// (rows, directions * out).
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "ops/recurrent/kernels.h"

namespace luxtorch::python {

/// What stays the same from call to call.
struct StackKind {
  ops::RecurrentCell cell;
  bool biases;
  int64_t layers;
  bool bidirectional, batch_first;

  int64_t directions() const { return bidirectional ? 2 : 1; }
  int64_t sequences() const { return layers * directions(); }
  int64_t states() const { return kernels::has_memory(cell) ? 2 : 1; }
  int64_t tensors() const { return biases ? 4 : 2; }  // of one sequence
};
/// mode: LSTM, GRU, RNN_TANH or RNN_RELU, torch.nn.RNNBase's words.
StackKind stack_kind(std::string_view mode, bool biases, int64_t layers, bool bidirectional,
                     bool batch_first);

struct StackCall {
  StackKind kind;
  Tensor input;
  std::vector<Tensor> hx, weights, masks;
  Tensor batch_sizes;  // undefined: not packed

  int64_t time() const;
  int64_t batch() const;

  /// Weights of a layer and direction, both from 0.
  ops::CellWeights weights_of(int64_t sequence) const;
};

/// As torch.nn's y, h and c; c is undefined for cells without a memory.
using StackOutput = ops::SequenceOutput;

/// The parts of check() that need no memory: how many tensors there are, all on input's device. As check(),
/// for tensors of shapes alone too.
void check_parts(const StackKind& kind, const Tensor& input, at::TensorList hx,
                 at::TensorList weights, at::TensorList masks);

/// NotImplementedError for Python where the kernels cannot do it: a dtype, a device, a layout, shapes that
/// do not fit together. Its text says what was expected.
void check(const StackCall& call);
/// The same for what backward() is given: gradients by the outputs, and how many may be needed.
void check_backward(const StackCall& call, const StackOutput& by, size_t needed);

/// What a pass backward needs of the one forward.
struct StackMemory {
  /// What call it was of; other calls must not use it.
  std::vector<int64_t> signature;
  int64_t steps = 0;
  std::vector<Tensor>
      inputs;  // of each layer; the first is undefined where the call's own is to be read
  std::vector<Tensor> saved;  // of each layer and direction, as the next
  std::vector<kernels::RecurrentLayout> layouts;
};

/// Kind, dtype, shapes, packing and where the input lies.
std::vector<int64_t> signature_of(const StackCall& call);

/// memory: to be kept for backward, or nullptr. It has a copy of a batch-first or packed input, as torch's
/// operators do: the caller may write into his. Without rows the outputs are empty.
StackOutput forward(const StackCall& call, StackMemory* memory);

/// needed: of input, hx and weights, in this order. Gradients where needed, undefined elsewhere. by:
/// gradients by the outputs, undefined where zero, any of them defined. Without rows all are undefined: zero.
std::vector<Tensor> backward(const StackCall& call, const StackMemory& memory,
                             const StackOutput& by, const std::vector<bool>& needed);

/// Which of input, hx and weights backward() reads the numbers of. The others may have been written into
/// since forward.
std::vector<bool> read_by_backward(const StackKind& kind, size_t states, const StackMemory& memory,
                                   const std::vector<bool>& needed);

}  // namespace luxtorch::python
