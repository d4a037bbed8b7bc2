// Cells, layers and sequences: which of two words came first?
//
// A recurrent network reads a sequence step by step and keeps what it has seen in a hidden state. This page goes from one step of a
// cell to whole sequences, shows where the hidden state is and how it is read, carried on and forgotten, and makes a cell of its
// own. The next page, which_came_first.cpp, trains a model that reads sequences of words, short and long ones, and learns which of
// two words came first: soon if it is told where each sequence ends, late if it is not.
//
//     tools/run sequence_layers                     (--help tells what else it can do)

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <luxtorch/luxtorch.h>

#include <iostream>

#include "options.h"
#include "pictures.h"
#include "which_came_first.h"

namespace lux = luxtorch;
using lux::Layer, lux::Out, lux::Rng, lux::Step, lux::Tensor, lux::Tree;

std::string shape(const Tensor& t) { return fmt::format("({})", fmt::join(t.sizes(), ", ")); }
double difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }
/// How near two results are, in words: sums taken in another order differ in the last digit.
std::string nearness(const Tensor& a, const Tensor& b) {
  auto d = difference(a, b);
  return d == 0     ? "the same"
         : d < 1e-5 ? fmt::format("the same to {:.0e}", d)
                    : fmt::format("different by {:.2f}", d);
}

// --------------------------------------------------------------------------------------------- 1. A cell and a layer
//
// A sequence is one tensor, (batch, time, features). A cell takes one step of it, (batch, features), and returns a Step: its
// output y and the carry, which is what the next step wants to know of this one. A layer takes all of them.

void a_cell_and_a_layer() {
  auto x = lux::random::normal(Rng(1), {3, 5, 10});  // 3 sequences of 5 steps with 10 features
  lux::RNNCell cell(10, 20);
  auto [ps, st] = lux::setup(Rng(0), cell);

  // The first call has no carry: it starts a sequence.
  auto steps = x.unbind(1);
  auto [step, st_cell] = cell(steps[0], ps, st);
  for (size_t t = 1; t < steps.size(); ++t)
    std::tie(step, st_cell) = cell(steps[t], step.carry, ps, st_cell);

  // Recurrence is the same loop, with the same parameters. It gives the last output or all of them.
  auto last = lux::apply<Tensor>(lux::Recurrence(cell), x, ps, st).first;
  lux::Recurrence every_step(cell, {.return_sequence = true});
  auto all = lux::apply<Tensor>(every_step, x, ps, st).first;

  fmt::print("1. A cell makes one step, a layer goes over a whole sequence\n\n");
  fmt::print("   x, (batch, time, features)         {}\n", shape(x));
  fmt::print("   RNNCell(10 => 20), one step        {} -> {}\n", shape(steps[0]), shape(step.y));
  fmt::print("   Recurrence(RNNCell(10 => 20))      {} -> {}\n", shape(x), shape(last));
  fmt::print("     with .return_sequence = true     {} -> {}\n\n", shape(x), shape(all));
  fmt::print("   the cell's last y, by hand         {} as the layer's\n\n", nearness(step.y, last));
}

// ------------------------------------------------------------------------------------------------ 2. The hidden state
//
// It is the carry: (h) for RNNCell and GRUCell, (h, c) for LSTMCell, whose c is its long memory. Nothing keeps it behind your
// back: what one call returns is handed to the next one, or is not.

void the_hidden_state() {
  fmt::print("2. The hidden state is what you hand on\n\n");
  auto x = lux::random::normal(Rng(2), {3, 5, 10});
  auto carry_of = [&](const Layer& cell, const char* names) {
    auto [ps, st] = lux::setup(Rng(0), cell);
    auto step = cell.step(x.select(1, 0), nullptr, ps, st).first;
    fmt::print("   {:<20}{:>5} parameters   carry {:<6}  each {}\n", cell.label(),
               lux::parameter_length(ps), names, shape(step.carry[0].tensor()));
  };
  carry_of(lux::RNNCell(10, 20), "(h)");
  carry_of(lux::LSTMCell(10, 20), "(h, c)");
  carry_of(lux::GRUCell(10, 20), "(h)");
  auto line = [](const char* what, const char* how, const std::string& result) {
    fmt::print("   {:<10}{:<52}{}\n", what, how, result);
  };

  // Read: with .return_carry a layer gives a Step too. An LSTM's y is its h; its c stays inside.
  lux::Recurrence lstm(lux::LSTMCell(10, 20), {.return_carry = true});
  auto [ps, st] = lux::setup(Rng(0), lstm);
  auto whole = lux::apply<Step>(lstm, x, ps, st).first;
  const Tensor &h = whole.carry[0].tensor(), &c = whole.carry[1].tensor();
  fmt::print("\n   an LSTM over 5 steps gives y {}, and the carry h {} and c {}\n\n",
             shape(whole.y), shape(h), shape(c));
  line("read", "h beside y", nearness(h, whole.y));

  // Carried on: the rest of a sequence starts from the carry of its beginning, (x, carry) in the place of x.
  auto beginning = lux::apply<Step>(lstm, x.narrow(1, 0, 2), ps, st).first;
  auto rest = x.narrow(1, 2, 3);
  auto carried = lux::apply<Step>(lstm, lux::tuple({rest, beginning.carry}), ps, st).first;
  line("carried", "2 steps, then 3 from their carry, beside 5 at once",
       nearness(carried.y, whole.y));

  // Reset: without a carry they are a sequence of their own.
  auto fresh = lux::apply<Step>(lstm, rest, ps, st).first;
  line("reset", "the 3 steps without that carry", nearness(fresh.y, whole.y));

  // For a stream, one step a call, the carry may live in the states, and update_state resets it there.
  lux::StatefulRecurrentCell stream(lux::LSTMCell(10, 20));
  auto states = lux::setup(Rng(0), stream).second;
  auto run_over = [&](const Tensor& sequence) {
    Tensor y;
    for (const auto& step : sequence.unbind(1)) std::tie(y, states) = stream(step, ps, states);
    return y;
  };
  line("stream", "StatefulRecurrentCell, 5 calls of one step", nearness(run_over(x), whole.y));
  line("", "5 more calls: it goes on where it was", nearness(run_over(x), whole.y));
  states = lux::update_state(states, "carry", Tree());
  line("", "5 more, after update_state(st, \"carry\", Tree())", nearness(run_over(x), whole.y));
  fmt::print("\n");
}

