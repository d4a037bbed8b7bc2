// Layers of whole sequences: stacked and bidirectional recurrent networks in one value.
//
//     LSTM(68, 128, {.num_layers = 2, .dropout = 0.2, .return_sequence = true})
//     GRU(2, 8, {.bidirectional = true})               // (batch, time, 2) -> (batch, 16)
//     BidirectionalRNN(LSTMCell(2, 8))                 // (batch, time, 2) -> (batch, time, 16)
//     BidirectionalRNN(MyCell{2, 8}, MyCell{2, 8}, {.merge = Merge::Sum})
//
// Level 3. They are called as Recurrence is: x, (x, carry), (x, lengths) or (x, carry, lengths), as
// arguments or as a tuple; features (batch, time, in) or (time, batch, in), tokens (batch, time), or
// one unbatched sequence without the batch. Lengths and truncated back-propagation: see Recurrence.
//
// A carry has the structure of ps: where ps has a cell's parameters, it has that cell's carry, (h)
// or (h, c). What .return_carry gives can be handed to the next call; so carry["layer_2"][0], or
// carry.at("layer_2.forward_rnn")[0] of a bidirectional one, is the second layer's last h.
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

enum class Merge {
  Concatenation,  // along the features, forward first
  Sum,
  Product,
  Average,
  None,  // a tuple (forward, backward)
};

/// How the outputs of two directions become one: a Merge, or a function of both, each (batch, time,
/// out) or (batch, out), with zeros beyond a row's length.
class LUXTORCH_API Merging {
 public:
  using Function = std::function<Tensor(const Tensor& forward, const Tensor& backward)>;

  Merging(Merge merge = Merge::Concatenation) : merge_(merge) {}
  template <class F>
    requires std::is_invocable_r_v<Tensor, const F&, const Tensor&, const Tensor&>
  Merging(F function) : function_(std::move(function)) {}

  Tree operator()(const Tensor& forward, const Tensor& backward) const;

 private:
  Merge merge_ = Merge::Concatenation;
  Function function_;
};

struct BidirectionalOptions {
  Merging merge = Merge::Concatenation;
  Ordering ordering = Ordering::BatchFirst;
  bool return_sequence = true;  // else y after the last step of each direction
  bool return_carry = false;    // a tuple (y, carry)
};

/// Two cells over a sequence, the second from each row's end to its start (Schuster and Paliwal
/// 1997); step t of y has both outputs at x's step t. Without a sequence to return, y is the forward
/// cell's at each row's last step and the backward cell's at its first.
/// Parameters and states: forward_rnn, backward_rnn, each its cell's. One cell given: both
/// directions are as it describes, with parameters of their own.
class LUXTORCH_API BidirectionalRNN {
 public:
  template <class C>
    requires std::constructible_from<Layer, C>
  explicit BidirectionalRNN(C cell, BidirectionalOptions options = {})
      : BidirectionalRNN(cell, cell, std::move(options)) {}
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

  template <class F>
  void luxtorch_layers(const F& f) const {
    f(std::string_view("forward_rnn"), forward_.layer());
    f(std::string_view("backward_rnn"), backward_.layer());
  }
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  Out<Tree> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const;
  Out<Tree> operator()(const Tensor& x, const Tree& carry, const Tensor& lengths, const Tree& ps,
                       const Tree& st) const;
  std::string label() const { return "BidirectionalRNN"; }

 private:
  Out<Tree> run(detail::SequenceInput in, const Tree& ps, const Tree& st) const;

  detail::SequenceCell forward_, backward_;
  BidirectionalOptions options_;
};

// One layer: parameters and states are those of Recurrence(cell), or of BidirectionalRNN(cell).
// More: layer_1, layer_2, ... of them, the same numbers as in a Chain; the layers behind the first
// take what the one before gives, 2*out_dims features of a bidirectional one. Dropout acts in
// training between the layers, and so not at all on one; its states are st["dropout"].
struct RNNOptions {
  int64_t num_layers = 1;
  bool bidirectional = false;
  double dropout = 0;  // 0 <= dropout < 1
  bool use_bias = true;
  Ordering ordering = Ordering::BatchFirst;
  bool return_sequence = false;  // y of every step, not each row's last
  bool return_carry = false;     // a Step: y as above, and the carry after the last step
  // As the cell's, in every layer:
  bool train_state = false;
  GateInitializers init_bias = {};
  GateInitializers init_weight = {};
  GateInitializers init_recurrent_weight = {};
  Initializer init_state = {};
};

struct LSTMOptions {
  int64_t num_layers = 1;
  bool bidirectional = false;
  double dropout = 0;
  bool use_bias = true;
  Ordering ordering = Ordering::BatchFirst;
  bool return_sequence = false;
  bool return_carry = false;
  bool train_state = false;
  bool train_memory = false;
  GateInitializers init_weight = {};
  GateInitializers init_recurrent_weight = {};
  GateInitializers init_bias = {};
  Initializer init_state = {};
  Initializer init_memory = {};
};

struct GRUOptions {
  int64_t num_layers = 1;
  bool bidirectional = false;
  double dropout = 0;
  bool use_bias = true;
  Ordering ordering = Ordering::BatchFirst;
  bool return_sequence = false;
  bool return_carry = false;
  bool train_state = false;
  GateInitializers init_weight = {};
  GateInitializers init_recurrent_weight = {};
  GateInitializers init_bias = {};
  Initializer init_state = {};
};

namespace detail {

/// What RNN, LSTM and GRU have in common.
template <class L>
class RecurrentStack {
 public:
  Tree initial_parameters(Rng rng) const;
  Tree initial_states(Rng rng) const;
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  Out<Tree> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const;
  Out<Tree> operator()(const Tensor& x, const Tree& carry, const Tensor& lengths, const Tree& ps,
                       const Tree& st) const;
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

/// Layers of RNNCell.
class LUXTORCH_API RNN : public detail::RecurrentStack<RNN> {
 public:
  RNN(int64_t in_dims, int64_t out_dims, Activation activation = tanh, RNNOptions options = {});
  RNN(int64_t in_dims, int64_t out_dims, RNNOptions options)
      : RNN(in_dims, out_dims, tanh, std::move(options)) {}
};

/// Layers of LSTMCell.
class LUXTORCH_API LSTM : public detail::RecurrentStack<LSTM> {
 public:
  LSTM(int64_t in_dims, int64_t out_dims, LSTMOptions options = {});
};

/// Layers of GRUCell.
class LUXTORCH_API GRU : public detail::RecurrentStack<GRU> {
 public:
  GRU(int64_t in_dims, int64_t out_dims, GRUOptions options = {});
};

}  // namespace luxtorch
