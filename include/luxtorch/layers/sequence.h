// Layers of whole sequences: stacked and bidirectional recurrent networks.
//
//     LSTM(68, 128, {.num_layers = 2, .dropout = 0.2, .return_sequence = true})
//     GRU(2, 8, {.bidirectional = true})               // (batch, time, 2) -> (batch, 16)
//     BidirectionalRNN(LSTMCell(2, 8))                 // (batch, time, 2) -> (batch, time, 16)
//     BidirectionalRNN(MyCell{2, 8}, MyCell{2, 8}, {.merge = Merge::Sum})
//
// They are called as Recurrence is: x, (x, carry), (x, lengths) or (x, carry, lengths), as
// arguments or as a tuple; features (batch, time, in) or (time, batch, in), tokens (batch, time),
// or one unbatched sequence without the batch. Recurrence documents lengths, truncated
// back-propagation and errors.
//
// A carry has the structure of ps: where ps has a cell's parameters, it has that cell's carry, (h)
// or (h, c). The next call takes what .return_carry gives. carry["layer_2"][0], or
// carry.at("layer_2.forward_rnn")[0] of a bidirectional one, is the second layer's last h. A carry
// without such a part is a TreeError.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "luxtorch/core/api.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/recurrent.h"

namespace luxtorch {

/// The ways to join the outputs of two directions.
enum class Merge {
  Concatenation,  ///< Along the features, forward first.
  Sum,            ///< forward + backward.
  Product,        ///< forward * backward, element by element.
  Average,        ///< (forward + backward) / 2.
  None,           ///< A tuple (forward, backward).
};

/// How the outputs of two directions become one: a Merge, or a function of both, each (batch, time,
/// out) or (batch, out), with zeros beyond a row's length.
class LUXTORCH_API Merging {
 public:
  /// A function of both outputs.
  using Function = std::function<Tensor(const Tensor& forward, const Tensor& backward)>;

  /// One of the ways above.
  Merging(Merge merge = Merge::Concatenation) : merge_(merge) {}
  /// A function of two tensors that gives a Tensor.
  template <class F>
    requires std::is_invocable_r_v<Tensor, const F&, const Tensor&, const Tensor&>
  Merging(F function) : function_(std::move(function)) {}

  /// A tensor, or a tuple of both with Merge::None. Shapes that do not fit are torch's errors.
  Tree operator()(const Tensor& forward, const Tensor& backward) const;

 private:
  Merge merge_ = Merge::Concatenation;
  Function function_;
};

/// The options of BidirectionalRNN.
struct BidirectionalOptions {
  Merging merge = Merge::Concatenation;      ///< How the two outputs become y.
  Ordering ordering = Ordering::BatchFirst;  ///< Of x, and of y with return_sequence.
  bool return_sequence = true;               ///< False: y after the last step of each direction.
  bool return_carry = false;  ///< A tuple (y, carry), the carry {forward_rnn, backward_rnn}.
};

/// Two cells over a sequence, the second from each row's end to its start (Schuster and Paliwal
/// 1997); step t of y has both outputs at x's step t. Without return_sequence, y has the forward
/// cell's output at each row's last step and the backward cell's at its first. Parameters and
/// states: forward_rnn, backward_rnn, each those of its cell.
class LUXTORCH_API BidirectionalRNN {
 public:
  /// A cell for both directions, which have parameters of their own. ArgumentError: a Layer that is
  /// no cell (other types that are none do not compile).
  template <class C>
    requires std::constructible_from<Layer, C>
  explicit BidirectionalRNN(C cell, BidirectionalOptions options = {})
      : BidirectionalRNN(cell, cell, std::move(options)) {}
  /// A cell for each direction, with the same errors.
  template <class C, class B>
    requires std::constructible_from<Layer, C> && std::constructible_from<Layer, B>
  BidirectionalRNN(C cell, B backward, BidirectionalOptions options = {})
      : forward_("BidirectionalRNN", std::move(cell)),
        backward_("BidirectionalRNN", std::move(backward)),
        options_(std::move(options)) {
    static_assert((Cell<C> || std::same_as<C, Layer>) && (Cell<B> || std::same_as<B, Layer>),
                  "BidirectionalRNN: the cells' calls (x, ps, st) and (x, carry, ps, st) must "
                  "return Out<Step>");
  }

