// LocalSteps over threads, each with a training of its own.
#include "luxtorch/distributed/local_steps.h"

#include <gtest/gtest.h>

#include <cmath>

#include "distributed/simulated_group.h"
#include "luxtorch/core/functions.h"
#include "luxtorch/core/values.h"
#include "luxtorch/data/dataset.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/ties.h"
#include "luxtorch/train/freeze.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

Layer model() { return Chain(Dense(2, 8), BatchNorm(8, tanh), Dense(8, 1)); }

// y = x0 x1 on this process' rows.
Tree rows(const Group& group) {
  const Tensor x = random::normal(Rng(3), {96, 2});
  const Tree all = tuple({x, x.select(1, 0).mul(x.select(1, 1)).unsqueeze(1)});
  return data::part_of(all, group.part());
}

TrainState training(Optimizer optimizer = Adam(0.02)) {
  auto [ps, st] = setup(Rng(1), model());
  return {model(), ps, st, std::move(optimizer)};
}

double steps(TrainState& ts, LocalSteps& local, const Tree& batch, int64_t count) {
  double loss = 0;
  for (int64_t i = 0; i < count; ++i) {
    loss = single_train_step_(MSELoss(), batch, ts).loss.item<double>();
    local.update_(ts);
  }
  return loss;
}

TEST(LocalSteps, OfOneStepAndDescentByOneAverageTheParameters) {
  for (int64_t size : {2, 3}) {
    simulate(size, [](const Group& group) {
      TrainState ts = training();
      LocalSteps local(group, 1, ts, {.outer = Descent(1)});
      for (int64_t step = 0; step < 5; ++step) {
        single_train_step_(MSELoss(), rows(group), ts);
        const Tree mean = group.mean(ts.parameters()), states = group.mean(ts.states());
        EXPECT_TRUE(local.update_(ts));
        EXPECT_TREES_CLOSE(ts.parameters(), mean, 1e-6);
        EXPECT_SAME(ts.states(), states);
        EXPECT_SAME(ts.parameters(), local.parameters());
      }
    });
  }
}

TEST(LocalSteps, MoveByTheFormulaOfDiLoCo) {
  simulate(2, [](const Group& group) {
    TrainState ts = training();
    LocalSteps local(group, 3, ts);
    Tensor x = ts.parameters()["layer_1"]["weight"].tensor().clone(), buffer = zeros_like(x);
    for (int64_t round = 0; round < 3; ++round) {
      steps(ts, local, rows(group), 2);
      single_train_step_(MSELoss(), rows(group), ts);
      const Tensor here = ts.parameters()["layer_1"]["weight"].tensor();
      const Tensor d = group.sum(x - here) / 2;
      buffer = 0.9 * buffer + d;  // torch.optim.SGD(lr=0.7, momentum=0.9, nesterov=True)
      x = x - 0.7 * (d + 0.9 * buffer);
      EXPECT_TRUE(local.update_(ts));
      EXPECT_CLOSE(ts.parameters()["layer_1"]["weight"].tensor(), x, 1e-5);
    }
    EXPECT_EQ(local.averages(), 3);
  });
}

TEST(LocalSteps, TrainAndLeaveAllProcessesAlike) {
  for (int64_t size : {2, 3}) {
    for (std::optional<Dtype> dtype :
         {std::optional<Dtype>(), std::optional(kBFloat16), std::optional(kFloat16)}) {
      simulate(size, [&](const Group& group) {
        TrainState ts = training();
        LocalSteps local(group, 5, ts, {.message_dtype = dtype});
        const Tree batch = rows(group);
        const double first = steps(ts, local, batch, 1);
        for (int64_t round = 0; round < 20; ++round) {
          steps(ts, local, batch, round == 0 ? 3 : 4);
          EXPECT_FALSE(all_equal(group, ts.parameters()));
          steps(ts, local, batch, 1);
          EXPECT_TRUE(all_equal(group, tuple({ts.parameters(), ts.states(), local.state()})));
        }
        EXPECT_LT(steps(ts, local, batch, 1), 0.3 * first);
      });
    }
  }
}

