#include "luxtorch/train/train_state.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <sstream>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/losses/loss.h"
#include "support/compare.h"
#include "train/train_state_cases.h"

namespace luxtorch {
namespace {

using namespace testing;

TEST(TrainState, InPlaceAndPureStepsAndTheLoopByHandGiveTheSameBits) {
  for (const Optimizer& o : optimizers()) {
    SCOPED_TRACE(o.label());
    TrainState in_place = fresh(o), pure = fresh(o), in_parts = fresh(o);
    auto [ps, st] = setup(Rng(1), model());
    Tree opt_state = o.init(ps);
    Layer layer = model();
    for (int i = 0; i < 5; ++i) {
      auto a = single_train_step_(MSELoss{}, batch(i), in_place);
      auto b = single_train_step(MSELoss{}, batch(i), pure);
      pure = b.next;
      auto c = compute_gradients(MSELoss{}, batch(i), in_parts);
      in_parts = apply_gradients(c.next, c.grads);
      auto [loss, grads, out] =
          value_and_grad([&](const Tree& p) { return MSELoss{}(layer, p, st, batch(i)); }, ps);
      std::tie(ps, opt_state) = o.update(grads, opt_state, ps);
      st = out.st;
      for (const auto& [other_loss, other_grads] :
           {std::pair{b.loss, b.grads}, {c.loss, c.grads}, {loss, grads}}) {
        EXPECT_SAME(a.loss, other_loss);
        EXPECT_SAME(a.grads, other_grads);
      }
      for (const Tree& other : {pure.parameters(), in_parts.parameters(), ps})
        EXPECT_SAME(in_place.parameters(), other);
      for (const Tree& other : {pure.optimizer_state(), in_parts.optimizer_state(), opt_state}) {
        EXPECT_SAME(in_place.optimizer_state(), other);
      }
      EXPECT_EQ(in_place.step, i + 1);
      EXPECT_EQ(pure.step, i + 1);
      EXPECT_EQ(in_parts.step, i + 1);
    }
  }
}

TEST(TrainState, LearnsALine) {
  Dense line(1, 1);
  auto [ps, st] = setup(Rng(0), line);
  TrainState ts(line, ps, st, Adam(0.1));
  Tensor x = linspace(-1, 1, 16).reshape({16, 1});
  for (int i = 0; i < 300; ++i) single_train_step_(MSELoss{}, tuple({x, x * 3 - 1}), ts);
  EXPECT_NEAR(ts.parameters()["weight"].tensor().item<double>(), 3, 1e-2);
  EXPECT_NEAR(ts.parameters()["bias"].tensor().item<double>(), -1, 1e-2);
}

TEST(TrainState, LossIsADetachedScalarFromBeforeTheUpdate) {
  TrainState ts = fresh();
  Layer layer = model();
  Tensor expected = MSELoss{}(layer, ts.parameters(), ts.states(), batch()).loss;
  auto [grads, loss, stats] = single_train_step_(MSELoss{}, batch(), ts);
  EXPECT_SAME(loss, expected);
  EXPECT_EQ(loss.dim(), 0);
  EXPECT_FALSE(loss.requires_grad());
}

TEST(TrainState, NothingThatComesOutRecordsAGraph) {
  TrainState ts = fresh();
  auto objective = [](const Layer& m, const Tree& ps, const Tree& st, const Tree& b) -> LossOut {
    auto [y, st2] = apply<Tensor>(m, b[0].tensor(), ps, st);
    return {MSELoss{}(y, b[1].tensor()), st2.with("last", y), named({{"y", y}, {"count", 8}})};
  };
  auto [grads, loss, stats] = single_train_step_(objective, batch(), ts);
  for (const Tree& t : {grads, stats, ts.states(), ts.parameters(), ts.optimizer_state()}) {
    for (const auto& x : tree::tensors(t)) EXPECT_FALSE(x.requires_grad());
  }
  EXPECT_EQ(stats["count"].scalar<int64_t>(), 8);
  EXPECT_FALSE(apply<Tensor>(ts.model, values({2, 3}, 0), ts.parameters(), ts.states())
                   .first.requires_grad());
}

TEST(TrainState, RecordsAGraphUnderANoGradGuard) {
  TrainState a = fresh(), b = fresh();
  single_train_step_(MSELoss{}, batch(), a);
  at::NoGradGuard guard;
  single_train_step_(MSELoss{}, batch(), b);
  EXPECT_SAME(a.parameters(), b.parameters());
}

TEST(TrainState, ComputeGradientsMovesTheStatesAlone) {
  Chain dropping(Dense(3, 4), Dropout(0.5), Dense(4, 1));
  auto [ps, st] = setup(Rng(1), dropping);
  TrainState ts(dropping, ps, st, Adam(0.01));
  auto [grads, loss, stats, next] = compute_gradients(MSELoss{}, batch(), ts);
  EXPECT_SAME(ts.states(), st);
  EXPECT_FALSE(tree::equal(next.states(), st));
  EXPECT_SAME(next.parameters(), ps);
  EXPECT_SAME(next.optimizer_state(), ts.optimizer_state());
  EXPECT_EQ(next.step, 0);
  EXPECT_EQ(tree::difference(grads, ps), "");
  auto again = compute_gradients_(MSELoss{}, batch(), ts);
  EXPECT_SAME(again.grads, grads);
  EXPECT_SAME(ts.states(), next.states());
  auto other = compute_gradients(MSELoss{}, batch(), ts);
  EXPECT_FALSE(tree::equal(other.grads, grads));  // another mask
}

TEST(TrainState, ApplyGradientsSkipsWhatHasNone) {
  TrainState ts = fresh(AdamW(0.1, {.lambda = 0.5}));
  auto [grads, loss, stats, next] = compute_gradients(MSELoss{}, batch(), ts);
  Tree before = deep_copy(ts.parameters());
  TrainState moved = apply_gradients(next, grads.with("layer_1", Tree()));
  EXPECT_SAME(moved.parameters()["layer_1"], before["layer_1"]);
  EXPECT_FALSE(tree::equal(moved.parameters()["layer_2"], before["layer_2"]));
  EXPECT_EQ(moved.step, 1);
}

TEST(TrainState, ItsGradientsStayAsTheyWere) {
  TrainState ts = fresh(OptimiserChain(WeightDecay(0.5), ClipNorm(1e-3), Descent(0.1)));
  auto expected = compute_gradients(MSELoss{}, batch(), ts).grads;
  auto [grads, loss, stats] = single_train_step_(MSELoss{}, batch(), ts);
  EXPECT_SAME(grads, expected);
}

TEST(TrainState, AdjustKeepsTheMoments) {
  TrainState ts = fresh(Adam(0.01));
  single_train_step_(MSELoss{}, batch(), ts);
  TrainState slow = adjust(ts, {.lr = 0});
  EXPECT_EQ(slow.optimizer().label(), "Adam(0, beta = (0.9, 0.999), epsilon = 1e-08)");
  EXPECT_EQ(ts.optimizer().label(), "Adam(0.01, beta = (0.9, 0.999), epsilon = 1e-08)");
  EXPECT_SAME(slow.optimizer_state(), ts.optimizer_state());
  Tree before = deep_copy(slow.parameters());
  single_train_step_(MSELoss{}, batch(), slow);
  EXPECT_SAME(slow.parameters(), before);
  EXPECT_EQ(slow.optimizer_state().at("step.layer_1.bias").scalar<int64_t>(), 2);
  adjust_(ts, {.lr = 0.5});
  EXPECT_EQ(ts.optimizer().label(), "Adam(0.5, beta = (0.9, 0.999), epsilon = 1e-08)");
  EXPECT_THROW(adjust_(ts, {.rho = 0.5}), ArgumentError);
}

// A user's own optimiser: the mean of the parameters so far is kept beside plain descent.
struct Averaging {
  double lr = 0.1;
  Tree init(const Tree& ps) const { return named({{"mean", ps}, {"count", 1}}); }
  std::pair<Tree, Tree> update(const Tree& grads, const Tree& state, const Tree& ps) const {
    Tree next = tree::zip(
        [&](const Tree& x, const Tree& g) {
          return g.is_none() ? x : Tree(x.tensor() - g.tensor() * lr);
        },
        ps, grads);
    double n = static_cast<double>(state["count"].scalar<int64_t>());
    auto blend = [&](const Tree& m, const Tree& x) {
      return Tree(m.tensor() * (n / (n + 1)) + x.tensor() * (1 / (n + 1)));
    };
    return {next, named({{"mean", tree::zip(blend, state["mean"], next)},
                         {"count", state["count"].scalar<int64_t>() + 1}})};
  }
};

TEST(TrainState, TakesAUsersOwnOptimiser) {
  TrainState own = fresh(Averaging{0.1}), plain = fresh(Descent(0.1));
  Tree sum = plain.parameters();
  for (int i = 0; i < 3; ++i) {
    single_train_step_(MSELoss{}, batch(i), own);
    single_train_step_(MSELoss{}, batch(i), plain);
    EXPECT_TREES_CLOSE(own.parameters(), plain.parameters(), 1e-6);
    sum = tree::zip([](const Tree& a, const Tree& b) { return Tree(a.tensor() + b.tensor()); }, sum,
                    plain.parameters());
  }
  EXPECT_TREES_CLOSE(own.optimizer_state()["mean"],
                     tree::map_tensors([](const Tensor& t) { return t * 0.25; }, sum), 1e-6);
  EXPECT_EQ(own.optimizer_state()["count"].scalar<int64_t>(), 4);
}

TEST(TrainState, TakesUpACheckpoint) {
  TrainState ts = fresh();
  for (int i = 0; i < 3; ++i) single_train_step_(MSELoss{}, batch(i), ts);
  TrainState other = fresh();
  other.set_parameters_(ts.parameters());
  other.set_optimizer_state_(ts.optimizer_state());
  other.set_states_(ts.states());
  other.step = ts.step;
  EXPECT_NE(where(other), where(ts));
  single_train_step_(MSELoss{}, batch(7), ts);
  single_train_step_(MSELoss{}, batch(7), other);
  EXPECT_SAME(other.parameters(), ts.parameters());
  EXPECT_SAME(other.optimizer_state(), ts.optimizer_state());
}

struct Nothing {
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};

TEST(TrainState, AModelWithoutParametersMayTakeSteps) {
  TrainState ts(Nothing{}, named({}), named({}), Adam(0.01));
  auto [grads, loss, stats] =
      single_train_step_(MSELoss{}, tuple({values({2}, 1), values({2}, 1)}), ts);
  EXPECT_EQ(loss.item<double>(), 0);
  EXPECT_EQ(ts.step, 1);
}

TEST(TrainState, MixedDtypesAreHandledEachByItself) {
  auto mixed = [](const Layer& m, const Tree& ps, const Tree& st, const Tree& b) -> LossOut {
    return MSELoss{}(m, tree::to(ps, kFloat64), st, tree::to(b, kFloat64));
  };
  auto [ps, st] = setup(Rng(1), model());
  ps = ps.with("layer_2", tree::to(ps["layer_2"], kFloat64));
  TrainState ts(model(), ps, st, OptimiserChain(ClipGlobalNorm(0.5), Adam(0.01)));
  TrainState wide(model(), tree::to(ps, kFloat64), st,
                  OptimiserChain(ClipGlobalNorm(0.5), Adam(0.01)));
  for (int i = 0; i < 3; ++i) {
    single_train_step_(mixed, batch(i), ts);
    single_train_step_(mixed, batch(i), wide);
  }
  EXPECT_EQ(tree::difference(ts.parameters(), ps), "");
  EXPECT_LT(relative_difference(tree::to(ts.parameters(), kFloat64), wide.parameters()), 1e-5);
}

TEST(TrainState, PrintsModelCountsOptimiserAndStep) {
  TrainState ts = fresh();
  single_train_step_(MSELoss{}, batch(), ts);
  std::ostringstream out;
  out << ts;
  EXPECT_EQ(out.str(), "TrainState after 1 step\n  model: " + show(model()) +
                           "\n  parameters: 21 in 4 arrays\n  states: 0\n  optimizer: Adam(0.01, "
                           "beta = (0.9, 0.999), epsilon = 1e-08)");
}

}  // namespace
}  // namespace luxtorch