  /// Calls f("forward_rnn", cell) and f("backward_rnn", cell): LayerAccess.
  template <class F>
  void luxtorch_layers(const F& f) const {
    f(std::string_view("forward_rnn"), forward_.layer());
    f(std::string_view("backward_rnn"), backward_.layer());
  }
  /// The same of other cells: layer_map. ArgumentError: one is no cell.
  BidirectionalRNN with_layers(std::vector<Layer> layers) const {
    return {std::move(layers[0]), std::move(layers[1]), options_};
  }
  /// x: a tensor or a tuple, with the errors of Recurrence.
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  /// (x, carry), or (x, lengths) with a tensor of integers in the second place.
  Out<Tree> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const;
  /// (x, carry, lengths), with Tree() for no carry.
  Out<Tree> operator()(const Tensor& x, const Tree& carry, const Tensor& lengths, const Tree& ps,
                       const Tree& st) const;
  /// The text in a printed model, above the cells.
  std::string label() const { return "BidirectionalRNN"; }

 private:
  Out<Tree> run(detail::SequenceInput in, const Tree& ps, const Tree& st) const;

  detail::SequenceCell forward_, backward_;
  BidirectionalOptions options_;
};

/// The options of RNN. Those of the cell hold for every layer.
struct RNNOptions {
  int64_t num_layers = 1;                       ///< At least 1.
  bool bidirectional = false;                   ///< Two cells in each layer.
  double dropout = 0;                           ///< Between the layers: 0 <= dropout < 1.
  bool use_bias = true;                         ///< As of RNNCellOptions.
  Ordering ordering = Ordering::BatchFirst;     ///< Of x, and of y with return_sequence.
  bool return_sequence = false;                 ///< y of every step, instead of each row's last.
  bool return_carry = false;                    ///< A tuple (y, carry), after the last step.
  bool train_state = false;                     ///< As of RNNCellOptions.
  GateInitializers init_bias = {};              ///< As of RNNCellOptions.
  GateInitializers init_weight = {};            ///< As of RNNCellOptions.
  GateInitializers init_recurrent_weight = {};  ///< As of RNNCellOptions.
  Initializer init_state = {};                  ///< As of RNNCellOptions.
};

/// The options of LSTM. Those of the cell hold for every layer.
struct LSTMOptions {
  int64_t num_layers = 1;                       ///< At least 1.
  bool bidirectional = false;                   ///< Two cells in each layer.
  double dropout = 0;                           ///< Between the layers: 0 <= dropout < 1.
  bool use_bias = true;                         ///< As of LSTMCellOptions.
  Ordering ordering = Ordering::BatchFirst;     ///< Of x, and of y with return_sequence.
  bool return_sequence = false;                 ///< y of every step, instead of each row's last.
  bool return_carry = false;                    ///< A tuple (y, carry), after the last step.
  bool train_state = false;                     ///< As of LSTMCellOptions.
  bool train_memory = false;                    ///< As of LSTMCellOptions.
  GateInitializers init_weight = {};            ///< As of LSTMCellOptions.
  GateInitializers init_recurrent_weight = {};  ///< As of LSTMCellOptions.
  GateInitializers init_bias = {};              ///< As of LSTMCellOptions.
  Initializer init_state = {};                  ///< As of LSTMCellOptions.
  Initializer init_memory = {};                 ///< As of LSTMCellOptions.
};

/// The options of GRU. Those of the cell hold for every layer.
struct GRUOptions {
  int64_t num_layers = 1;                       ///< At least 1.
  bool bidirectional = false;                   ///< Two cells in each layer.
  double dropout = 0;                           ///< Between the layers: 0 <= dropout < 1.
  bool use_bias = true;                         ///< As of GRUCellOptions.
  Ordering ordering = Ordering::BatchFirst;     ///< Of x, and of y with return_sequence.
  bool return_sequence = false;                 ///< y of every step, instead of each row's last.
  bool return_carry = false;                    ///< A tuple (y, carry), after the last step.
  bool train_state = false;                     ///< As of GRUCellOptions.
  GateInitializers init_weight = {};            ///< As of GRUCellOptions.
  GateInitializers init_recurrent_weight = {};  ///< As of GRUCellOptions.
  GateInitializers init_bias = {};              ///< As of GRUCellOptions.
  Initializer init_state = {};                  ///< As of GRUCellOptions.
};

namespace detail {

/// What RNN, LSTM and GRU have in common.
template <class L>
class LUXTORCH_API RecurrentStack {
 public:
  /// Those of the cells: of one layer without a level of their own, else layer_1, layer_2, ...
  Tree initial_parameters(Rng rng) const;
  /// Those of the cells likewise, and dropout if it acts.
  Tree initial_states(Rng rng) const;
  /// x: a tensor or a tuple, with the errors of Recurrence.
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  /// (x, carry), or (x, lengths) with a tensor of integers in the second place.
  Out<Tree> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const;
  /// (x, carry, lengths), with Tree() for no carry.
  Out<Tree> operator()(const Tensor& x, const Tree& carry, const Tensor& lengths, const Tree& ps,
                       const Tree& st) const;
  /// The text in a printed model: "LSTM(2 => 8, num_layers=2)".
  std::string label() const { return label_; }

