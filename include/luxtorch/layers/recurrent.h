// Recurrent cells, and what runs them over a sequence.
//
//     Recurrence(LSTMCell(2, 8))                              // (batch, time, 2) -> (batch, 8)
//     Recurrence(GRUCell(2, 8), {.return_sequence = true})    // -> (batch, time, 8)
//     auto [y, st2] = Recurrence(GRUCell(2, 8))(x, lengths, ps, st);   // rows of several lengths
//     auto [out, st3] = LSTMCell(2, 8)(x, carry, ps, st);     // one step by hand
//
// Level 3. A cell is called with x (batch, in_dims), which starts a sequence, or with x and the
// carry of the step before; it returns a Step: y (batch, out_dims) and the carry, a tuple (h), for
// the LSTM (h, c), of (batch, out_dims) each; y is h. An unbatched x (in_dims) takes and gives
// unbatched carries. Integers are tokens, (batch), or one without dimensions in an unbatched call:
// the same as their one-hot rows, without the product. A token outside 0 to in_dims - 1 is a
// ShapeError that says where it stands. Parameters are named and stacked as Lux and torch do; a user's own cell is any
// type with the two call operators that returns Out<Step>.
// States: rng, from which init_state draws (and which then moves on). The initial state is no
// parameter and gets no gradient, unless trained.
#pragma once

#include <variant>

#include "luxtorch/core/api.h"
#include "luxtorch/init.h"
#include "luxtorch/layer.h"
#include "luxtorch/ops/activation.h"
#include "luxtorch/ops/recurrent.h"

namespace luxtorch {

// An initial state has the shape (batch, out_dims); trained, it is a parameter of shape (out_dims).
struct RNNCellOptions {
  bool use_bias = true;
  bool train_state = false;                     // the initial h is a parameter, hidden_state
  GateInitializers init_bias = {};              // default: U(-b, b), b = 1 / sqrt(out_dims)
  GateInitializers init_weight = {};            // default: the same
  GateInitializers init_recurrent_weight = {};  // default: init_weight
  Initializer init_state = {};                  // default: zeros
};

struct LSTMCellOptions {
  bool use_bias = true;
  bool train_state = false;   // the initial h is a parameter, hidden_state
  bool train_memory = false;  // the initial c is a parameter, memory
  GateInitializers init_weight = {};
  GateInitializers init_recurrent_weight = {};
  GateInitializers init_bias = {};
  Initializer init_state = {};
  Initializer init_memory = {};
};

struct GRUCellOptions {
  bool use_bias = true;
  bool train_state = false;
  GateInitializers init_weight = {};            // default: glorot_uniform for each gate
  GateInitializers init_recurrent_weight = {};  // default: init_weight
  GateInitializers init_bias = {};              // default: zeros
  Initializer init_state = {};
};

namespace detail {

/// What RNNCell, LSTMCell and GRUCell have in common: the two calls of a cell, and all steps of a
/// sequence at once.
template <class C, class Options>
class StockCell {
 public:
  Tree initial_parameters(Rng rng) const;
  Tree initial_states(Rng rng) const;
  Out<Step> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    return step(x, nullptr, ps, st);
  }
  Out<Step> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const {
    return step(x, &carry, ps, st);
  }
  /// x (batch, time, in_dims), (time, batch, in_dims) with time_first, or unbatched (time,
  /// in_dims); or tokens, the same without in_dims. carry is nullptr at the start. No time step is a
  /// ShapeError. Lengths, if any, are as the operators want them.
  Out<ops::SequenceOutput> sequence(const Tensor& x, const Tree* carry, const Tree& ps,
                                    const Tree& st, ops::SequenceOptions options) const;
  std::string label() const;
  int64_t in_dims() const { return in_dims_; }
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
class RNNCell : public detail::StockCell<RNNCell, RNNCellOptions> {
 public:
  RNNCell(int64_t in_dims, int64_t out_dims, Activation activation = tanh,
          RNNCellOptions options = {})
      : StockCell(in_dims, out_dims, std::move(options)), activation_(activation) {}
  RNNCell(int64_t in_dims, int64_t out_dims, RNNCellOptions options)
      : RNNCell(in_dims, out_dims, tanh, std::move(options)) {}

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
class LSTMCell : public detail::StockCell<LSTMCell, LSTMCellOptions> {
 public:
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
class GRUCell : public detail::StockCell<GRUCell, GRUCellOptions> {
 public:
  GRUCell(int64_t in_dims, int64_t out_dims, GRUCellOptions options = {})
      : StockCell(in_dims, out_dims, std::move(options)) {}
};

enum class Ordering {
  BatchFirst,  // (batch, time, features)
  TimeFirst,   // (time, batch, features)
};

struct RecurrenceOptions {
  Ordering ordering = Ordering::BatchFirst;
  bool return_sequence = false;  // y of every step, one tensor in x's ordering, not the last y
  bool return_carry = false;     // a Step: y as above, and the carry after the last step
};

namespace detail {

struct SequenceInput;
struct SequenceCall;
struct SequenceRun;

/// A cell that runs over whole sequences: a stock one all steps at once, any other step by step.
/// Which it is is found out once.
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
/// (batch, time, ...).
/// Calls: x, (x, carry), (x, lengths) or (x, carry, lengths), as arguments or as a tuple. Integers
/// in the second place are lengths, everything else there is a carry, and nothing, Tree(), is none.
///
/// lengths: integers (batch), in any order, each 0 to time; without dimensions for an unbatched x.
/// A row's carry freezes at its end, its y is zero from there in a returned sequence, and the last y
/// is its own last one; a length of 0 gives zeros and the initial carry. What x holds beyond a
/// row's end is never looked at and gets no gradient; there a user's own cell does a step of the
/// longest row, which is dropped, its carry's tensors of (batch, ...) freeze, all else moves on; a row
/// of length 0 has zeros for a carry, unless the call gives one.
///
/// Truncated back-propagation hands on a carry without its graph:
///
///     Recurrence run(LSTMCell(2, 8), {.return_carry = true});
///     auto [out, st2] = apply<Step>(run, first_steps, ps, st);
///     auto [out2, st3] = apply<Step>(run, tuple({next_steps, tree::detach(out.carry)}), ps, st2);
class LUXTORCH_API Recurrence {
 public:
  template <class C>
    requires std::constructible_from<Layer, C>
  explicit Recurrence(C cell, RecurrenceOptions options = {})
      : Recurrence(Erased{}, std::move(cell), options) {
    static_assert(
        Cell<C> || std::same_as<C, Layer>,
        "Recurrence: the cell's calls (x, ps, st) and (x, carry, ps, st) must return Out<Step>");
  }

