// The three stock cells: parameters, initial states, one step, a whole sequence.
#include <ATen/ops/cat.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "layers/check.h"
#include "luxtorch/layers/recurrent.h"

namespace luxtorch {

namespace {

// What the three cells have in common, as their constructors and calls see it.
struct CellShape {
  const char* name;
  size_t gates;
  int64_t in_dims, out_dims;
};

void check_gates(const CellShape& cell, const char* option, const GateInitializers& inits) {
  if (inits.size() <= 1 || inits.size() == cell.gates) return;
  throw ArgumentError(cell.name, std::string("expected .") + option + " of one initialiser or of " +
                                     std::to_string(cell.gates) + ", one for each gate, got " +
                                     std::to_string(inits.size()) + ".");
}

template <class Options>
void check_options(const CellShape& cell, const Options& o) {
  check_positive(cell.name, "in_dims", cell.in_dims);
  check_positive(cell.name, "out_dims", cell.out_dims);
  check_gates(cell, "init_weight", o.init_weight);
  check_gates(cell, "init_recurrent_weight", o.init_recurrent_weight);
  check_gates(cell, "init_bias", o.init_bias);
}

// A parameter of all gates, stacked. An initialiser of the user's sees one gate at a time, as in Lux; fallback all at once.
Tree::Item gate_parameter(const CellShape& cell, Rng rng, const char* name, const GateInitializers& inits,
                          const Initializer& fallback, std::vector<int64_t> gate_shape) {
  auto key = rng.fold_in(name);
  if (inits.empty()) {
    gate_shape[0] *= static_cast<int64_t>(cell.gates);
    return {name, fallback(key, gate_shape)};
  }
  std::vector<Tensor> blocks;
  for (size_t g = 0; g < cell.gates; ++g) {
    blocks.push_back(inits[g](key.fold_in(g), gate_shape));
    if (blocks.back().sizes() != Shape(gate_shape)) {
      throw ShapeError(cell.name, std::string("expected the initialiser of ") + name + " to give " + shape_text(gate_shape) +
                                      " for each gate, got " + shape_text(blocks.back().sizes()) + ".");
    }
  }
  return {name, at::cat(blocks)};
}

template <class Options>
std::vector<Tree::Item> cell_parameters(const CellShape& cell, Rng rng, const Options& o, GateInitializers default_weight,
                                        const Initializer& default_bias) {
  double b = 1 / std::sqrt(static_cast<double>(cell.out_dims));
  Initializer uniform = init::Uniform{-b, b};
  const auto& weight = o.init_weight.empty() ? default_weight : o.init_weight;
  const auto& recurrent = o.init_recurrent_weight.empty() ? weight : o.init_recurrent_weight;
  std::vector<Tree::Item> ps{
      gate_parameter(cell, rng, "weight_ih", weight, uniform, {cell.out_dims, cell.in_dims}),
      gate_parameter(cell, rng, "weight_hh", recurrent, uniform, {cell.out_dims, cell.out_dims})};
  if (o.use_bias) {
    const auto& bias = default_bias ? default_bias : uniform;
    ps.push_back(gate_parameter(cell, rng, "bias_ih", o.init_bias, bias, {cell.out_dims}));
    ps.push_back(gate_parameter(cell, rng, "bias_hh", o.init_bias, bias, {cell.out_dims}));
  }
  return ps;
}

void add_trained(std::vector<Tree::Item>& ps, Rng rng, const char* name, const Initializer& chosen, int64_t out_dims) {
  const Initializer& init = chosen ? chosen : Initializer(init::zeros);
  ps.emplace_back(name, init(rng.fold_in(name), {out_dims}));
}

Tree rng_state(Rng rng) { return named({{"rng", rng.fold_in("rng")}}); }

ops::CellWeights weights(const Tree& ps, bool use_bias) {
  if (!use_bias) return {ps["weight_ih"].tensor(), ps["weight_hh"].tensor(), {}, {}};
  return {ps["weight_ih"].tensor(), ps["weight_hh"].tensor(), ps["bias_ih"].tensor(), ps["bias_hh"].tensor()};
}

// The first step's states. Drawing moves st's rng on, so that the next sequence starts from other numbers.
class InitialStates {
 public:
  InitialStates(const Tensor& weight, int64_t batch, int64_t out_dims, const Tree& ps, Tree st)
      : weight_(weight), batch_(batch), out_dims_(out_dims), ps_(ps), st_(std::move(st)) {}

