// Recurrent cells, and what runs them over a sequence.
//
//     Recurrence(LSTMCell(2, 8))                              // (batch, time, 2) -> (batch, 8)
//     Recurrence(GRUCell(2, 8), {.return_sequence = true})    // -> (batch, time, 8)
//     auto [out, st2] = LSTMCell(2, 8)(x, carry, ps, st);     // one step by hand
//
// Level 3. A cell is called with x (batch, in_dims), which starts a sequence, or with x and the
// carry of the step before; it returns a Step: y (batch, out_dims) and the carry, a tuple (h), for
// the LSTM (h, c), of (batch, out_dims) each; y is h. An unbatched x (in_dims) takes and gives
// unbatched carries. Parameters are named and stacked as Lux and torch do; a user's own cell is any
// type with the two call operators that returns Out<Step>.
// States: rng, from which init_state draws (and which then moves on). The initial state is no
// parameter and gets no gradient, unless trained.
#pragma once

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
  /// in_dims); carry is nullptr at the start. No time step is a ShapeError.
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

/// Runs a cell over a sequence. x: (batch, time, in) or in the given ordering, or a tuple (x,
/// carry), or unbatched (time, in). Parameters and states are the cell's. The stock cells run all
/// steps in one call; any other is stepped, and may take steps of another rank or kind too: x
/// (batch, time, ...), or tokens, integers (batch, time).
class Recurrence {
 public:
  template <class C>
    requires std::constructible_from<Layer, C>
  explicit Recurrence(C cell, RecurrenceOptions options = {})
      : Recurrence(Erased{}, std::move(cell), options) {
    static_assert(
        Cell<C> || std::same_as<C, Layer>,
        "Recurrence: the cell's calls (x, ps, st) and (x, carry, ps, st) must return Out<Step>");
  }

  LUXTORCH_WRAPS(cell_)
  Out<Tree> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    return run(x, nullptr, ps, st);
  }
  Out<Tree> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const {
    return run(x, &carry, ps, st);
  }
  std::string label() const { return "Recurrence"; }

 private:
  struct Erased {};
  Recurrence(Erased, Layer cell, RecurrenceOptions options);
  Out<Tree> run(const Tensor& x, const Tree* carry, const Tree& ps, const Tree& st) const;

  Layer cell_;
  RecurrenceOptions options_;
};

/// A cell whose carry lives in the states, for streams: x (batch, in) -> y (batch, out).
/// Parameters: the cell's. States: cell (the cell's) and carry, nothing before the first call;
/// update_state(st, "carry", Tree()) starts a new sequence. Under value_and_grad the carry is part
/// of the graph of the steps before: tree::detach(st) cuts it there (truncated back-propagation);
/// TrainState does so after every step.
class StatefulRecurrentCell {
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
