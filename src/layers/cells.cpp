// The three stock cells: parameters, initial states, one step, a whole sequence. What they have in
// common is written once, in StockCell; what differs is in its Kind.
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "layer_setup.h"
#include "layers/check.h"
#include "layers/sequence_call.h"
#include "layers/tokens.h"
#include "luxtorch/layers/recurrent.h"
#include "ops/padding.h"
#include "ops/recurrent/call.h"

namespace luxtorch {

namespace {

// What goes from step to step: h, and c in a cell with a memory.
struct State {
  Tensor h, c;

  State unsqueeze() const { return {h.unsqueeze(0), c.defined() ? c.unsqueeze(0) : c}; }
  State squeeze() const { return {h.squeeze(0), c.defined() ? c.squeeze(0) : c}; }
  Tree carry() const { return c.defined() ? tuple({h, c}) : tuple({h}); }
};

// No initialiser of their own: U(-b, b), b = 1 / sqrt(out_dims), drawn for all gates at once.
struct UniformDefaults {
  static GateInitializers default_weight() { return {}; }
  static GateInitializers default_bias() { return {}; }
};

// A cell's name, what the operators call it, and its defaults.
template <class C>
struct Kind;

template <>
struct Kind<RNNCell> : UniformDefaults {
  static constexpr const char* name = "RNNCell";
  static constexpr auto cell = ops::RecurrentCell::rnn_tanh;  // or another activation
};

template <>
struct Kind<LSTMCell> : UniformDefaults {
  static constexpr const char* name = "LSTMCell";
  static constexpr auto cell = ops::RecurrentCell::lstm;
};

template <>
struct Kind<GRUCell> {
  static constexpr const char* name = "GRUCell";
  static constexpr auto cell = ops::RecurrentCell::gru;
  static GateInitializers default_weight() { return init::glorot_uniform; }
  static GateInitializers default_bias() { return init::zeros; }
};

template <class C>
constexpr auto kGates = static_cast<size_t>(kernels::gates_of(Kind<C>::cell));
template <class C>
constexpr bool kMemory = kernels::has_memory(Kind<C>::cell);

template <class C>
ops::SequenceOutput run_cell(const C& cell, ops::RecurrentCall call) {
  call.cell = Kind<C>::cell;
  if constexpr (std::same_as<C, RNNCell>) call.set_activation(cell.activation());
  return ops::run(call);
}

template <class C>
void check_gates(const char* option, const GateInitializers& inits) {
  constexpr auto gates = kGates<C>;
  if (inits.size() <= 1 || inits.size() == gates) return;
  throw ArgumentError(
      Kind<C>::name,
      fmt::format("expected .{} of one initialiser or of {}, one for each gate, got {}.", option,
                  gates, inits.size()));
}

// A parameter of all gates. An initialiser sees one gate at a time, as in Lux.
template <class C>
ParameterSpec of_all_gates(const C& cell, const char* name, const GateInitializers& inits,
                           const Shape& gate_shape) {
  Shape shape = gate_shape;
  shape[0] *= static_cast<int64_t>(kGates<C>);
  if (inits.empty()) {
    double b = 1 / std::sqrt(static_cast<double>(cell.out_dims()));
    return {.name = name, .shape = std::move(shape), .init = init::Uniform{-b, b}};
  }
  auto stacked = [name, inits, gate_shape](Rng key, ShapeView) {
    std::vector<Tensor> blocks;
    for (size_t g = 0; g < kGates<C>; ++g)
      blocks.push_back(initialized(Kind<C>::name, name, inits[g], key.fold_in(g), gate_shape));
    return at::cat(blocks);
  };
  return {.name = name, .shape = std::move(shape), .init = std::move(stacked)};
}

template <class Options>
ops::CellWeights weights(const Options& o, const Tree& ps) {
  ops::CellWeights w{ps["weight_ih"].tensor(), ps["weight_hh"].tensor(), {}, {}};
  if (o.use_bias) w.bias_ih = ps["bias_ih"].tensor(), w.bias_hh = ps["bias_hh"].tensor();
  return w;
}

// What a call starts from: carried (and checked), trained, drawn or zero.
template <class C, class Options>
class Start {
 public:
  Start(const C& cell, const Options& options, const Tensor& weight, const Tree& ps, const Tree& st)
      : cell_(cell), options_(options), weight_(weight), ps_(ps), st_(st) {}