  Tensor operator()(const char* name, bool trained, const Initializer& init) {
    if (trained) return ps_[name].tensor().expand({batch_, out_dims_});
    if (!init) return at::zeros({batch_, out_dims_}, weight_.options().requires_grad(false));
    detail::NoGrad no_grad;
    auto rng = st_["rng"].scalar<Rng>();
    st_ = st_.with("rng", rng.fold_in("next"));
    return init(rng.fold_in(name), {batch_, out_dims_}).to(weight_.options().requires_grad(false));
  }
  Tree st() && { return std::move(st_); }

 private:
  const Tensor& weight_;
  int64_t batch_, out_dims_;
  const Tree& ps_;
  Tree st_;
};

// The carry's tensors, checked: a tuple of N tensors of (batch, out_dims).
template <size_t N, class L>
std::array<Tensor, N> carried(const L& cell, const Tree& carry, int64_t batch) {
  auto wrong = [&](const std::string& got) {
    fail(cell, "expected a carry of " + std::to_string(N) + " tensors of shape " +
                   shape_text({batch, cell.out_dims()}) + ", got " + got + ".");
  };
  if (!carry.is_tuple() || carry.size() != N) wrong(describe_kind(carry));
  std::array<Tensor, N> states;
  for (size_t i = 0; i < N; ++i) {
    if (!carry[i].is_tensor() || carry[i].tensor().sizes() != Shape({batch, cell.out_dims()})) wrong(describe_kind(carry[i]));
    states[i] = carry[i].tensor();
  }
  return states;
}

template <class L>
void check_step(const L& cell, const Tensor& x, const Tensor& weight) {
  check_input(cell, x, cell.in_dims(), weight, "batch, ", 2, 2);
}
template <class L>
int64_t check_sequence(const L& cell, const Tensor& x, const Tensor& weight, ops::SequenceOptions options) {
  check_input(cell, x, cell.in_dims(), weight, options.time_first ? "time, batch, " : "batch, time, ", 3, 3);
  if (x.size(options.time_first ? 0 : 1) == 0) fail(cell, "expected at least one time step, got x of shape " + shape_text(x.sizes()) + ".");
  return x.size(options.time_first ? 1 : 0);
}

// An unbatched call is a batch of one.
template <class L>
Out<Step> unbatched(const L& cell, const Tensor& x, const Tree* carry, const Tree& ps, const Tree& st) {
  auto add = [](const Tensor& t) { return t.unsqueeze(0); };
  auto [out, st2] = carry ? cell(x.unsqueeze(0), tree::map_tensors(add, *carry), ps, st) : cell(x.unsqueeze(0), ps, st);
  return {Step{out.y.squeeze(0), tree::map_tensors([](const Tensor& t) { return t.squeeze(0); }, out.carry)},
          std::move(st2)};
}

template <class Options>
std::string label_of(const CellShape& cell, const Options& o, const std::string& activation = "") {
  std::string s = std::string(cell.name) + "(" + std::to_string(cell.in_dims) + " => " + std::to_string(cell.out_dims);
  s += activation;
  if (!o.use_bias) s += ", use_bias=false";
  if (o.train_state) s += ", train_state=true";
  if constexpr (requires { o.train_memory; }) {
    if (o.train_memory) s += ", train_memory=true";
  }
  return s + ")";
}

template <class L>
Out<Step> stepped(const L& cell, Tensor h, Tree st) {
  detail::report(cell, h);
  return {Step{h, tuple({h})}, std::move(st)};
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------- RNNCell

RNNCell::RNNCell(int64_t in_dims, int64_t out_dims, Activation activation, RNNCellOptions options)
    : in_dims_(in_dims), out_dims_(out_dims), activation_(activation), options_(std::move(options)) {
  check_options({"RNNCell", 1, in_dims_, out_dims_}, options_);
}

Tree RNNCell::initial_parameters(Rng rng) const {
  auto ps = cell_parameters({"RNNCell", 1, in_dims_, out_dims_}, rng, options_, {}, {});
  if (options_.train_state) add_trained(ps, rng, "hidden_state", options_.init_state, out_dims_);
  return named(std::move(ps));
}
Tree RNNCell::initial_states(Rng rng) const { return rng_state(rng); }

Out<Step> RNNCell::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  if (x.dim() == 1) return unbatched(*this, x, nullptr, ps, st);
  auto w = weights(ps, options_.use_bias);
  check_step(*this, x, w.weight_ih);
  InitialStates initial(w.weight_ih, x.size(0), out_dims_, ps, st);
  auto h = initial("hidden_state", options_.train_state, options_.init_state);
  return stepped(*this, ops::rnn_cell(x, h, w, activation_), std::move(initial).st());
}
Out<Step> RNNCell::operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const {
  if (x.dim() == 1) return unbatched(*this, x, &carry, ps, st);
  auto w = weights(ps, options_.use_bias);
  check_step(*this, x, w.weight_ih);
  auto [h] = carried<1>(*this, carry, x.size(0));
  return stepped(*this, ops::rnn_cell(x, h, w, activation_), st);
}
Out<ops::SequenceOutput> RNNCell::sequence(const Tensor& x, const Tree* carry, const Tree& ps, const Tree& st,
                                           ops::SequenceOptions options) const {
  auto w = weights(ps, options_.use_bias);
  InitialStates initial(w.weight_ih, check_sequence(*this, x, w.weight_ih, options), out_dims_, ps, st);
  auto h = carry ? carried<1>(*this, *carry, x.size(options.time_first ? 1 : 0))[0]
                 : initial("hidden_state", options_.train_state, options_.init_state);
  return {ops::rnn_sequence(x, h, w, activation_, options), std::move(initial).st()};
}
std::string RNNCell::label() const {
  return label_of(CellShape{"RNNCell", 1, in_dims_, out_dims_}, options_,
                  activation_ == tanh ? "" : std::string(", ") + activation_.name());
}

// --------------------------------------------------------------------------------------------------------- LSTMCell

LSTMCell::LSTMCell(int64_t in_dims, int64_t out_dims, LSTMCellOptions options)
    : in_dims_(in_dims), out_dims_(out_dims), options_(std::move(options)) {
  check_options({"LSTMCell", 4, in_dims_, out_dims_}, options_);
}

Tree LSTMCell::initial_parameters(Rng rng) const {
  auto ps = cell_parameters({"LSTMCell", 4, in_dims_, out_dims_}, rng, options_, {}, {});
  if (options_.train_state) add_trained(ps, rng, "hidden_state", options_.init_state, out_dims_);
  if (options_.train_memory) add_trained(ps, rng, "memory", options_.init_memory, out_dims_);
  return named(std::move(ps));
}
Tree LSTMCell::initial_states(Rng rng) const { return rng_state(rng); }

namespace {
Out<Step> lstm_stepped(const LSTMCell& cell, const Tensor& x, const Tensor& h, const Tensor& c, const ops::CellWeights& w,
                       Tree st) {
  auto [h2, c2] = ops::lstm_cell(x, h, c, w);
  detail::report(cell, h2);
  return {Step{h2, tuple({h2, c2})}, std::move(st)};
}
}  // namespace

Out<Step> LSTMCell::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  if (x.dim() == 1) return unbatched(*this, x, nullptr, ps, st);
  auto w = weights(ps, options_.use_bias);
  check_step(*this, x, w.weight_ih);
  InitialStates initial(w.weight_ih, x.size(0), out_dims_, ps, st);
  auto h = initial("hidden_state", options_.train_state, options_.init_state);
  auto c = initial("memory", options_.train_memory, options_.init_memory);
  return lstm_stepped(*this, x, h, c, w, std::move(initial).st());
}
Out<Step> LSTMCell::operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const {
  if (x.dim() == 1) return unbatched(*this, x, &carry, ps, st);
  auto w = weights(ps, options_.use_bias);
  check_step(*this, x, w.weight_ih);
  auto [h, c] = carried<2>(*this, carry, x.size(0));
  return lstm_stepped(*this, x, h, c, w, st);
}
Out<ops::SequenceOutput> LSTMCell::sequence(const Tensor& x, const Tree* carry, const Tree& ps, const Tree& st,
                                            ops::SequenceOptions options) const {
  auto w = weights(ps, options_.use_bias);
  auto batch = check_sequence(*this, x, w.weight_ih, options);
  if (carry) {
    auto [h, c] = carried<2>(*this, *carry, batch);
    return {ops::lstm_sequence(x, h, c, w, options), st};
  }
  InitialStates initial(w.weight_ih, batch, out_dims_, ps, st);
  auto h = initial("hidden_state", options_.train_state, options_.init_state);
  auto c = initial("memory", options_.train_memory, options_.init_memory);
  return {ops::lstm_sequence(x, h, c, w, options), std::move(initial).st()};
}
std::string LSTMCell::label() const { return label_of(CellShape{"LSTMCell", 4, in_dims_, out_dims_}, options_); }

// ---------------------------------------------------------------------------------------------------------- GRUCell

GRUCell::GRUCell(int64_t in_dims, int64_t out_dims, GRUCellOptions options)
    : in_dims_(in_dims), out_dims_(out_dims), options_(std::move(options)) {
  check_options({"GRUCell", 3, in_dims_, out_dims_}, options_);
}

Tree GRUCell::initial_parameters(Rng rng) const {
  auto ps = cell_parameters({"GRUCell", 3, in_dims_, out_dims_}, rng, options_, init::glorot_uniform, init::zeros);
  if (options_.train_state) add_trained(ps, rng, "hidden_state", options_.init_state, out_dims_);
  return named(std::move(ps));
}
Tree GRUCell::initial_states(Rng rng) const { return rng_state(rng); }

Out<Step> GRUCell::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  if (x.dim() == 1) return unbatched(*this, x, nullptr, ps, st);
  auto w = weights(ps, options_.use_bias);
  check_step(*this, x, w.weight_ih);
  InitialStates initial(w.weight_ih, x.size(0), out_dims_, ps, st);
  auto h = initial("hidden_state", options_.train_state, options_.init_state);
  return stepped(*this, ops::gru_cell(x, h, w), std::move(initial).st());
}
Out<Step> GRUCell::operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const {
  if (x.dim() == 1) return unbatched(*this, x, &carry, ps, st);
  auto w = weights(ps, options_.use_bias);
  check_step(*this, x, w.weight_ih);
  auto [h] = carried<1>(*this, carry, x.size(0));
  return stepped(*this, ops::gru_cell(x, h, w), st);
}
Out<ops::SequenceOutput> GRUCell::sequence(const Tensor& x, const Tree* carry, const Tree& ps, const Tree& st,
                                           ops::SequenceOptions options) const {
  auto w = weights(ps, options_.use_bias);
  InitialStates initial(w.weight_ih, check_sequence(*this, x, w.weight_ih, options), out_dims_, ps, st);
  auto h = carry ? carried<1>(*this, *carry, x.size(options.time_first ? 1 : 0))[0]
                 : initial("hidden_state", options_.train_state, options_.init_state);
  return {ops::gru_sequence(x, h, w, options), std::move(initial).st()};
}
std::string GRUCell::label() const { return label_of(CellShape{"GRUCell", 3, in_dims_, out_dims_}, options_); }

}  // namespace luxtorch
