// A model taken apart for the maps to other libraries' layouts: which layers lie where in ps and st, and
// under which names elsewhere.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "luxtorch/interop/anatomy.h"

namespace luxtorch::detail {

enum class PartKind {
  Cell,           // an RNNCell, LSTMCell or GRUCell, alone or run over sequences
  Carry,          // of a StatefulRecurrentCell: a leaf of st alone
  Bidirectional,  // a node {forward_rnn, backward_rnn}, whose children are parts too
  NumberedRange,  // a tuple of layers that Lux names "1", "2", ..., whose children are parts too
  Other,          // one tensor, as its layer's spec says; or a tree that keeps its names everywhere
};

struct ModelPart {
  PartKind kind;
  std::string parameters, states;  // its paths in ps and in st; there may be nothing in one of them
  std::string torch;               // its path in a state dict
  std::string suffix = "";         // of a cell's names there: "_l0_reverse"
  std::string lux = "";            // its path in Lux's ps
  int64_t gates = 0;               // of a cell
  bool in_parameters = true, in_states = true;  // in which of the two a part of another kind is
  TensorLayout torch_layout = {}, lux_layout = {};
  std::optional<TensorLayout> lux_0_5 = {};                // where that of Lux 0.5 is another one
  std::optional<TensorLayout> lux_cross_correlation = {};  // as in ParameterSpec
  Shape shape = {};                                        // of a tensor with such a layout
  Tensor only_in_torch = {};     // what is no part of ps or st, but of a state dict, if it is one
  std::string torch_older = "";  // its path in the state dicts of older versions of PyTorch
};

/// "a.b"; either may be empty.
std::string join_path(const std::string& a, const std::string& b);

/// The part of this name below `where`, with its names in a state dict and in Lux.
ModelPart part_below(const ModelPart& where, const std::string& name, const std::string& torch,
                     const std::string& lux);

/// The parts that a layer at `where` describes as its own.
void append_specs(std::vector<ModelPart>& parts, const ModelPart& where,
                  const std::vector<ParameterSpec>& specs);
void append_specs(std::vector<ModelPart>& parts, const ModelPart& where,
                  const std::vector<StateSpec>& specs);

/// The parts of a cell's stack: `node` is the ps of an RNN, LSTM or GRU, which stands at `where`.
void append_stack(std::vector<ModelPart>& parts, const ModelPart& where, const Tree& node);
/// Those of a pair {forward_rnn, backward_rnn} of cells, as layer `level` of their torch module.
void append_pair(std::vector<ModelPart>& parts, const ModelPart& where, int64_t level);

/// All parts of a model, parts of parts first.
std::vector<ModelPart> parts_of(const Anatomy& model);

}  // namespace luxtorch::detail