  // (batch, out_dims). single: the call is unbatched, and so is its carry.
  State operator()(const Tree* carry, int64_t batch, bool single) {
    if (carry) return carried(*carry, batch, single);
    State state{initial("hidden_state", options_.train_state, options_.init_state, batch), {}};
    if constexpr (kMemory<C>) {
      state.c = initial("memory", options_.train_memory, options_.init_memory, batch);
    }
    return state;
  }
  Tree st() && { return std::move(st_); }

 private:
  State carried(const Tree& carry, int64_t batch, bool single) const {
    constexpr size_t n = kMemory<C> ? 2 : 1;
    auto shape = single ? std::vector{cell_.out_dims()} : std::vector{batch, cell_.out_dims()};
    auto wrong = [&](const Tree& got) {
      fail(cell_,
           fmt::format("expected a carry of {} of shape {}, got {}.{}",
                       n == 1 ? "1 tensor" : "2 tensors", shape_text(shape), describe_kind(got),
                       carry.is_tensor() && carry.tensor().dim() < 2
                           ? " Are they lengths? Those are integers: lengths.to(kInt64)."
                           : ""));
    };
    if (!carry.is_tuple() || carry.size() != n) wrong(carry);
    for (const auto& part : carry.elements()) {
      if (!part.is_tensor() || part.tensor().sizes() != ShapeView(shape)) wrong(part);
      check_alike(cell_, "carry", part.tensor(), weight_);
    }
    State state{carry[0].tensor(), n == 1 ? Tensor() : carry[n - 1].tensor()};
    return single ? state.unsqueeze() : state;
  }

  Tensor initial(const char* name, bool trained, const Initializer& init, int64_t batch) {
    std::vector<int64_t> shape{batch, cell_.out_dims()};
    if (trained) return ps_[name].tensor().expand(shape);
    if (!init || weight_.is_meta()) return at::zeros(shape, weight_.options());
    detail::NoGrad no_grad;
    // Drawing moves the rng on, so that the next sequence starts from other numbers.
    auto rng = st_["rng"].template scalar<Rng>();
    st_ = st_.with("rng", rng.fold_in("next"));
    return initialized(Kind<C>::name, name, init, rng.fold_in(name), shape).to(weight_.options());
  }

