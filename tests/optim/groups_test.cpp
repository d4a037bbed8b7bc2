// OptimizerGroups: settings by path.
#include "luxtorch/optim/groups.h"

#include <gtest/gtest.h>

#include "luxtorch/losses/loss.h"
#include "luxtorch/optim/scheduler.h"
#include "optim/optim_cases.h"
#include "support/compare.h"
#include "train/train_state_cases.h"

namespace luxtorch {
namespace {

using namespace testing;

Tree only(const Tree& t, const std::string& end) {
  return tree::map([&](const std::string& path,
                       const Tree& leaf) { return path.ends_with(end) ? leaf : Tree(); },
                   t);
}

// Each parameter moves as if its optimizer were alone with it.
TEST(OptimizerGroups, EachParameterMovesByItsGroupsOptimizer) {
  for (Dtype dtype : {kFloat32, kFloat64, Dtype::BFloat16}) {
    const Optimizer base = AdamW(0.01, {.lambda = 0.1});
    const Optimizer o = OptimizerGroups(base, {{"*.bias", {.lambda = 0}}, {"sc*", Momentum(0.1)}});
    const std::vector<std::pair<std::string, Optimizer>> alone = {
        {"weight", base}, {"bias", AdamW(0.01)}, {"scale", Momentum(0.1)}};
    Tree ps = parameters(dtype), state = o.init(ps);
    std::vector<Tree> each(3, ps), states;
    for (const auto& [path, own] : alone) states.push_back(own.init(ps));
    for (int t = 0; t < 4; ++t) {
      Tree g = gradients(t, dtype);
      if (t == 2) g = g.with("dense.bias", Tree());
      std::tie(ps, state) = o.update(g, state, ps);
      for (size_t i = 0; i < 3; ++i) {
        const auto& [path, own] = alone[i];
        std::tie(each[i], states[i]) = own.update(only(g, path), states[i], each[i]);
        EXPECT_SAME(only(ps, path), only(each[i], path));
      }
    }
    ASSERT_EQ(state.size(), 3u);
    EXPECT_SAME(state[0]["m"].at("dense.bias"), states[1]["m"].at("dense.bias"));
    EXPECT_EQ(state[0].at("step.dense.bias").scalar<int64_t>(), 3);
    EXPECT_TRUE(state[0]["m"].at("scale").is_none());
    EXPECT_SAME(state[1]["v"]["scale"], states[2]["v"]["scale"]);
    EXPECT_TRUE(state[2]["m"].at("dense.bias").is_none());
  }
}

TEST(OptimizerGroups, ChainsAndNormsAreThoseOfAGroup) {
  Tree ps = parameters(kFloat64), g = gradients(1, kFloat64);
  const Optimizer clipped = OptimiserChain(ClipGlobalNorm(0.1), AccumGrad(1), Momentum(0.5)),
                  o = OptimiserChain(WeightDecay(0.1),
                                     OptimizerGroups(clipped, {{"dense", Descent(0.5)}}));
  const Tree d = WeightDecay(0.1).transform(g, named({}), ps).first,
             next = o.update(g, o.init(ps), ps).first;
  EXPECT_SAME(next["dense"], Descent(0.5).update(d, named({}), ps).first["dense"]);
  EXPECT_SAME(next["scale"], clipped.update(only(d, "scale"), clipped.init(ps), ps).first["scale"]);
  EXPECT_EQ(o.transform(g, o.init(ps), ps).first["scale"].tensor().sizes(), Shape({}));
}

TEST(OptimizerGroups, FlushesTheWindowsOfEachGroup) {
  const Optimizer o = OptimizerGroups(
      OptimiserChain(AccumGrad(4), Descent(0.5)),
      {{"scale", Descent(0.5)}, {"*.bias", OptimiserChain(AccumGrad(2), Descent(0.5))}});
  Tree ps = parameters(kFloat64), state = o.init(ps), start = ps, g = gradients(1, kFloat64);
  for (int i = 0; i < 2; ++i) std::tie(ps, state) = o.update(g, state, ps);
  EXPECT_SAME(ps.at("dense.weight"), start.at("dense.weight"));
  std::tie(ps, state) = o.flush(state, ps);
  EXPECT_CLOSE(ps.at("dense.weight").tensor(),
               start.at("dense.weight").tensor() - g.at("dense.weight").tensor() * 0.5, 1e-14);
  EXPECT_CLOSE(ps.at("dense.bias").tensor(),
               start.at("dense.bias").tensor() - g.at("dense.bias").tensor() * 0.5, 1e-14);
  EXPECT_CLOSE(ps["scale"].tensor(), start["scale"].tensor() - g["scale"].tensor(), 1e-14);
}

TEST(OptimizerGroups, TheRecordedUpdateIsTheSame) {
  const Optimizer o = OptimiserChain(
      ClipGlobalNorm(1),
      OptimizerGroups(Adam(0.1), {{"*.bias", OptimiserChain(AccumGrad(2), Descent(0.5))},
                                  {"scale", LAMB(0.2)}}));
  Tree ps = parameters(kFloat64), state = o.init(ps), g = gradients(5, kFloat64);
  Tree tracked = tree::map_tensors([](const Tensor& t) { return t.clone().requires_grad_(); }, ps);
  Tree recorded = state;
  for (int i = 0; i < 3; ++i) {
    std::tie(ps, state) = o.update(g, state, ps);
    std::tie(tracked, recorded) = o.update(g, recorded, tracked);
  }
  EXPECT_TRUE(tracked["scale"].tensor().requires_grad());
  EXPECT_TREES_CLOSE(tree::detach(tracked), ps, 1e-13);
  EXPECT_TREES_CLOSE(tree::detach(recorded), state, 1e-13);
}

TEST(OptimizerGroups, StepsCopyNothingAndShareTheMomentsMemory) {
  TrainState ts = fresh(OptimizerGroups(Adam(0.1), {{"*.bias", Adam(0.2)}}));
  auto places = [&] {
    std::vector<const char*> all;
    for (const auto& t : tree::tensors(tuple({ts.parameters(), ts.optimizer_state()})))
      all.push_back(static_cast<const char*>(t.const_data_ptr()));
    return all;
  };
  const auto before = places();
  for (int i = 0; i < 3; ++i) single_train_step_(MSELoss{}, batch(i), ts);
  EXPECT_EQ(places(), before);
  auto storage = [&](int part) {
    return tree::tensors(ts.optimizer_state()[part]["m"])[0].storage().unsafeGetStorageImpl();
  };
  EXPECT_EQ(storage(0), storage(1));
}

TEST(OptimizerGroups, AreAdjustedPrintedSavedAndScheduled) {
  const Optimizer o = OptimizerGroups(Descent(0.1), {{"*.bias", {.lr = 0.2}}, {"layer_2", Adam()}});
  EXPECT_EQ(o.label(),
            "OptimizerGroups(Descent(0.1), *.bias = Descent(0.2), layer_2 = Adam(0.001, beta = "
            "(0.9, 0.999), epsilon = 1e-08))");
  const Optimizer one = adjust(o, {.lr = 0.5}, "*.bias");
  EXPECT_EQ(one.label(),
            "OptimizerGroups(Descent(0.1), *.bias = Descent(0.5), layer_2 = Adam(0.001, beta = "
            "(0.9, 0.999), epsilon = 1e-08))");
  EXPECT_EQ(adjust(o, {.lr = 0.5}).label(),
            "OptimizerGroups(Descent(0.5), *.bias = Descent(0.5), layer_2 = Adam(0.5, beta = "
            "(0.9, 0.999), epsilon = 1e-08))");
  ASSERT_TRUE(o.with_hyperparameters(one.hyperparameters()));
  EXPECT_EQ(o.with_hyperparameters(one.hyperparameters())->label(), one.label());
  TrainState ts = fresh(o);
  adjust_(ts, {.lr = 0}, "*.bias");
  const Tree before = ts.parameters();
  single_train_step_(MSELoss{}, batch(), ts);
  EXPECT_SAME(ts.parameters().at("layer_1.bias"), before.at("layer_1.bias"));
  EXPECT_FALSE(tree::equal(ts.parameters().at("layer_2.weight"), before.at("layer_2.weight")));
  EXPECT_EQ(Scheduler(OptimizerGroups(Descent(), {{"a", Adam()}}), schedule::Exp(1, 0.5)).label(),
            "OptimizerGroups(Scheduler(Descent(Exp(1, 0.5))), a = Scheduler(Adam(Exp(1, 0.5), beta "
            "= (0.9, 0.999), epsilon = 1e-08)))");
}

TEST(OptimizerGroups, AStepThatThrowsInOneChangesNone) {
  const Optimizer o =
      OptimizerGroups(OptimiserChain(ClipNorm(1), Momentum(0.1)), {{"*.weight", Momentum(0.2)}});
  TrainState ts = fresh(o), other = fresh(o);
  for (int i = 0; i < 2; ++i) {
    single_train_step_(MSELoss{}, batch(i), ts);
    single_train_step_(MSELoss{}, batch(i), other);
    const Tree bad = tree::map_tensors([](const Tensor& t) { return t / 0.0; }, ts.parameters());
    EXPECT_THROW(apply_gradients_(ts, bad), ArgumentError);
    expect_same(ts, other);
  }
}

TEST(OptimizerGroups, ServeMuonItsMatrices) {
  const Optimizer o = OptimizerGroups(AdamW(1e-3), {{"*.weight", Muon(0.02)}});
  Tree ps = parameters(), g = gradients(1), next = o.update(g, o.init(ps), ps).first;
  Tree w = named({{"w", ps.at("dense.weight")}}), gw = named({{"w", g.at("dense.weight")}});
  EXPECT_SAME(next.at("dense.weight"), Muon(0.02).update(gw, Muon().init(w), w).first["w"]);
}

TEST(OptimizerGroups, WhatIsWrongIsNamed) {
  Tree ps = parameters();
  EXPECT_ERROR(ArgumentError, OptimizerGroups(Adam(), {{"*.biass", {.lr = 1}}}).init(ps),
               "[OptimizerGroups] expected patterns of parameters, got \"*.biass\", which matches "
               "none. There are dense.weight, dense.bias, scale.");
  EXPECT_ERROR(ArgumentError, OptimizerGroups(Adam(), {{"scale", SignDescent{}}}),
               "[OptimizerGroups] expected optimizers of the library with at least one rule and "
               "without groups of their own, got SignDescent(0.10).");
  EXPECT_ERROR(ArgumentError, adjust(OptimizerGroups(Adam(), {{"a", Adam()}}), {.lr = 1}, "b"),
               "[adjust] expected a group of OptimizerGroups(Adam(0.001, beta = (0.9, 0.999), "
               "epsilon = 1e-08), a = Adam(0.001, beta = (0.9, 0.999), epsilon = 1e-08)), got "
               "\"b\". There are a.");
  EXPECT_ERROR(
      ArgumentError, OptimizerGroups(Adam(), {{"a", {.rho = 0.5}}}),
      "[adjust] at \"a\" of OptimizerGroups: expected a hyper-parameter of Adam(0.001, beta "
      "= (0.9, 0.999), epsilon = 1e-08), which has lr, beta, epsilon, got rho.");
  const Optimizer hidden = OptimizerGroups(Adam(), {{"*", {.lr = 0.1}}, {"dense", {.lr = 1}}});
  EXPECT_ERROR(
      ArgumentError, hidden.init(parameters(kFloat32)),
      "[OptimizerGroups] expected each pattern to name parameters that no pattern before it "
      "does, got \"dense\". Put it before the pattern that matches them.");
}

// Freezing and groups name a tied parameter by any of its places.
TEST(OptimizerGroups, AParameterAtSeveralPlacesIsNamedByEach) {
  const Tensor w = values({2, 3}, 1);
  const Tree ps = named({{"embedding", w}, {"decoder", w}, {"other", values({2}, 2)}});
  const Tree g = named({{"embedding", values({2, 3}, 3)}, {"decoder", Tree()}, {"other", Tree()}});
  const Optimizer o = OptimizerGroups(Descent(0.1), {{"decoder", {.lr = 1}}});
  EXPECT_CLOSE(o.update(g, o.init(ps), ps).first["embedding"].tensor(), w - g["embedding"].tensor(),
               kPlainFloat32);
}

}  // namespace
}  // namespace luxtorch
