// What runs a cell over a sequence.
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/layers/sequence.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

// A user's own cell.
struct LeakyCell {
  int64_t in_dims, out_dims;
  Tree initial_parameters(Rng rng) const {
    return named({{"weight", init::Normal{}(rng.fold_in("weight"), {out_dims, in_dims})}});
  }
  Out<Step> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto y = x.matmul(ps["weight"].tensor().t());
    return {{y, tuple({y, 1})}, st};
  }
  Out<Step> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const {
    auto n = carry[1].scalar<int64_t>();
    auto y = x.matmul(ps["weight"].tensor().t()) + carry[0].tensor().tanh() * (0.5 / double(n));
    return {{y, tuple({y, n + 1})}, st};
  }
};

const Registration registered_recurrence(+[] {
  auto x = input({4, 5, 3});
  auto lengths = tensor({2, 5, 0, 3});
  auto tokens = tensor({0, 2, 1, 1, 0, 2, 2, 2, 1, 0, 0, 1}).reshape({4, 3});
  auto carry = tuple({input({4, 2}, 1)});
  RecurrenceOptions sequence{.return_sequence = true},
      everything{.return_sequence = true, .return_carry = true},
      time{.ordering = Ordering::TimeFirst}, time_sequence{Ordering::TimeFirst, true};
  return LayerRegistration{
      .name = "Recurrence",
      .rows =
          {row("RecurrenceRNN", Recurrence(RNNCell(3, 2)), x, {14, 1}),
           row("RecurrenceRNNSoftsign", Recurrence(RNNCell(3, 2, softsign), sequence), x, {14, 1}),
           row("RecurrenceLSTM", Recurrence(LSTMCell(3, 2)), x, {56, 1}),
           row("RecurrenceLSTMWithEverything", Recurrence(LSTMCell(3, 2), everything),
               tuple({x, tuple({input({4, 2}, 1), input({4, 2}, 2)})}), {56, 1}),
           time_first(row("RecurrenceLSTMTimeFirst",
                          Recurrence(LSTMCell(3, 2, {.train_state = true, .train_memory = true}),
                                     time_sequence),
                          x, {60, 1}),
                      1),
           row("RecurrenceGRU", Recurrence(GRUCell(3, 2), everything), tuple({x, carry}), {42, 1}),
           time_first(row("RecurrenceGRUTimeFirst",
                          Recurrence(GRUCell(3, 2, {.use_bias = false}), time), x, {30, 1}),
                      0),
           without_rows(row("RecurrenceUnbatched", Recurrence(LSTMCell(3, 2), everything),
                            input({5, 3}), {56, 1})),
           with_normals(
               row("RecurrenceOfAUsersCell", Recurrence(LeakyCell{3, 2}, everything), x, {6, 0})),
           with_normals(time_first(row("RecurrenceOfAUsersCellTimeFirst",
                                       Recurrence(LeakyCell{3, 2}, time_sequence), x, {6, 0}),
                                   1)),
           without_rows(row("RecurrenceWithLengths", Recurrence(LSTMCell(3, 2)),
                            tuple({x, lengths}), {56, 1})),
           with_normals(
               without_rows(row("RecurrenceOfAUsersCellWithLengths", Recurrence(LeakyCell{3, 2}),
                                tuple({x, lengths}), {6, 0}))),
           without_rows(row("RecurrenceOfTokens", Recurrence(LSTMCell(3, 2)), tokens, {56, 1}))},
      .golden_in = "layers/layers_golden_test.cpp",
      .no_comparison = "RNN, LSTM and GRU are made of it",
      .digest = "580d37511889ec62"};
});

const Registration registered_bidirectional_rnn(+[] {
  auto x = input({4, 5, 3});
  auto lengths = tensor({2, 5, 0, 3});
  auto h = [](uint64_t seed) { return tuple({input({4, 2}, seed)}); };
  return LayerRegistration{
      .name = "BidirectionalRNN",
      .rows = {row("BidirectionalRNN", BidirectionalRNN(LSTMCell(3, 2)), x, {112, 2}),
               row("BidirectionalRNNWithEverything",
                   BidirectionalRNN(GRUCell(3, 2), RNNCell(3, 2),
                                    {.merge = Merge::None, .return_carry = true}),
                   tuple({x, named({{"forward_rnn", h(1)}, {"backward_rnn", h(2)}})}), {56, 2}),
               with_normals(time_first(
                   row("BidirectionalRNNOfAUsersCell",
                       BidirectionalRNN(LeakyCell{3, 2},
                                        {.merge = Merge::Sum, .ordering = Ordering::TimeFirst}),
                       x, {12, 0}),
                   1)),
               with_normals(without_rows(
                   row("BidirectionalRNNWithLengths",
                       BidirectionalRNN(LeakyCell{3, 2}, GRUCell(3, 2), {.return_carry = true}),
                       tuple({x, lengths}), {48, 1})))},
      .golden_in = "interop/lux_golden_test.cpp",
      .no_comparison = "RNN, LSTM and GRU are made of it",
      .digest = "9ba526270964e75d"};
});

}  // namespace
}  // namespace luxtorch::testing
