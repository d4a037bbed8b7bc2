// A user's own optimizer among the stages of a chain: over flat memory, without copies.
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/optim/scheduler.h"
#include "luxtorch/train/freeze.h"
#include "optim/optim_cases.h"
#include "support/compare.h"
#include "train/train_state_cases.h"

namespace luxtorch {
namespace {

using namespace testing;

struct Identity {
  Tree init(const Tree&) const { return Tree(); }
  std::pair<Tree, Tree> transform(const Tree& grads, const Tree& state, const Tree&) const {
    return {grads, state};
  }
};

// Keeps what it got: directions and parameters of the last update.
struct Keeping {
  Tree init(const Tree& ps) const { return named({{"d", Tree()}, {"ps", ps}}); }
  std::pair<Tree, Tree> transform(const Tree& grads, const Tree&, const Tree& ps) const {
    return {grads, named({{"d", grads}, {"ps", ps}})};
  }
};

// A part of a large direction and its neighbour's memory at its place.
struct Swapping {
  Tree init(const Tree&) const { return Tree(); }
  std::pair<Tree, Tree> transform(const Tree& grads, const Tree& state, const Tree&) const {
    return {named({{"a", grads["b"]}, {"b", grads["a"]}}), state};
  }
};

struct Failing {
  bool* fails;
  Tree init(const Tree&) const { return named({{"calls", 0}}); }
  std::pair<Tree, Tree> transform(const Tree& grads, const Tree& state, const Tree&) const {
    if (*fails) throw ArgumentError("Failing", "expected not to be called.");
    return {grads, named({{"calls", state["calls"].scalar<int64_t>() + 1}})};
  }
};

// Gives f of the directions.
struct Giving {
  std::function<Tree(const Tree&)> f;
  Tree init(const Tree&) const { return Tree(); }
  std::pair<Tree, Tree> transform(const Tree& grads, const Tree& state, const Tree&) const {
    return {f(grads), state};
  }
};

std::vector<const void*> places(const Tree& t) {
  std::vector<const void*> all;
  for (const auto& x : tree::tensors(t)) all.push_back(x.const_data_ptr());
  return all;
}

// With an identity in the middle, at the end and at the start; states without the identity's.
TEST(OwnStage, AnIdentityChangesNoBit) {
  const Optimizer id = Identity{};
  for (Dtype dtype : {kFloat32, kFloat64, Dtype::BFloat16}) {
    for (int place = 0; place < 3; ++place) {
      std::vector<Optimizer> parts = {ClipNorm(0.5), WeightDecay(0.1)}, more = parts;
      for (auto* all : {&parts, &more}) all->push_back(place == 2 ? Optimizer(AMSGrad()) : Adam());
      more.insert(more.begin() + (place == 0 ? 0 : place == 1 ? 2 : 3), id);
      Optimizer plain = OptimiserChain(parts), with = OptimiserChain(more);
      SCOPED_TRACE(with.label());
      Tree ps = parameters(dtype), other = ps, state = plain.init(ps), other_state = with.init(ps);
      for (int i = 0; i < 4; ++i) {
        const Tree g = gradients(i, dtype);
        EXPECT_SAME(with.transform(g, other_state, other).first,
                    plain.transform(g, state, ps).first);
        std::tie(ps, state) = plain.update(g, state, ps);
        std::tie(other, other_state) = with.update(g, other_state, other);
        EXPECT_SAME(other, ps);
      }
    }
  }
}

TEST(OwnStage, AStepCopiesNeitherParametersNorMoments) {
  for (const Optimizer& o :
       {Optimizer(OptimiserChain(Identity{}, Adam())),
        Optimizer(OptimiserChain(ClipNorm(0.01), Double{}, AdamW(0.01), WeightDecay(0.1))),
        Optimizer(OptimiserChain(WeightDecay(0.1), Identity{}, Double{}, Momentum())),
        Optimizer(OptimiserChain(ClipGlobalNorm(0.1), Identity{})), Optimizer(Double{}),
        Optimizer(SignDescent{}), Optimizer(OptimiserChain(ClipNorm(0.1), SignDescent{}))}) {
    SCOPED_TRACE(o.label());
    TrainState ts = fresh(o);
    auto before = places(ts.parameters()), moments = places(ts.optimizer_state());
    for (int i = 0; i < 3; ++i) {
      single_train_step_(MSELoss{}, batch(i), ts);
      EXPECT_EQ(places(ts.parameters()), before);
      EXPECT_EQ(places(ts.optimizer_state()), moments);
    }
  }
}

// What the stage gets is flat memory itself.
TEST(OwnStage, GetsViewsOfParametersAndDirections) {
  std::vector<const void*> seen;
  struct Looking {
    std::vector<const void*>* seen;
    Tree init(const Tree&) const { return Tree(); }
    std::pair<Tree, Tree> transform(const Tree& g, const Tree& state, const Tree& ps) const {
      *seen = places(ps);
      return {g, state};
    }
  };
  TrainState ts = fresh(OptimiserChain(Looking{&seen}, Adam()));
  auto now = places(ts.parameters());
  single_train_step_(MSELoss{}, batch(), ts);
  EXPECT_EQ(seen, now);
}

TEST(OwnStage, WhatItsStateKeepsNeverChanges) {
  for (const Optimizer& o :
       {Optimizer(OptimiserChain(Keeping{}, Adam(0.1))), Optimizer(Keeping{}),
        Optimizer(OptimiserChain(WeightDecay(0.1), Keeping{}, WeightDecay(0.1), Adam(0.1)))}) {
    SCOPED_TRACE(o.label());
    TrainState ts = fresh(o);
    auto kept = [&] {
      const Tree all = ts.optimizer_state();
      return all.is_named() ? all : all[o.label().starts_with("OptimiserChain(Keep") ? 0 : 1];
    };
    for (int i = 0; i < 3; ++i) {
      const Tree before = deep_copy(ts.parameters()), state = kept(), copy = deep_copy(state);
      single_train_step_(MSELoss{}, batch(i), ts);
      EXPECT_SAME(state, copy);
      EXPECT_SAME(kept()["ps"], before);
      EXPECT_FALSE(tree::equal(ts.parameters(), before));
    }
    const Tree d = kept()["d"], copy = deep_copy(d);
    single_train_step_(MSELoss{}, batch(9), ts);
    EXPECT_SAME(d, copy);
  }
  // Its directions were right when it got them: after a decay, before the next one.
  Optimizer o = OptimiserChain(WeightDecay(0.5), Keeping{}, WeightDecay(0.5));
  Tree ps = parameters(kFloat64), g = gradients(1, kFloat64);
  Tree state = o.update(g, o.init(ps), ps).second;
  EXPECT_SAME(state[1]["d"], WeightDecay(0.5).transform(g, named({}), ps).first);
}

TEST(OwnStage, MayGiveOneDirectionsMemoryForAnother) {
  Tree ps = named({{"a", values({5}, 1)}, {"b", values({5}, 2)}}),
       g = named({{"a", values({5}, 3)}, {"b", values({5}, 4)}});
  Optimizer o = OptimiserChain(WeightDecay(0.1), Swapping{}, Momentum(0.1), WeightDecay(0.2)),
            rest = OptimiserChain(Momentum(0.1), WeightDecay(0.2));
  Tree d = WeightDecay(0.1).transform(g, named({}), ps).first;
  Tree expected = rest.update(named({{"a", d["b"]}, {"b", d["a"]}}), rest.init(ps), ps).first;
  EXPECT_SAME(o.update(g, o.init(ps), ps).first, expected);
}

TEST(OwnStage, AFailureLeavesEverythingAsItWas) {
  bool fails = false;
  for (const Optimizer& o :
       {Optimizer(OptimiserChain(Adam(0.1), Failing{&fails})),
        Optimizer(OptimiserChain(AccumGrad(2), Momentum(), Failing{&fails}, Adam(0.1))),
        Optimizer(OptimiserChain(Failing{&fails}, Momentum(), ClipNorm(1)))}) {
    SCOPED_TRACE(o.label());
    TrainState ts = fresh(o), other = fresh(o);
    for (int i = 0; i < 2; ++i) {
      single_train_step_(MSELoss{}, batch(i), ts);
      single_train_step_(MSELoss{}, batch(i), other);
      fails = true;
      EXPECT_THROW(single_train_step_(MSELoss{}, batch(7), ts), ArgumentError);
      fails = false;
      expect_same(ts, other);
    }
  }
}

TEST(OwnStage, MayHoldBackAndGiveWhatHadNoGradient) {
  Tree ps = parameters(kFloat64), g = gradients(1, kFloat64);
  const Tree one = ones({5}, {.dtype = kFloat64});
  Optimizer o = OptimiserChain(
      Giving{[&](const Tree& d) { return d.with("dense.bias", one).with("scale", Tree()); }},
      Adam(0.1));
  auto [next, state] = o.update(g.with("dense.bias", Tree()), o.init(ps), ps);
  EXPECT_SAME(next["scale"], ps["scale"]);
  EXPECT_EQ(state[1].at("step.scale").scalar<int64_t>(), 0);
  EXPECT_EQ(state[1].at("step.dense.bias").scalar<int64_t>(), 1);
  EXPECT_CLOSE(next.at("dense.bias").tensor(), ps.at("dense.bias").tensor() - 0.1, 1e-7);
  EXPECT_SAME(o.update(Tree(), o.init(ps), ps).first["scale"], ps["scale"]);
}

TEST(OwnStage, FrozenParametersStayWhateverItGives) {
  TrainState ts =
      freeze(fresh(OptimiserChain(Giving{[](const Tree& d) {
                                    return tree::map(
                                        [](const std::string& path, const Tree& leaf) {
                                          return path == "layer_1.bias" ? Tree(ones({4})) : leaf;
                                        },
                                        d);
                                  }},
                                  Descent(0.1))),
             "layer_1.bias");
  const Tree before = ts.parameters();
  single_train_step_(MSELoss{}, batch(), ts);
  EXPECT_SAME(ts.parameters().at("layer_1.bias"), before.at("layer_1.bias"));
  EXPECT_FALSE(tree::equal(ts.parameters().at("layer_1.weight"), before.at("layer_1.weight")));
}

TEST(OwnStage, TiedParametersMoveOnceByTheSum) {
  Tensor w = values({4}, 1, kFloat64), a = values({4}, 2, kFloat64), b = values({4}, 3, kFloat64);
  Tree ps = named({{"a", w}, {"b", w}}), g = named({{"a", a}, {"b", b}});
  Optimizer o = OptimiserChain(ClipNorm(100), Double{}, Descent(0.5));
  Tree next = o.update(g, o.init(ps), ps).first;
  EXPECT_CLOSE(next["a"].tensor(), w - (a + b), 1e-15);
  EXPECT_SAME(next["b"], next["a"]);
  Optimizer differs =
      OptimiserChain(Giving{[&](const Tree& d) { return d.with("b", a); }}, Descent(0.5));
  EXPECT_ERROR(ArgumentError, differs.update(g, differs.init(ps), ps),
               "[Giving] at b: expected the values of a, with "
               "which it is tied, got others. Give both the same, or make a TrainState whose "
               "parameters are not tied.");
}

TEST(OwnStage, DirectionsMayHaveAnyStrides) {
  Tree ps = named({{"w", values({4, 6}, 1)}}), g = named({{"w", values({4, 6}, 2)}});
  Optimizer o = OptimiserChain(Giving{[](const Tree& d) {
                                 return tree::map_tensors(
                                     [](const Tensor& t) { return t.t().contiguous().t(); }, d);
                               }},
                               Adam(0.1));
  EXPECT_SAME(o.update(g, o.init(ps), ps).first, Adam(0.1).update(g, Adam().init(ps), ps).first);
}

TEST(OwnStage, WhatDoesNotFitIsNamedWithItsStage) {
  Tree ps = parameters(), g = gradients(1);
  auto given = [&](const Tree& d) {
    Optimizer o = OptimiserChain(Giving{[d](const Tree&) { return d; }}, Adam(0.1));
    return o.update(g, o.init(ps), ps).first;
  };
  EXPECT_ERROR(ShapeError, given(g.with("dense.bias", zeros({4}))),
               "[Giving] at dense.bias: expected a direction like "
               "its parameter: a float32 tensor of shape (5,) on cpu, got a float32 tensor of "
               "shape (4,) on cpu.");
  EXPECT_ERROR(ShapeError, given(g.with("scale", zeros({}, {.dtype = kFloat64}))),
               "[Giving] at scale: expected a direction like its "
               "parameter: a float32 tensor of shape () on cpu, got a float64 tensor of shape () "
               "on cpu.");
  EXPECT_ERROR(TreeError, given(g.without("dense.bias")),
               "[Giving] at dense: expected directions with the "
               "parameters' structure: a named tree with the keys weight, bias, got a named tree "
               "with the keys weight.");
}

// A learned optimizer: gradients flow into what it holds.
TEST(OwnStage, ItsOwnTensorsMayBeDifferentiated) {
  Tree ps = parameters(kFloat64), g = gradients(1, kFloat64);
  auto f = [&](const Tensor& rate) {
    Optimizer o =
        OptimiserChain(Giving{[&](const Tree& d) {
                         return tree::map_tensors([&](const Tensor& t) { return t * rate; }, d);
                       }},
                       Descent(0.5));
    return o.update(g, o.init(ps), ps).first["scale"].tensor();
  };
  EXPECT_CLOSE(
      grad([&](const Tensor& rate) { return f(rate); }, full({}, 3.0, {.dtype = kFloat64})),
      g["scale"].tensor() * -0.5, 1e-14);
}

TEST(OwnStage, NestedChainsAndSchedulesKeepTheirStates) {
  Optimizer inner = OptimiserChain(ClipNorm(1), Adam()), own = Double{};
  Optimizer o = OptimiserChain(
      own, inner, Scheduler(OptimiserChain(Double{}, SignDescent{}), schedule::Exp(0.1, 0.5)));
  Tree ps = parameters(), state = o.init(ps);
  EXPECT_EQ(o.label(),
            "OptimiserChain(Double, OptimiserChain(ClipNorm(1, p = 2), Adam(0.001, beta = (0.9, "
            "0.999), epsilon = 1e-08)), Scheduler(OptimiserChain(Double, SignDescent(0.10)), lr = "
            "Exp(0.1, 0.5)))");
  ASSERT_EQ(state.size(), 3u);
  EXPECT_TRUE(state[1].is_tuple());
  for (int i = 0; i < 2; ++i) std::tie(ps, state) = o.update(gradients(i), state, ps);
  EXPECT_EQ(state[1][1].at("step.scale").scalar<int64_t>(), 2);
  EXPECT_EQ(state[2]["step"].scalar<int64_t>(), 2);
  EXPECT_EQ(state[2]["state"][1]["calls"].scalar<int64_t>(), 2);
  auto same = o.with_hyperparameters(adjust(o, {.epsilon = 0.5}).hyperparameters());
  ASSERT_TRUE(same);
  EXPECT_EQ(same->label(), adjust(o, {.epsilon = 0.5}).label());
}

}  // namespace
}  // namespace luxtorch