// -------------------------------------------------------------------------------------------- 3. A cell of one's own
//
// A minimal gated unit (Zhou et al. 2016) has one gate: f says how much of the old h is replaced, and how much of it the new
// value is made of. Any type with these two calls is a cell; it goes wherever LSTMCell goes.

struct MinimalGatedUnit {
  lux::Dense gate, candidate;
  LUXTORCH_LAYERS(gate, candidate)

  MinimalGatedUnit(int64_t in_dims, int64_t out_dims)
      : gate(in_dims + out_dims, out_dims, lux::sigmoid),
        candidate(in_dims + out_dims, out_dims, lux::tanh) {}

  Out<Step> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto h = lux::zeros({x.size(0), gate.out_dims()}, {x.scalar_type(), x.device()});
    return (*this)(x, lux::tuple({h}), ps, st);
  }
  Out<Step> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const {
    const Tensor& h = carry[0].tensor();
    auto f = gate(lux::cat({x, h}, -1), ps["gate"], st["gate"]).first;
    auto n = candidate(lux::cat({x, f * h}, -1), ps["candidate"], st["candidate"]).first;
    auto y = (1 - f) * h + f * n;
    return {{y, lux::tuple({y})}, st};
  }
};

void a_cell_of_ones_own() {
  auto x = lux::random::normal(Rng(3), {3, 5, 10});
  MinimalGatedUnit cell(10, 20);
  auto [ps, st] = lux::setup(Rng(0), cell);

  // Rows of several lengths: each row's last output is its own.
  lux::Recurrence layer(cell);
  auto last = lux::apply<Tensor>(layer, x, ps, st).first;
  auto of_rows = lux::apply<Tensor>(layer, lux::tuple({x, lux::tensor({5, 2, 3})}), ps, st).first;
  auto of_two_steps = lux::apply<Tensor>(layer, x.narrow(1, 0, 2), ps, st).first;

  lux::BidirectionalRNN both_ways(cell);
  auto [ps_both, st_both] = lux::setup(Rng(0), both_ways);
  auto y_both = lux::apply<Tensor>(both_ways, x, ps_both, st_both).first;

  lux::StatefulRecurrentCell stream(cell);
  auto states = lux::setup(Rng(0), stream).second;
  Tensor y;
  for (const auto& step : x.unbind(1)) std::tie(y, states) = stream(step, ps, states);

  fmt::print("3. A cell of one's own, the minimal gated unit, goes where the others go\n\n");
  fmt::print("   MinimalGatedUnit         {} parameters\n", lux::parameter_length(ps));
  fmt::print("   Recurrence               {} -> {}\n", shape(x), shape(last));
  fmt::print("     with lengths 5, 2, 3   row 2 beside 2 steps of it: {}\n",
             nearness(of_rows[1], of_two_steps[1]));
  fmt::print("   BidirectionalRNN         {} -> {}\n", shape(x), shape(y_both));
  fmt::print("   StatefulRecurrentCell    5 calls beside Recurrence: {}\n\n", nearness(y, last));
}

// ---------------------------------------------------------------------------------------------------------- The program
//
// What reads the words on the next page: vectors of 50 numbers in, the last of 64 units' outputs out.

Layer make_reader(const std::string& cell) {
  if (cell == "gru") return lux::GRU(50, 64);
  if (cell == "rnn") return lux::RNN(50, 64);
  if (cell == "mgu") return lux::Recurrence(MinimalGatedUnit(50, 64));
  return lux::LSTM(50, 64);
}

int main(int argc, char** argv) {
  auto options = Options::from_command_line(argc, argv);
  if (options.threads > 0) at::set_num_threads(options.threads);
  try {
    if (!options.plots.empty()) prepare_pictures(options.plots);
    a_cell_and_a_layer();
    the_hidden_state();
    a_cell_of_ones_own();
    which_word_came_first(options, make_reader(options.cell));
    return 0;
  } catch (const lux::Error& e) {
    std::cout << std::flush;
    std::cerr << "sequence_layers: " << e.what() << std::endl;
    return 1;
  }
}
