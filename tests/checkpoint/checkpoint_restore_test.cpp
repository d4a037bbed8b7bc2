// A TrainState that takes up a checkpoint goes on bit for bit, and refuses one that does not fit.
#include <gtest/gtest.h>

#include "luxtorch/checkpoint/checkpoint.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/optim/groups.h"
#include "luxtorch/optim/scheduler.h"
#include "luxtorch/train/freeze.h"
#include "support/compare.h"
#include "support/files.h"
#include "train/train_state_cases.h"

namespace luxtorch {
namespace {

using testing::batch;
using testing::expect_same;
using testing::fresh;
using testing::values;

Checkpoint saved(const TrainState& ts) {
  return load_checkpoint(CheckpointFolder(test::fresh_folder("checkpoint_restore")).save(ts));
}

// ts, saved now and taken up by `again`, computes what it computes without.
void expect_goes_on(TrainState ts, TrainState again, const std::function<Tree(int)>& data) {
  saved(ts).restore_(again);
  expect_same(again, ts);
  for (int i = 0; i < 4; ++i) {
    auto loss = single_train_step_(MSELoss{}, data(i), ts).loss;
    EXPECT_SAME(single_train_step_(MSELoss{}, data(i), again).loss, loss);
  }
  expect_same(again, ts);
}

TrainState trained(TrainState ts, int steps = 3) {
  for (int i = 0; i < steps; ++i) single_train_step_(MSELoss{}, batch(100 + i), ts);
  return ts;
}

// Built by hand: an update that remembers the gradients before it.
struct Remembering {
  Tree init(const Tree& ps) const {
    return named(
        {{"last", tree::map_tensors([](const Tensor& t) { return t * 0; }, ps)}, {"count", 0}});
  }
  std::pair<Tree, Tree> update(const Tree& grads, const Tree& state, const Tree& ps) const {
    auto move = [](const Tree& p, const Tree& g) -> Tree { return p.tensor() - g.tensor() * 0.01; };
    return {tree::zip(move, tree::zip(move, ps, grads), state["last"]),
            named({{"last", grads}, {"count", state["count"].scalar<int64_t>() + 1}})};
  }
};

// Built by hand, too: its learning rate can be changed.
struct Adjustable {
  double lr = 0.1;
  Tree init(const Tree&) const { return {}; }
  std::pair<Tree, Tree> update(const Tree& grads, const Tree& state, const Tree& ps) const {
    auto move = [&](const Tree& p, const Tree& g) -> Tree { return p.tensor() - g.tensor() * lr; };
    return {tree::zip(move, ps, grads), state};
  }
  Adjustable adjust(const Hyperparameters& h) const { return {h.lr.value_or(lr)}; }
};

TEST(CheckpointRestore, EveryOptimiserGoesOn) {
  auto all = testing::optimizers();
  all.push_back(OptimiserChain(ClipGlobalNorm(0.1), RAdam(0.01), WeightDecay(0.1)));
  all.push_back(OptimiserChain());
  all.push_back(RMSProp(0.01, {.centred = true}));
  all.push_back(OptimiserChain(ClipGlobalNorm(1.0), Scheduler(AdamW(), schedule::Exp(0.01, 0.5))));
  all.push_back(Scheduler(Momentum(), schedule::Exp(0.1, 0.5)));
  all.push_back(Scheduler(Adjustable{}, schedule::Exp(0.1, 0.5)));
  all.push_back(
      OptimiserChain(ClipGlobalNorm(1.0),
                     OptimizerGroups(AdamW(0.01), {{"*.bias", Rprop()}, {"layer_2", LAMB()}})));
  all.push_back(Remembering{});
  all.push_back(OptimiserChain(ClipNorm(1.0), Remembering{}));
  for (const Optimizer& o : all) {
    SCOPED_TRACE(o.label());
    expect_goes_on(trained(fresh(o)), fresh(o), [](int i) { return batch(i); });
  }
}

TEST(CheckpointRestore, AnAdjustedLearningRateAndFrozenPartsComeBack) {
  auto o = OptimiserChain(ClipNorm(1.0), Adam(0.01));
  auto ts = freeze(trained(fresh(o)), "layer_1.bias");
  adjust_(ts, {.lr = 0.003});
  ts = trained(ts);
  expect_goes_on(ts, fresh(o), [](int i) { return batch(i); });
  expect_goes_on(trained(fresh(o)), freeze(fresh(o), ""), [](int i) { return batch(i); });
}

// What the program's constructor says does not count, nor what was adjusted there since.
TEST(CheckpointRestore, AnAdjustedOptimiserOfTheUsersOwnComesBack) {
  for (const Optimizer& o :
       {Optimizer(Adjustable{}), Optimizer(OptimiserChain(ClipNorm(1.0), Adjustable{})),
        Optimizer(Scheduler(OptimiserChain(WeightDecay(0.1), Adjustable{}),
                            {.lambda = schedule::Exp(0.1, 0.5)}))}) {
    SCOPED_TRACE(o.label());
    auto ts = trained(adjust(fresh(o), {.lr = 0.02}));
    adjust_(ts, {.lr = 0.03});
    expect_goes_on(ts, fresh(o), [](int i) { return batch(i); });
    expect_goes_on(ts, adjust(fresh(o), {.lr = 0.5}), [](int i) { return batch(i); });
    expect_goes_on(trained(fresh(o)), adjust(fresh(o), {.lr = 0.5}),
                   [](int i) { return batch(i); });
  }
}

TEST(CheckpointRestore, AUsersOwnOptimiserGoesOnFromACheckpointWithoutItsNumbers) {
  auto ts = trained(fresh(Adjustable{})), again = fresh(Adjustable{});
  auto old = saved(ts);
  old.hyperparameters = Tree();
  old.restore_(again);
  expect_same(again, ts);
}

// Moments were of the parameters' own dtype once.
TEST(CheckpointRestore, NarrowMomentsAreTakenUpInFloat32) {
  for (Dtype dtype : {Dtype::Half, Dtype::BFloat16}) {
    auto [ps, st] = setup(Rng(1), testing::model());
    TrainState ts(testing::model(), tree::to(ps, dtype), st, Adam()), again = ts;
    single_train_step_(MSELoss{}, tree::to(batch(), dtype), ts);
    auto old = saved(ts);
    old.optimizer_state = tree::to(old.optimizer_state, dtype);
    old.restore_(again);
    EXPECT_SAME(again.optimizer_state(), tree::to(old.optimizer_state, kFloat32));
    EXPECT_SAME(again.parameters(), ts.parameters());
  }
}

Chain streaming() {
  return Chain(StatefulRecurrentCell(LSTMCell(3, 4)), Dropout(0.4), BatchNorm(4), Dense(4, 1));
}
TrainState fresh_streaming() {
  auto [ps, st] = setup(Rng(5), streaming());
  return TrainState(streaming(), ps, st, Adam(0.01));
}

// The gradient stops at the carry that came from the step before.
TEST(CheckpointRestore, CarriesRngsAndStatisticsGoOn) {
  EXPECT_TRUE(fresh_streaming().states().at("layer_1.carry").is_none());
  auto cut = [](TrainState& ts) { ts.set_states_(tree::detach(ts.states())); };
  TrainState ts = fresh_streaming();
  for (int i = 0; i < 3; ++i) single_train_step_(MSELoss{}, batch(i), ts), cut(ts);
  EXPECT_TRUE(ts.states().at("layer_1.carry").is_tuple());
  TrainState again = fresh_streaming();
  saved(ts).restore_(again);
  expect_same(again, ts);
  for (int i = 3; i < 6; ++i) {
    single_train_step_(MSELoss{}, batch(i), ts), cut(ts);
    single_train_step_(MSELoss{}, batch(i), again), cut(again);
  }
  expect_same(again, ts);
}

TEST(CheckpointRestore, MixedDtypesComeBackAsTheyWere) {
  auto make = [] {
    auto [ps, st] = setup(Rng(1), testing::model());
    return TrainState(testing::model(),
                      ps.with("layer_2.bias", ps.at("layer_2.bias").tensor().to(kFloat64)), st,
                      Adam());
  };
  TrainState ts = make(), again = make();
  ts.step = 12;
  saved(ts).restore_(again);
  expect_same(again, ts);
  EXPECT_EQ(again.parameters().at("layer_2.bias").tensor().scalar_type(), kFloat64);
}

// What restore_ says behind the checkpoint's path; the TrainState stays.
std::string refusal(const Checkpoint& c, TrainState ts) {
  Tree ps = ts.parameters(), st = ts.states(), opt = ts.optimizer_state();
  try {
    c.restore_(ts);
  } catch (const TreeError& error) {
    EXPECT_SAME(ts.parameters(), ps);
    EXPECT_SAME(ts.states(), st);
    EXPECT_SAME(ts.optimizer_state(), opt);
    EXPECT_EQ(ts.step, 0);
    std::string text = error.what(), head = "[Checkpoint::restore_] at " + c.path.string() + ": ";
    EXPECT_EQ(text.find(head), 0U) << text;
    return text.substr(head.size());
  }
  return "";
}

TrainState of(Layer m, Optimizer o = Adam(0.01)) {
  auto [ps, st] = setup(Rng(1), m);
  return TrainState(std::move(m), ps, st, std::move(o));
}

TEST(CheckpointRestore, ACheckpointOfAnotherModelIsRefusedWithTheLineThatDiffers) {
  auto c = saved(trained(fresh()));
  EXPECT_EQ(refusal(c, of(Chain(Dense(3, 5, tanh), Dense(5, 1)))),
            "expected parameters like those of the model (left), got others (right): at "
            "layer_1.weight: a "
            "float32 tensor of shape (5, 3) on the left, a float32 tensor of shape (4, 3) on the "
            "right. Line 2 of the "
            "saved model's text is `layer_1 = Dense(3 => 4, tanh)` in place of `layer_1 = Dense(3 "
            "=> 5, tanh)`.");
  auto with_dropout = refusal(c, of(Chain(Dense(3, 4, tanh), Dense(4, 1), Dropout(0.1))));
  EXPECT_NE(with_dropout.find(" Line "), std::string::npos) << with_dropout;
  EXPECT_NE(refusal(c, of(Dense(3, 4))), "");
}

// A checkpoint's identity is the structure, not the text.
TEST(CheckpointRestore, ALayerMayPrintItselfInAnotherWay) {
  TrainState before = trained(fresh());
  auto c = saved(before);
  c.model = "the text of an older version";
  TrainState ts = fresh();
  c.restore_(ts);
  expect_same(ts, before);
  TrainState other = of(Chain(Dense(3, 4, relu), Dense(4, 1)));
  saved(before).restore_(other);
  EXPECT_SAME(other.parameters(), before.parameters());
}

TEST(CheckpointRestore, TreesThatDoNotFitAreRefused) {
  auto c = saved(trained(fresh()));
  auto with = [&](auto change) {
    auto other = c;
    change(other);
    return refusal(other, fresh());
  };
  EXPECT_EQ(with([](Checkpoint&) {}), "");
  auto wide = [](const Tensor& t) { return t.to(kFloat64); };
  EXPECT_EQ(with([&](Checkpoint& o) {
              o.parameters = tree::map_tensors(wide, o.parameters);
            }).find("expected parameters like those of the model (left), got others (right): "),
            0U);
  EXPECT_EQ(with([&](Checkpoint& o) {
              o.parameters = o.parameters.without("layer_2.bias");
            }).find("expected parameters like those of the model (left), got others (right): "),
            0U);
  EXPECT_EQ(with([&](Checkpoint& o) {
              o.optimizer_state = tree::map_tensors(wide, o.optimizer_state);
            }).find("expected moments like those of the model (left), got others (right): "),
            0U);
  EXPECT_EQ(with([&](Checkpoint& o) {
              o.states = named({{"layer_1", 1}});
            }).find("expected states like those of the model, got "),
            0U);
}

TEST(CheckpointRestore, AnotherOptimiserIsRefused) {
  auto c = saved(trained(fresh(Adam(0.01))));
  EXPECT_EQ(
      refusal(c, fresh(OptimiserChain(ClipNorm(1.0), Adam(0.01)))),
      "expected a checkpoint of the optimizer OptimiserChain(ClipNorm(1, p = 2), Adam(0.01, beta "
      "= (0.9, 0.999), epsilon = 1e-08)), got one of Adam(0.01, beta = (0.9, 0.999), epsilon = "
      "1e-08). Make the optimizer as it was.");
  EXPECT_NE(refusal(c, fresh(OptimiserChain(Adam(0.01)))), "");
  EXPECT_NE(refusal(c, fresh(AdamW(0.01))), "");
  EXPECT_NE(refusal(c, fresh(Remembering{})), "");
  EXPECT_NE(refusal(saved(fresh(Remembering{})), fresh(Adam(0.01))), "");
  EXPECT_NE(refusal(c, fresh(Scheduler(Adam(), schedule::Exp(0.1, 0.5)))), "");
  EXPECT_EQ(refusal(c, fresh(Adam(0.5))), "");  // its numbers come from the checkpoint
}

}  // namespace
}  // namespace luxtorch
