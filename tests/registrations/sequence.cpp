// Sequence layers of several layers and directions.
#include "luxtorch/layers/sequence.h"

#include "luxtorch/core/ops.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_rnn(+[] {
  auto x = input({4, 5, 3});
  auto tokens = tensor({0, 2, 1, 1, 0, 2, 2, 2, 1, 0, 0, 1}).reshape({4, 3});
  return LayerRegistration{
      .name = "RNN",
      .rows = {row("RNN", RNN(3, 2), x, {14, 1}),
               row("RNNOfThreeLayers",
                   RNN(3, 2, softsign, {.num_layers = 3, .use_bias = false, .train_state = true}),
                   x, {10 + 8 + 8 + 6, 3}),
               without_rows(row("RNNOfTokens", RNN(3, 2, {.num_layers = 2, .bidirectional = true}),
                                tokens, {14 * 2 + 16 * 2, 4}))},
      .golden_in = "layers/sequence_golden_test.cpp",
      .compared_in = "cases/recurrent.cpp",
      .digest = "84ce9346ef47e25b"};
});

const Registration registered_lstm(+[] {
  auto x = input({4, 5, 3});
  auto lengths = tensor({2, 5, 0, 3});
  return LayerRegistration{
      .name = "LSTM",
      .rows = {row("LSTM", LSTM(3, 2), x, {56, 1}),
               row("LSTMWithEverything",
                   LSTM(3, 2,
                        {.num_layers = 2,
                         .bidirectional = true,
                         .dropout = 0.3,
                         .return_sequence = true,
                         .return_carry = true}),
                   x, {2 * 56 + 2 * 64, 4 + 2}),
               without_rows(row("LSTMWithLengths",
                                LSTM(3, 2, {.num_layers = 2, .bidirectional = true}),
                                tuple({x, lengths}), {240, 4}))},
      .golden_in = "layers/sequence_golden_test.cpp",
      .compared_in = "cases/recurrent.cpp",
      .digest = "b9eb9a0586be8ec8"};
});

const Registration registered_gru(+[] {
  auto x = input({4, 5, 3});
  auto h = [](uint64_t seed) { return tuple({input({4, 2}, seed)}); };
  return LayerRegistration{
      .name = "GRU",
      .rows = {time_first(row("GRUTimeFirst",
                              GRU(3, 2, {.bidirectional = true, .ordering = Ordering::TimeFirst}),
                              x, {84, 2}),
                          0),
               row("GRUWithACarry", GRU(3, 2, {.num_layers = 2, .return_carry = true}),
                   tuple({x, named({{"layer_1", h(1)}, {"layer_2", h(2)}})}), {42 + 36, 2})},
      .golden_in = "layers/sequence_golden_test.cpp",
      .compared_in = "cases/recurrent.cpp",
      .digest = "e9807e952048994b"};
});

}  // namespace
}  // namespace luxtorch::testing
