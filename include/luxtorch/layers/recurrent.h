// Recurrent cells, and the layers that run them over a sequence.
//
//     Recurrence(LSTMCell(2, 8))                              // (batch, time, 2) -> (batch, 8)
//     Recurrence(GRUCell(2, 8), {.return_sequence = true})    // -> (batch, time, 8)
//     auto [y, st2] = Recurrence(GRUCell(2, 8))(x, lengths, ps, st);   // rows of several lengths
//     auto [out, st3] = LSTMCell(2, 8)(x, carry, ps, st);     // one step by hand
//
// A cell is called with x (batch, in_dims), which starts a sequence, or with x and the carry of the
// step before. It returns a Step: y (batch, out_dims) and the carry, a tuple (h), or (h, c) for the
// LSTM, of (batch, out_dims) each; y is h. An unbatched x (in_dims) takes and gives unbatched
// carries. Integers are tokens, (batch), or one without dimensions in an unbatched call: the same
// as their one-hot rows, without the product. A token outside 0 to in_dims - 1 is a ShapeError that
// says where it is. Parameters have the names and the order of gates that Lux and torch have. A
// user's own cell is any type with the two call operators that return Out<Step>.
//
// States: rng, from which init_state draws; each draw leaves a new one. The initial state is no
// parameter and gets no gradient, unless it is trained.
#pragma once

#include <variant>

#include "luxtorch/core/api.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"
#include "luxtorch/ops/activation.h"
#include "luxtorch/ops/recurrent.h"

namespace luxtorch {

/// The options of RNNCell. An initial state has the shape (batch, out_dims); if it is trained, it
/// is a parameter of shape (out_dims).
struct LUXTORCH_API RNNCellOptions {
  bool use_bias = true;                         ///< False: no bias_ih and bias_hh.
  bool train_state = false;                     ///< The initial h is a parameter, hidden_state.
  GateInitializers init_bias = {};              ///< Default: U(-b, b), b = 1 / sqrt(out_dims).
  GateInitializers init_weight = {};            ///< Of weight_ih. Default: the same U(-b, b).
  GateInitializers init_recurrent_weight = {};  ///< Of weight_hh. Default: init_weight.
  Initializer init_state = {};                  ///< Of the initial h. Default: zeros.
};

/// The options of LSTMCell. An initial state has the shape (batch, out_dims); if it is trained, it
/// is a parameter of shape (out_dims).
struct LUXTORCH_API LSTMCellOptions {
  bool use_bias = true;                         ///< False: no bias_ih and bias_hh.
  bool train_state = false;                     ///< The initial h is a parameter, hidden_state.
  bool train_memory = false;                    ///< The initial c is a parameter, memory.
  GateInitializers init_weight = {};            ///< Default: U(-b, b), b = 1 / sqrt(out_dims).
  GateInitializers init_recurrent_weight = {};  ///< Of weight_hh. Default: init_weight.
  GateInitializers init_bias = {};              ///< Default: the same U(-b, b).
  Initializer init_state = {};                  ///< Of the initial h. Default: zeros.
  Initializer init_memory = {};                 ///< Of the initial c. Default: zeros.
};

/// The options of GRUCell. An initial state has the shape (batch, out_dims); if it is trained, it
/// is a parameter of shape (out_dims).
struct LUXTORCH_API GRUCellOptions {
  bool use_bias = true;                         ///< False: no bias_ih and bias_hh.
  bool train_state = false;                     ///< The initial h is a parameter, hidden_state.
  GateInitializers init_weight = {};            ///< Default: glorot_uniform for each gate.
  GateInitializers init_recurrent_weight = {};  ///< Of weight_hh. Default: init_weight.
  GateInitializers init_bias = {};              ///< Default: zeros.
  Initializer init_state = {};                  ///< Of the initial h. Default: zeros.
};

namespace detail {

/// What RNNCell, LSTMCell and GRUCell have in common: the two calls of a cell, and all steps of a
/// sequence at once.
template <class C, class Options>
class LUXTORCH_API StockCell {
 public:
  /// As the class of the cell says; hidden_state and memory (out_dims) if they are trained.
  std::vector<ParameterSpec> parameters() const;
  /// rng.
  std::vector<StateSpec> states() const;
  /// The first step of a sequence, from the initial state. ShapeError: x has another shape, dtype
  /// or device, or a token outside its range.
  Out<Step> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    return step(x, nullptr, ps, st);
  }
  /// A step from the carry of the step before, with the same errors. ShapeError: another carry than
  /// a tuple of the tensors above, of the parameters' dtype and device.
  Out<Step> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const {
    return step(x, &carry, ps, st);
  }
  /// x (batch, time, in_dims), (time, batch, in_dims) with time_first, or unbatched (time,
  /// in_dims); or tokens, the same without in_dims. carry is nullptr at the start. Lengths, if any,
  /// are as in ops::SequenceOptions. Errors are those of a step, and a ShapeError if there is no
  /// time step.
  Out<ops::SequenceOutput> sequence(const Tensor& x, const Tree* carry, const Tree& ps,
                                    const Tree& st, ops::SequenceOptions options) const;
  /// The text in a printed model: "LSTMCell(2 => 8)".
  std::string label() const;
  /// The features of x, or the number of different tokens.
  int64_t in_dims() const { return in_dims_; }
  /// The last size of y, h and c.
  int64_t out_dims() const { return out_dims_; }

