#include "luxtorch/layers/checkpointed.h"

#include <gtest/gtest.h>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/recurrent.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

// Counts its calls and passes x on.
struct Counting {
  std::shared_ptr<int> calls = std::make_shared<int>(0);
  Tree initial_parameters(Rng) const { return named({}); }
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const {
    ++*calls;
    return {x * 1.5, st};
  }
};

struct Setup {
  Layer plain, kept;
  Tree ps, st;
  Tensor x;
};
Setup setup_of(const Layer& body) {
  auto [ps, st] = setup(Rng(0), body);
  return {body, checkpointed(body), tree::to(ps, kFloat64), tree::to(st, kFloat64),
          random::normal(Rng(1), {6, 5, 3}, 0, 1, kFloat64)};
}
Layer body() {
  return Chain(Recurrence(LSTMCell(3, 4)), Dropout(0.4), BatchNorm(4), Dense(4, 2, tanh));
}

TEST(Checkpointed, HasTheParametersStatesAndValuesOfItsLayer) {
  const auto s = setup_of(body());
  auto [ps, st] = setup(Rng(0), s.kept);
  EXPECT_TRUE(tree::equal(tree::to(ps, kFloat64), s.ps));
  const auto plain = s.plain(s.x, s.ps, s.st), kept = s.kept(s.x, s.ps, s.st);
  EXPECT_TRUE(tree::equal(kept.first, plain.first));
  EXPECT_TRUE(tree::equal(kept.second, plain.second));
}

// Dropout's mask must be drawn again from the same key, and BatchNorm must not move its averages twice.
TEST(Checkpointed, GivesTheGradientsAndStatesOfItsLayer) {
  const auto s = setup_of(body());
  auto run = [&](const Layer& layer) {
    return value_and_grad(
        [&](const Tree& p) {
          auto [y, st] = layer(p["x"], p["ps"], s.st);
          return std::pair(y.tensor().pow(2).sum(), st);
        },
        named({{"x", s.x}, {"ps", s.ps}}));
  };
  const auto plain = run(s.plain), kept = run(s.kept);
  EXPECT_TRUE(tree::equal(kept.grads, plain.grads));
  EXPECT_TRUE(tree::equal(kept.aux, plain.aux));
}

TEST(Checkpointed, GivesGradientsOfGradients) {
  const auto s = setup_of(Chain(Dense(3, 4, tanh), Dense(4, 1)));
  auto second = [&](const Layer& layer) {
    return grad(
        [&](const Tree& p) {
          auto inner = [&](const Tree& x) { return layer(x, p, s.st).first.tensor().pow(2).sum(); };
          return grad(inner, Tree(s.x), {.create_graph = true}).tensor().pow(2).sum();
        },
        s.ps);
  };
  const Tree plain = second(s.plain), kept = second(s.kept);
  EXPECT_TRUE(tree::all_close(kept, plain, 1e-12, 1e-12));
}

// The gradient of an energy by x: what it gives depends on the parameters through a gradient.
struct Force {
  Dense energy{3, 4, tanh};
  LUXTORCH_WRAPS(energy)
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    return {grad([&](const Tree& at) { return energy(at.tensor(), ps, st).first.pow(2).sum(); }, x)
                .tensor(),
            st};
  }
};

TEST(Checkpointed, ALayerThatTakesGradientsItselfHasItsGradients) {
  const auto s = setup_of(Force{});
  auto by_both = [&](const Layer& layer) {
    return grad(
        [&](const Tree& p) { return layer(p["x"], p["ps"], s.st).first.tensor().pow(2).sum(); },
        named({{"x", s.x}, {"ps", s.ps}}));
  };
  const Tree plain = by_both(s.plain);
  EXPECT_TRUE(tree::all_close(by_both(s.kept), plain, 1e-12, 1e-12));
  for (const Tensor& g : tree::tensors(plain)) EXPECT_GT(g.abs().max().item<double>(), 0);
  auto twice = [&](const Layer& layer) {
    return grad(
        [&](const Tree& x) {
          return grad(
                     [&](const Tree& y) {
                       return layer(y, s.ps, s.st).first.tensor().pow(2).sum();
                     },
                     x)
              .tensor()
              .pow(2)
              .sum();
        },
        s.x);
  };
  EXPECT_TRUE(tree::all_close(twice(s.kept), twice(s.plain), 1e-12, 1e-12));
}

TEST(Checkpointed, RunsItsLayerTwiceOnlyForAPassBackward) {
  const Counting counting;
  const Layer layer = checkpointed(counting);
  const Tensor x = random::normal(Rng(0), {3});
  (void)layer(x, named({}), named({}));
  EXPECT_EQ(*counting.calls, 1);
  (void)grad([&](const Tree& t) { return layer(t, named({}), named({})).first.tensor().sum(); },
             Tree(x));
  EXPECT_EQ(*counting.calls, 3);
}

TEST(Checkpointed, KeepsNoMoreThanItsInputs) {
  // What a graph keeps alive: a tensor made inside must be gone once the call returns.
  Tensor inside;
  auto body = [&](const Tensor& x) {
    inside = x.exp();
    return inside * inside;
  };
  const Layer plain = body, kept = checkpointed(Layer(body));
  const Tensor x = ones({4}).requires_grad_();
  Tree y = plain(x, named({}), named({})).first;
  EXPECT_GT(inside.use_count(), 1u) << "the graph of the plain layer holds it";
  y = kept(x, named({}), named({})).first;
  EXPECT_EQ(inside.use_count(), 1u);
}

TEST(Checkpointed, NoticesAnInputChangedInPlace) {
  const Layer layer = checkpointed(Layer([](const Tensor& x) { return x.exp(); }));
  const Tensor x = ones({4}).requires_grad_();
  Tensor between = x * 2;
  const Tensor y = layer(between, named({}), named({})).first.tensor().sum();
  between.mul_(3);
  EXPECT_ANY_THROW(y.backward());
}

TEST(Checkpointed, NoticesTokensChangedInPlace) {
  const Layer layer = checkpointed(Embedding(5, 3));
  auto [ps, st] = setup(Rng(0), layer);
  ps = tree::map_tensors([](const Tensor& t) { return t.detach().requires_grad_(); }, ps);
  Tensor tokens = tensor(std::vector<int64_t>{0, 4, 2});
  const Tensor y = layer(tokens, ps, st).first.tensor().sum();
  tokens.fill_(1);
  EXPECT_ANY_THROW(y.backward());
}

// Its y is the h that it keeps in its states.
TEST(Checkpointed, NewStatesCarryNoGradients) {
  const Layer layer = checkpointed(StatefulRecurrentCell(LSTMCell(2, 3)));
  auto [ps, st] = setup(Rng(0), layer);
  ps = tree::map_tensors([](const Tensor& t) { return t.detach().requires_grad_(); }, ps);
  auto [y, st2] = layer(random::normal(Rng(1), {4, 2}), ps, st);
  EXPECT_TRUE(y.tensor().requires_grad());
  for (const auto& t : tree::tensors(st2)) EXPECT_FALSE(t.requires_grad());
}

TEST(Checkpointed, WorksUnderTransforms) {
  const auto s = setup_of(Chain(Dense(3, 4, tanh), Dense(4, 1)));
  auto f = [&](const Layer& layer) {
    return [&](const Tensor& x) { return layer(x, s.ps, s.st).first.tensor().sum(); };
  };
  const Tensor x = s.x[0][0];
  EXPECT_CLOSE(hessian(f(s.kept), x), hessian(f(s.plain), x), 1e-12);
}

}  // namespace
}  // namespace luxtorch::testing