 protected:
  template <class Options>
  RecurrentStack(int64_t in_dims, int64_t out_dims, const Options& options,
                 const std::string& activation, const std::function<Layer(int64_t in_dims)>& cell);

 private:
  struct Level {
    std::string name;  // layer_1, ...
    SequenceCell forward_rnn;
    std::optional<SequenceCell> backward_rnn;
  };
  const L& self() const { return static_cast<const L&>(*this); }
  Out<Tree> run(SequenceInput in, const Tree& ps, const Tree& st) const;
  template <Initial W>
  Tree initial_parts(Rng rng) const;
  Description parts() const;

  std::vector<Level> levels_;
  std::optional<Dropout> dropout_;
  bool time_first_, return_sequence_, return_carry_;
  std::string label_;
};

}  // namespace detail

/// Layers of RNNCell, as torch.nn.RNN. y: (batch, out_dims), or (batch, time, out_dims) with
/// return_sequence; a bidirectional one has 2*out_dims features, forward first. Parameters and
/// states: for one layer those of Recurrence(cell), or of BidirectionalRNN(cell); for more layer_1,
/// layer_2, ... of them, with the same numbers as in a Chain. Each layer after the first takes the
/// whole sequence of the one before. Dropout acts in training between the layers, and so not for
/// one layer; its states are st["dropout"].
class LUXTORCH_API RNN : public detail::RecurrentStack<RNN> {
 public:
  /// ArgumentError: in_dims, out_dims or .num_layers is below 1, .dropout is outside [0, 1), or an
  /// error of the cell's.
  RNN(int64_t in_dims, int64_t out_dims, Activation activation = tanh, RNNOptions options = {});
  /// With tanh.
  RNN(int64_t in_dims, int64_t out_dims, RNNOptions options)
      : RNN(in_dims, out_dims, tanh, std::move(options)) {}
};

/// Layers of LSTMCell, as torch.nn.LSTM: shapes, parameters and states as those of RNN.
class LUXTORCH_API LSTM : public detail::RecurrentStack<LSTM> {
 public:
  /// The errors of RNN.
  LSTM(int64_t in_dims, int64_t out_dims, LSTMOptions options = {});
};

/// Layers of GRUCell, as torch.nn.GRU: shapes, parameters and states as those of RNN.
class LUXTORCH_API GRU : public detail::RecurrentStack<GRU> {
 public:
  /// The errors of RNN.
  GRU(int64_t in_dims, int64_t out_dims, GRUOptions options = {});
};

}  // namespace luxtorch