 protected:
  StockCell(int64_t in_dims, int64_t out_dims, Options options);

 private:
  const C& self() const { return static_cast<const C&>(*this); }
  Out<Step> step(const Tensor& x, const Tree* carry, const Tree& ps, const Tree& st) const;

  int64_t in_dims_, out_dims_;
  Options options_;
};

}  // namespace detail

/// h' = activation(W_ih x + b_ih + W_hh h + b_hh) (Elman 1990).
/// Parameters: weight_ih (out_dims, in_dims), weight_hh (out_dims, out_dims), bias_ih, bias_hh
/// (out_dims).
class LUXTORCH_API RNNCell : public detail::StockCell<RNNCell, RNNCellOptions> {
 public:
  /// ArgumentError: in_dims or out_dims is below 1, or an option has several initializers.
  RNNCell(int64_t in_dims, int64_t out_dims, Activation activation = tanh,
          RNNCellOptions options = {})
      : StockCell(in_dims, out_dims, std::move(options)), activation_(activation) {}
  /// With tanh.
  RNNCell(int64_t in_dims, int64_t out_dims, RNNCellOptions options)
      : RNNCell(in_dims, out_dims, tanh, std::move(options)) {}

  /// tanh if none was given.
  const Activation& activation() const { return activation_; }

 private:
  Activation activation_;
};

/// One step of a long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of
/// Gers et al. 2000).
///
///     i, f, g, o = W_ih x + b_ih + W_hh h + b_hh
///     c' = sigmoid(f) c + sigmoid(i) tanh(g)
///     h' = sigmoid(o) tanh(c')
///
/// Parameters, gates stacked i, f, g, o: weight_ih (4*out_dims, in_dims), weight_hh (4*out_dims,
/// out_dims), bias_ih, bias_hh (4*out_dims), all U(-b, b) with b = 1 / sqrt(out_dims) by default.
class LUXTORCH_API LSTMCell : public detail::StockCell<LSTMCell, LSTMCellOptions> {
 public:
  /// ArgumentError: in_dims or out_dims is below 1, or an option has neither 1 nor 4 initializers.
  LSTMCell(int64_t in_dims, int64_t out_dims, LSTMCellOptions options = {})
      : StockCell(in_dims, out_dims, std::move(options)) {}
};

/// One step of a gated recurrent unit (Cho et al. 2014, with the reset gate after the product, as
/// cuDNN does).
///
///     r  = sigmoid(W_ir x + b_ir + W_hr h + b_hr)        reset
///     z  = sigmoid(W_iz x + b_iz + W_hz h + b_hz)        update
///     n  = tanh   (W_in x + b_in + r * (W_hn h + b_hn))  candidate
///     h' = (1 - z) * n + z * h
///
/// Parameters, gates stacked r, z, n: weight_ih (3*out_dims, in_dims), weight_hh (3*out_dims,
/// out_dims), bias_ih, bias_hh (3*out_dims).
class LUXTORCH_API GRUCell : public detail::StockCell<GRUCell, GRUCellOptions> {
 public:
  /// ArgumentError: in_dims or out_dims is below 1, or an option has neither 1 nor 3 initializers.
  GRUCell(int64_t in_dims, int64_t out_dims, GRUCellOptions options = {})
      : StockCell(in_dims, out_dims, std::move(options)) {}
};

/// The order of the dimensions of a sequence, x and y.
enum class Ordering {
  BatchFirst,  ///< (batch, time, features)
  TimeFirst,   ///< (time, batch, features)
};

/// The options of Recurrence.
struct RecurrenceOptions {
  Ordering ordering = Ordering::BatchFirst;  ///< Of x, and of y with return_sequence.
  bool return_sequence = false;  ///< y is that of every step, one tensor, instead of the last one.
  bool return_carry = false;     ///< A Step (y, carry): y as above, the carry after the last step.
};

namespace detail {

struct SequenceInput;
struct SequenceCall;
struct SequenceRun;

/// A cell that runs over whole sequences: a stock one all steps at once, any other step by step.
/// The constructor finds out which it is.
class LUXTORCH_API SequenceCell {
 public:
  SequenceCell(const char* who, Layer cell);  // no cell: an ArgumentError of `who`
  const Layer& layer() const { return cell_; }
  SequenceRun run(const SequenceCall& call, const Tree& ps, const Tree& st) const;