TEST(LocalSteps, GoOnFromTheirStateBitForBit) {
  simulate(2, [](const Group& group) {
    const Tree batch = rows(group);
    TrainState whole = training(), before = training();
    LocalSteps all(group, 4, whole), first(group, 4, before);
    steps(whole, all, batch, 14);
    steps(before, first, batch, 6);  // in the middle of a window
    TrainState after = training();
    LocalSteps second(group, 4, after);
    after.set_parameters_(before.parameters());
    after.set_states_(before.states());
    after.set_optimizer_state_(before.optimizer_state());
    second.set_state_(first.state());
    steps(after, second, batch, 8);
    EXPECT_SAME(after.parameters(), whole.parameters());
    EXPECT_SAME(after.states(), whole.states());
    EXPECT_SAME(second.state(), all.state());
  });
}

TEST(LocalSteps, KeepFrozenParametersAndStatesThatAreNotAveraged) {
  simulate(2, [](const Group& group) {
    TrainState ts = training();
    freeze_(ts, "layer_1");
    const Tree frozen = ts.parameters()["layer_1"];
    LocalSteps local(
        group, 2, ts,
        {.outer = OptimiserChain(WeightDecay(0.1), Descent(1)), .average_states = false});
    steps(ts, local, rows(group), 4);
    EXPECT_SAME(ts.parameters()["layer_1"], frozen);
    EXPECT_TRUE(all_equal(group, ts.parameters()));
    EXPECT_FALSE(all_equal(group, ts.states()));
  });
}

TEST(LocalSteps, MoveAParameterAtTwoPlacesOnce) {
  simulate(2, [](const Group& group) {
    const Layer twice = Chain(Dense(2, 2), Dense(2, 2));
    auto [ps, st] = setup(Rng(1), twice);
    ps = share_parameters(ps, {{"layer_1", "layer_2"}});
    TrainState ts(twice, ps, st, Descent(0.1));
    LocalSteps local(group, 1, ts, {.outer = Descent(1)});
    const Tensor x = random::normal(Rng(5).fold_in(static_cast<uint64_t>(group.rank())), {4, 2});
    single_train_step_(MSELoss(), tuple({x, x}), ts);
    const Tree mean = group.mean(ts.parameters());
    local.update_(ts);
    EXPECT_TREES_CLOSE(ts.parameters(), mean, 1e-6);
    EXPECT_EQ(ties(local.parameters()).size(), 2u);
  });
}

TEST(LocalSteps, RefuseWhatProcessesDoNotShare) {
  simulate(2, [](const Group& group) {
    const TrainState ts = training();
    EXPECT_THROW(LocalSteps(group, 0, ts), ArgumentError);
    EXPECT_THROW(LocalSteps(group, 1, ts, {.message_dtype = Dtype::Float8_e4m3fn}), ArgumentError);
    EXPECT_ERROR(ArgumentError, LocalSteps(group, 1, ts, {.message_dtype = kInt64}),
                 "[LocalSteps] expected a .message_dtype of bfloat16, float16, float32 or float64, "
                 "got int64.");
    EXPECT_ERROR(
        ArgumentError, LocalSteps(group, 1 + group.rank(), ts),
        "[LocalSteps] expected the same on all processes, got \"steps: 1\" on rank 0 and "
        "\"steps: 2\" on rank 1. Do all processes run the same program with the same options?");
    TrainState other = training();
    if (group.rank() == 1)
      other.set_parameters_(
          tree::map_tensors([](const Tensor& t) { return t + 1; }, other.parameters()));
    EXPECT_ERROR(
        ArgumentError, LocalSteps(group, 1, other),
        "[LocalSteps] expected the same parameters on all processes, got others. Give setup "
        "the same rng, or synchronize them: ts.set_parameters_(synchronize(group, "
        "ts.parameters())). Restore a checkpoint after this.");
    LocalSteps local(group, 3, ts);
    const Tree state = local.state();
    EXPECT_THROW(local.set_state_(Tree()), TreeError);
    EXPECT_ERROR(
        ArgumentError, local.set_state_(state.with("averages", group.rank())),
        "[LocalSteps] expected the same on all processes, got \"averages: 0\" on rank 0 and "
        "\"averages: 1\" on rank 1. Do all processes run the same program with the same options?");
  });
}