  template <class F>
  void luxtorch_wrapped(const F& f) const {
    f(std::string_view("cell"), cell_.layer());
  }
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const;
  Out<Tree> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const;
  Out<Tree> operator()(const Tensor& x, const Tree& carry, const Tensor& lengths, const Tree& ps,
                       const Tree& st) const;
  std::string label() const { return "Recurrence"; }

 private:
  struct Erased {};
  Recurrence(Erased, Layer cell, RecurrenceOptions options);
  Out<Tree> run(detail::SequenceInput in, const Tree& ps, const Tree& st) const;

  detail::SequenceCell cell_;
  RecurrenceOptions options_;
};

/// A cell whose carry lives in the states, for streams: x (batch, in) -> y (batch, out). What x may
/// be besides is the cell's affair.
/// Parameters: the cell's. States: cell (the cell's) and carry, nothing before the first call;
/// update_state(st, "carry", Tree()) starts a new sequence. Under value_and_grad the carry is part
/// of the graph of the steps before: tree::detach(st) cuts it there (truncated back-propagation);
/// TrainState does so after every step.
class LUXTORCH_API StatefulRecurrentCell {
 public:
  template <class C>
    requires std::constructible_from<Layer, C>
  explicit StatefulRecurrentCell(C cell) : cell_(std::move(cell)) {
    static_assert(Cell<C> || std::same_as<C, Layer>,
                  "StatefulRecurrentCell: the cell's calls (x, ps, st) and (x, carry, ps, st) must "
                  "return Out<Step>");
  }

  LUXTORCH_WRAPS(cell_)
  Tree initial_states(Rng rng) const;
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const;
  std::string label() const { return "StatefulRecurrentCell"; }

 private:
  Layer cell_;
};

}  // namespace luxtorch