 private:
  Layer cell_;
  std::variant<std::monostate, const RNNCell*, const LSTMCell*, const GRUCell*> stock_;  // in cell_
};

}  // namespace detail

/// Runs a cell over a sequence. Parameters and states are the cell's. The stock cells run all steps
/// in one call; any other is stepped.
///
/// x: (batch, time, in) or in the given ordering, or unbatched (time, in); or tokens, integers
/// (batch, time), or unbatched (time). A user's own cell may take steps of another rank too: x
/// (batch, time, ...). Calls: x, (x, carry), (x, lengths) or (x, carry, lengths), as arguments or
/// as a tuple. In the second place integers are lengths, Tree() is no carry, and everything else is
/// a carry.
///
/// lengths: integers (batch), in any order, each 0 to time; without dimensions for an unbatched x.
/// After a row's last step its carry stays as it is, and its y is zero in a returned sequence; the
/// last y is that of its own last step. A length of 0 gives zeros and the initial carry. What x
/// holds beyond a row's length is never read and gets no gradient. A user's own cell does a step of
/// the longest row there instead, whose result is dropped: the tensors (batch, ...) of its carry
/// stay as they are for that row, everything else in the carry changes; the carry of a row of
/// length 0 is zeros, unless the call gives one.
///
/// Truncated back-propagation passes a carry on without its graph:
///
///     Recurrence run(LSTMCell(2, 8), {.return_carry = true});
///     auto [out, st2] = apply<Step>(run, first_steps, ps, st);
///     auto [out2, st3] = apply<Step>(run, tuple({next_steps, tree::detach(out.carry)}), ps, st2);
class LUXTORCH_API Recurrence {
 public:
  /// cell: a stock cell, a user's own, or a Layer of one. ArgumentError: the Layer is no cell
  /// (other types that are none do not compile).
  template <class C>
    requires std::constructible_from<Layer, C>
  explicit Recurrence(C cell, RecurrenceOptions options = {})
      : Recurrence(Erased{}, std::move(cell), options) {
    static_assert(
        Cell<C> || std::same_as<C, Layer>,
        "Recurrence: the cell's calls (x, ps, st) and (x, carry, ps, st) must return Out<Step>");
  }

  /// Calls f("cell", cell): LayerAccess.
  template <class F>
  void luxtorch_wrapped(const F& f) const {
    f(std::string_view("cell"), cell_.layer());
  }
  /// The same of another cell: layer_map. ArgumentError: it is no cell.
  Recurrence with_layers(std::vector<Layer> layers) const {
    return Recurrence(Erased{}, std::move(layers[0]), options_);
  }
  /// x: a tensor or one of the tuples above. Errors: those of the cell; a TreeError for anything
  /// else; a ShapeError if there is no time step, or if lengths are not integers, of another shape,
  /// or outside 0 to time.
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  /// (x, carry), or (x, lengths) with a tensor of integers in the second place.
  Out<Tree> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const;
  /// (x, carry, lengths), with Tree() for no carry.
  Out<Tree> operator()(const Tensor& x, const Tree& carry, const Tensor& lengths, const Tree& ps,
                       const Tree& st) const;
  /// The text in a printed model, above the cell.
  std::string label() const { return "Recurrence"; }

 private:
  struct Erased {};
  Recurrence(Erased, Layer cell, RecurrenceOptions options);
  Out<Tree> run(detail::SequenceInput in, const Tree& ps, const Tree& st) const;

  detail::SequenceCell cell_;
  RecurrenceOptions options_;
};

/// A cell whose carry is in the states, for streams: x (batch, in) -> y (batch, out), or any other
/// x that the cell takes. Parameters: those of the cell. States: cell (the cell's), and carry,
/// which is Tree() before the first call; update_state(st, "carry", Tree()) starts a new sequence.
/// Under value_and_grad the carry is part of the graph of the steps before: tree::detach(st) cuts
/// it there (truncated back-propagation). TrainState does so after every step.
class LUXTORCH_API StatefulRecurrentCell {
 public:
  /// A stock cell, a user's own, or a Layer of one. Other types do not compile.
  template <class C>
    requires std::constructible_from<Layer, C>
  explicit StatefulRecurrentCell(C cell) : cell_(std::move(cell)) {
    static_assert(Cell<C> || std::same_as<C, Layer>,
                  "StatefulRecurrentCell: the cell's calls (x, ps, st) and (x, carry, ps, st) must "
                  "return Out<Step>");
  }

  LUXTORCH_WRAPS(cell_)
  /// cell, and carry = Tree().
  Tree initial_states(Rng rng) const;
  /// One step, from the carry in st. Errors are the cell's: also that of a batch of another size
  /// than the carry's, whose text says what to do. UnsupportedError: a Layer that is no cell.
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  /// The text in a printed model, above the cell.
  std::string label() const { return "StatefulRecurrentCell"; }

 private:
  Layer cell_;
};

}  // namespace luxtorch
