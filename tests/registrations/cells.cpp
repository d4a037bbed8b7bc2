// The recurrent cells.
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/recurrent.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_rnncell(+[] {
  auto x = input({4, 3});
  auto h = input({4, 2}, 1);
  return LayerRegistration{
      .name = "RNNCell",
      .rows = {row("RNNCell", RNNCell(3, 2), x, {14, 1}),
               row("RNNCellSigmoid", RNNCell(3, 2, sigmoid, {.use_bias = false}), x, {10, 1}),
               row("RNNCellTrainedState", RNNCell(3, 2, {.train_state = true}), x, {16, 1}),
               row("RNNCellDrawnState", RNNCell(3, 2, {.init_state = init::randn}), x, {14, 1}),
               row("RNNCellWithCarry", RNNCell(3, 2), tuple({x, tuple({h})}), {14, 1})},
      .golden_in = "layers/layers_golden_test.cpp",
      .compared_in = "cases/recurrent.cpp",
      .digest = "8c3f301bc6c04119"};
});

const Registration registered_lstmcell(+[] {
  auto x = input({4, 3});
  auto h = input({4, 2}, 1), c = input({4, 2}, 2);
  return LayerRegistration{
      .name = "LSTMCell",
      .rows = {row("LSTMCell", LSTMCell(3, 2), x, {56, 1}),
               row("LSTMCellNoBias", LSTMCell(3, 2, {.use_bias = false}), x, {40, 1}),
               row("LSTMCellTrainedStates",
                   LSTMCell(
                       3, 2,
                       {.train_state = true, .train_memory = true, .init_memory = init::randn}),
                   x, {60, 1}),
               row("LSTMCellDrawnStates",
                   LSTMCell(3, 2, {.init_state = init::randn, .init_memory = init::rand}), x,
                   {56, 1}),
               row("LSTMCellWithCarry", LSTMCell(3, 2), tuple({x, tuple({h, c})}), {56, 1}),
               without_rows(row("LSTMCellUnbatched", LSTMCell(3, 2),
                                tuple({input({3}), tuple({input({2}), input({2}, 1)})}), {56, 1}))},
      .golden_in = "layers/layers_golden_test.cpp",
      .compared_in = "cases/recurrent.cpp",
      .digest = "ec18a166b56ead0a"};
});

const Registration registered_grucell(+[] {
  auto x = input({4, 3});
  auto h = input({4, 2}, 1);
  return LayerRegistration{
      .name = "GRUCell",
      .rows = {row("GRUCell", GRUCell(3, 2), x, {42, 1}),
               row("GRUCellNoBias", GRUCell(3, 2, {.use_bias = false}), x, {30, 1}),
               row("GRUCellTrainedState",
                   GRUCell(3, 2, {.train_state = true, .init_state = init::randn}), x, {44, 1}),
               row("GRUCellWithCarry", GRUCell(3, 2), tuple({x, tuple({h})}), {42, 1}),
               without_rows(row("GRUCellOfTokens", GRUCell(3, 2), tensor({0, 1, 2, 0}), {42, 1}))},
      .golden_in = "layers/layers_golden_test.cpp",
      .compared_in = "cases/recurrent.cpp",
      .digest = "462cf62088731832"};
});

const Registration registered_stateful_recurrent_cell(+[] {
  auto x = input({4, 3});
  return LayerRegistration{
      .name = "StatefulRecurrentCell",
      .rows = {row("StatefulRecurrentCell", StatefulRecurrentCell(GRUCell(3, 2)), x, {42, 2})},
      .golden_in = "interop/state_dict_golden_test.cpp",
      .no_comparison = "torch.nn has no such module",
      .digest = "57b4a5c013edd259"};
});

}  // namespace
}  // namespace luxtorch::testing
