#include "luxtorch/train/freeze.h"

#include <gtest/gtest.h>

#include <sstream>

#include "luxtorch/losses/loss.h"
#include "support/compare.h"
#include "train/train_state_cases.h"

namespace luxtorch {
namespace {

using namespace testing;

TEST(Freeze, FrozenParametersGetNoGradientNoDecayAndNoMoments) {
  for (Optimizer o : {Optimizer(AdamW(0.1, {.lambda = 0.5})),
                      Optimizer(OptimiserChain(ClipNorm(1.0), WeightDecay(0.5), Adam(0.1)))}) {
    TrainState ts = freeze(fresh(o), "layer_1");
    Tree ps = ts.parameters(), opt = ts.optimizer_state();
    auto [grads, loss, stats] = single_train_step_(MSELoss{}, batch(), ts);
    EXPECT_TRUE(grads.at("layer_1.weight").is_none());
    EXPECT_TRUE(grads.at("layer_1.bias").is_none());
    EXPECT_TRUE(grads.at("layer_2.bias").is_tensor());
    EXPECT_SAME(ts.parameters()["layer_1"], ps["layer_1"]);
    EXPECT_FALSE(tree::equal(ts.parameters()["layer_2"], ps["layer_2"]));
    Tree now = ts.optimizer_state();
    for (const auto& path : tree::paths(opt)) {
      if (path.find("layer_1") != path.npos) {
        EXPECT_SAME(now.at(path), opt.at(path));
      }
    }
  }
}

TEST(Freeze, FrozenParametersRecordNoGraph) {
  TrainState ts = freeze(fresh(Adam()), "layer_1");
  bool first = true, second = false;
  auto looking = [&](const Layer& m, const Tree& ps, const Tree& st, const Tree& b) -> LossOut {
    first = ps.at("layer_1.weight").tensor().requires_grad(),
    second = ps.at("layer_2.weight").tensor().requires_grad();
    return MSELoss{}(m, ps, st, b);
  };
  single_train_step_(looking, batch(), ts);
  EXPECT_FALSE(first);
  EXPECT_TRUE(second);
}

TEST(Freeze, TheOthersMoveAsIfNothingWereFrozen) {
  TrainState all = fresh(Adam(0.1)), some = freeze(fresh(Adam(0.1)), "layer_1");
  single_train_step_(MSELoss{}, batch(), all);
  single_train_step_(MSELoss{}, batch(), some);
  EXPECT_SAME(some.parameters()["layer_2"], all.parameters()["layer_2"]);
}

TEST(Freeze, ThawedParametersGoOnWithTheirOwnMomentsAndCount) {
  TrainState ts = fresh(Adam(0.1));
  single_train_step_(MSELoss{}, batch(), ts);
  freeze_(ts, "layer_1.weight");
  for (int i = 0; i < 3; ++i) single_train_step_(MSELoss{}, batch(), ts);
  EXPECT_EQ(ts.optimizer_state().at("step.layer_1.weight").scalar<int64_t>(), 1);
  EXPECT_EQ(ts.optimizer_state().at("step.layer_1.bias").scalar<int64_t>(), 4);
  thaw_(ts);
  EXPECT_TRUE(ts.frozen().empty());
  single_train_step_(MSELoss{}, batch(), ts);
  EXPECT_EQ(ts.optimizer_state().at("step.layer_1.weight").scalar<int64_t>(), 2);
}

TEST(Freeze, PathsAndPredicatesPickParametersAndFreezingIsPure) {
  TrainState ts = fresh(Adam());
  using Paths = std::vector<std::string>;
  EXPECT_EQ(freeze(ts, "layer_2").frozen(), (Paths{"layer_2.weight", "layer_2.bias"}));
  EXPECT_EQ(freeze(ts, "layer_2.bias").frozen(), (Paths{"layer_2.bias"}));
  EXPECT_EQ(freeze(ts, "").frozen().size(), 4u);
  auto biases = [](const std::string& path) { return path.ends_with("bias"); };
  EXPECT_EQ(freeze(ts, biases).frozen(), (Paths{"layer_1.bias", "layer_2.bias"}));
  EXPECT_EQ(thaw(freeze(ts, ""), biases).frozen(), (Paths{"layer_1.weight", "layer_2.weight"}));
  EXPECT_EQ(thaw(freeze(ts, ""), "layer_1").frozen(), (Paths{"layer_2.weight", "layer_2.bias"}));
  EXPECT_TRUE(ts.frozen().empty());
}

TEST(Freeze, EverythingFrozenStillTakesSteps) {
  TrainState ts = freeze(fresh(Adam()), "");
  Tree ps = ts.parameters();
  auto [grads, loss, stats] = single_train_step_(MSELoss{}, batch(), ts);
  EXPECT_GT(loss.item<double>(), 0);
  EXPECT_SAME(ts.parameters(), ps);
  EXPECT_EQ(ts.step, 1);
}

TEST(Freeze, AUsersOwnOptimiserSeesNoGradientOfWhatIsFrozen) {
  struct Plain {
    Tree init(const Tree&) const { return Tree(); }
    std::pair<Tree, Tree> update(const Tree& grads, const Tree& state, const Tree& ps) const {
      return {
          tree::zip([](const Tree& x,
                       const Tree& g) { return g.is_none() ? x : Tree(x.tensor() - g.tensor()); },
                    ps, grads),
          state};
    }
  };
  TrainState ts = fresh(Plain{});
  auto computed = compute_gradients(MSELoss{}, batch(), ts);
  ts = freeze(computed.next, "layer_1");
  Tree ps = ts.parameters();
  apply_gradients_(ts, computed.grads);
  EXPECT_SAME(ts.parameters()["layer_1"], ps["layer_1"]);
  EXPECT_FALSE(tree::equal(ts.parameters()["layer_2"], ps["layer_2"]));
}

TEST(Freeze, GradientsThatAreGivenForFrozenParametersAreIgnored) {
  TrainState ts = fresh(AdamW(0.1, {.lambda = 0.5}));
  auto [grads, loss, stats, next] = compute_gradients(MSELoss{}, batch(), ts);
  TrainState frozen = freeze(ts, "layer_1");
  TrainState moved = apply_gradients(frozen, grads);
  EXPECT_SAME(moved.parameters()["layer_1"], ts.parameters()["layer_1"]);
}

TEST(FreezeErrors, AnUnknownPathIsRefusedWithThosePathsThatThereAre) {
  TrainState ts = fresh(Adam());
  EXPECT_ERROR(TreeError, freeze(ts, "lstm_cell"),
               "[freeze] expected the path of parameters, got \"lstm_cell\". There are layer_1, "
               "layer_1.weight, layer_1.bias, layer_2, "
               "layer_2.weight, layer_2.bias.");
  EXPECT_ERROR(TreeError, thaw(ts, "layer_1.weigh"),
               "[thaw] expected the path of parameters, got \"layer_1.weigh\". There are layer_1, "
               "layer_1.weight, layer_1.bias, layer_2, "
               "layer_2.weight, layer_2.bias.");
}

TEST(Freeze, IsPrinted) {
  std::ostringstream out;
  out << freeze(fresh(Adam()), "layer_1");
  EXPECT_NE(out.str().find("parameters: 21 in 4 arrays, 16 of them frozen"), std::string::npos)
      << out.str();
}

}  // namespace
}  // namespace luxtorch