  const C& cell_;
  const Options& options_;
  const Tensor& weight_;
  const Tree& ps_;
  Tree st_;
};

}  // namespace

namespace detail {

template <class C, class Options>
StockCell<C, Options>::StockCell(int64_t in_dims, int64_t out_dims, Options options)
    : in_dims_(in_dims), out_dims_(out_dims), options_(std::move(options)) {
  check_positive(Kind<C>::name, "in_dims", in_dims);
  check_positive(Kind<C>::name, "out_dims", out_dims);
  check_gates<C>("init_weight", options_.init_weight);
  check_gates<C>("init_recurrent_weight", options_.init_recurrent_weight);
  check_gates<C>("init_bias", options_.init_bias);
}

template <class C, class Options>
std::vector<ParameterSpec> StockCell<C, Options>::parameters() const {
  auto first = [](const GateInitializers& chosen, const GateInitializers& otherwise) {
    return chosen.empty() ? otherwise : chosen;
  };
  auto weight = first(options_.init_weight, Kind<C>::default_weight());
  auto recurrent = first(options_.init_recurrent_weight, weight);
  auto bias = first(options_.init_bias, Kind<C>::default_bias());

  std::vector<ParameterSpec> specs;
  auto add = [&](const char* name, const GateInitializers& inits, const Shape& gate_shape) {
    specs.push_back(of_all_gates(self(), name, inits, gate_shape));
  };
  auto add_state = [&](const char* name, const Initializer& init) {
    specs.push_back({.name = name, .shape = {out_dims_}, .init = init ? init : init::zeros});
  };
  add("weight_ih", weight, {out_dims_, in_dims_});
  add("weight_hh", recurrent, {out_dims_, out_dims_});
  if (options_.use_bias) add("bias_ih", bias, {out_dims_}), add("bias_hh", bias, {out_dims_});
  if (options_.train_state) add_state("hidden_state", options_.init_state);
  if constexpr (kMemory<C>) {
    if (options_.train_memory) add_state("memory", options_.init_memory);
  }
  return specs;
}

template <class C, class Options>
std::vector<StateSpec> StockCell<C, Options>::states() const {
  return {StateSpec::rng()};
}

template <class C, class Options>
Out<Step> StockCell<C, Options>::step(const Tensor& x, const Tree* carry, const Tree& ps,
                                      const Tree& st) const {
  auto w = weights(options_, ps);
  bool tokens = are_tokens(x);
  if (!tokens) check_input(self(), x, in_dims_, w.weight_ih, "batch, ", 1, 2);
  auto rows = tokens ? checked_tokens(self(), x, in_dims_, w.weight_ih, "batch,", 1) : x;
  bool single = x.dim() == (tokens ? 0 : 1);  // an unbatched call is a batch of one
  if (single) rows = rows.unsqueeze(0);
  Start start(self(), options_, w.weight_ih, ps, st);
  auto [h, c] = start(carry, rows.size(0), single);
  auto out = run_cell(self(), {.x = std::move(rows),
                               .h = std::move(h),
                               .c = std::move(c),
                               .w = std::move(w),
                               .step = true});
  State state{std::move(out.h), std::move(out.c)};
  if (single) state = state.squeeze();
  report(self(), state.h);
  return {Step{state.h, state.carry()}, std::move(start).st()};
}

template <class C, class Options>
Out<ops::SequenceOutput> StockCell<C, Options>::sequence(const Tensor& x, const Tree* carry,
                                                         const Tree& ps, const Tree& st,
                                                         ops::SequenceOptions options) const {
  auto w = weights(options_, ps);
  const bool all = options.sequence, single = is_unbatched(x);
  int64_t time = options.time_first ? 0 : 1, batch = 1 - time;
  auto batched = [&](const Tensor& t) { return single ? t.unsqueeze(batch) : t; };
  auto xs = x;
  if (are_tokens(x)) {
    xs =
        checked_tokens(self(), x, in_dims_, w.weight_ih,
                       options.time_first ? "time, batch" : "batch, time", 2, [&](const Tensor& t) {
                         auto rows = batched(t);
                         rows = ops::Padding(options.lengths, rows, time).trimmed(rows);
                         return single ? rows.squeeze(batch) : rows;
                       });
  } else {
    check_input(self(), x, in_dims_, w.weight_ih,
                options.time_first ? "time, batch, " : "batch, time, ", 2, 3);
  }
  xs = batched(xs);
  if (xs.size(time) == 0) {
    fail(self(), "expected at least one time step, got x of shape " + shape_text(x.sizes()) + ".");
  }
  Start start(self(), options_, w.weight_ih, ps, st);
  auto [h, c] = start(carry, xs.size(batch), single);
  auto out = run_cell(self(), {.x = std::move(xs),
                               .h = std::move(h),
                               .c = std::move(c),
                               .w = std::move(w),
                               .options = std::move(options)});
  if (single) {
    auto last = State{out.h, out.c}.squeeze();
    out = {out.y.defined() ? out.y.squeeze(batch) : out.y, last.h, last.c};
  }
  report(self(), all ? out.y : out.h);
  return {std::move(out), std::move(start).st()};
}

template <class C, class Options>
std::string StockCell<C, Options>::label() const {
  auto s = fmt::format("{}({} => {}", Kind<C>::name, in_dims_, out_dims_);
  if constexpr (std::same_as<C, RNNCell>) {
    if (self().activation() != tanh) s += std::string(", ") + self().activation().name();
  }
  if (!options_.use_bias) s += ", use_bias=false";
  if (options_.train_state) s += ", train_state=true";
  if constexpr (kMemory<C>) {
    if (options_.train_memory) s += ", train_memory=true";
  }
  return s + ")";
}

template class StockCell<RNNCell, RNNCellOptions>;
template class StockCell<LSTMCell, LSTMCellOptions>;
template class StockCell<GRUCell, GRUCellOptions>;

}  // namespace detail
}  // namespace luxtorch