Tree with_tensors(const Tree& state, const char* part, Tensor (*f)(const Tensor&)) {
  return state.with(part, tree::map_tensors(f, state[part]));
}

TEST(LocalSteps, RefuseAStateThatDoesNotFit) {
  simulate(2, [](const Group& group) {
    const TrainState ts = training();
    LocalSteps local(group, 3, ts);
    const Tree state = local.state();
    for (const char* part : {"parameters", "optimizer"}) {
      ASSERT_FALSE(tree::tensors(state[part]).empty());
      EXPECT_THROW(local.set_state_(
                       with_tensors(state, part, [](const Tensor& t) { return t.to(kFloat64); })),
                   ShapeError);
      EXPECT_THROW(local.set_state_(
                       with_tensors(state, part, [](const Tensor& t) { return t.unsqueeze(0); })),
                   ShapeError);
      EXPECT_THROW(local.set_state_(state.with(part, tuple({1}))), TreeError);
    }
    for (int64_t steps : {-1, 4})
      EXPECT_THROW(local.set_state_(state.with("steps", steps)), ArgumentError);
    EXPECT_ERROR(ArgumentError, local.set_state_(state.with("steps", int64_t{3})),
                 "[LocalSteps] expected from 0 to 2 steps since the last average, got 3. Was it "
                 "saved with more steps between two averages?");
    EXPECT_ERROR(ArgumentError, local.set_state_(state.with("averages", int64_t{-1})),
                 "[LocalSteps] expected a number of averages of at least 0, got -1.");
    EXPECT_SAME(local.state(), state);
  });
}

TEST(LocalSteps, RefuseOnAllProcessesAStateThatDoesNotFitOnOne) {
  simulate(2, [](const Group& group) {
    const TrainState ts = training();
    LocalSteps local(group, 3, ts);
    const Tree state = local.state();
    const Tree wide =
        with_tensors(state, "optimizer", [](const Tensor& t) { return t.to(kFloat64); });
    if (group.rank() == 1) {
      EXPECT_THROW(local.set_state_(Tree()), TreeError);
      EXPECT_THROW(local.set_state_(wide), ShapeError);
    } else {
      EXPECT_ERROR(ArgumentError, local.set_state_(state),
                   "[LocalSteps] expected the same on all processes, got \"state: fits\" on rank 0 "
                   "and \"state: [LocalSteps] expected what state() gave, got nothing.\" on rank "
                   "1. Do all processes run the same program with the same options?");
      EXPECT_THROW(local.set_state_(state), ArgumentError);
    }
    const Tree moved = with_tensors(state, "optimizer", [](const Tensor& t) { return t + 1; });
    EXPECT_ERROR(ArgumentError, local.set_state_(group.rank() == 1 ? moved : state),
                 "[LocalSteps] expected the state of one training on all processes, got other "
                 "common parameters or another state of the outer optimizer. Do all processes "
                 "resume from checkpoints of the same step?");
    EXPECT_SAME(local.state(), state);
    local.set_state_(moved);
    EXPECT_SAME(local.state(), moved);
  });
}

TEST(LocalSteps, ThatDivergedOnOneProcessAreAnErrorOnAllAndChangeNothing) {
  simulate(2, [](const Group& group) {
    TrainState ts = training();
    LocalSteps local(group, 1, ts);
    const Tree before = local.state();
    if (group.rank() == 1)
      ts.set_parameters_(
          tree::map_tensors([](const Tensor& t) { return t * INFINITY; }, ts.parameters()));
    EXPECT_ERROR(
        ArgumentError, local.average_(ts),
        "[LocalSteps] expected finite parameters on all processes, got a mean difference of "
        "layer_1.weight that is infinite or NaN. Has the training of a process diverged? A "
        ".message_dtype of float16 ends at 65504.");
    EXPECT_SAME(local.state(), before);
  });
}

}  // namespace
}  // namespace luxtorch::testing
