#include "luxtorch/autodiff/vmap.h"

#include <ATen/functorch/BatchedFallback.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "autodiff/float64.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/losses/loss.h"
#include "support/compare.h"
#include "support/error_text.h"

namespace luxtorch::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Vmap, OfAProductIsTheBatchOfProducts) {
  const Tensor a = normal(0, {5, 3, 4}), b = normal(1, {5, 4});
  const Tensor y = vmap([](const Tensor& m, const Tensor& v) { return m.matmul(v); })(a, b);
  EXPECT_CLOSE(y, a.matmul(b.unsqueeze(-1)).squeeze(-1), 1e-12);
}

TEST(Vmap, TakesDimensionsByTree) {
  const Tensor a = normal(0, {3, 5}), b = normal(1, {5, 2});
  const Tree in = named({{"a", a}, {"rest", tuple({b, 2.0})}});
  auto f = [](const Tree& t) {
    EXPECT_EQ(t["a"].tensor().sizes(), Shape({3}));
    return named({{"outer", t["a"].tensor().unsqueeze(1) * t["rest"][0].tensor()},
                  {"same", ones({2}, {.dtype = kFloat64})}});
  };
  const Tree y = vmap(f, {.in_dims = tuple({named({{"a", -1}, {"rest", tuple({0, Tree()})}})}),
                          .out_dims = named({{"outer", 2}, {"same", Tree()}})})(in);
  EXPECT_CLOSE(y["outer"].tensor(), a.unsqueeze(1) * b.t().unsqueeze(0), 1e-12);
  EXPECT_EQ(y["same"].tensor().sizes(), Shape({2}));
}

TEST(Vmap, NestsAndChunks) {
  const Tensor a = normal(0, {4, 3}), b = normal(1, {5, 3});
  auto dot = [](const Tensor& x, const Tensor& y) { return (x * y).sum(); };
  for (int64_t chunk : {0, 1, 3}) {
    auto row = [&](const Tensor& x) {
      return vmap(dot, {.in_dims = tuple({Tree(), 0}), .chunk_size = chunk})(x, b);
    };
    EXPECT_CLOSE(vmap(row, {.chunk_size = chunk})(a), a.matmul(b.t()), 1e-12);
  }
}

TEST(Vmap, ReturnsPairsAndConstants) {
  auto [y, one] = vmap([](const Tensor& x) { return std::pair(x * 2, numbers({1}).squeeze()); })(
      normal(0, {4, 2}));
  EXPECT_EQ(y.sizes(), Shape({4, 2}));
  EXPECT_CLOSE(one, numbers({1, 1, 1, 1}), 0);
}

struct TrainedCase {
  std::string name;
  Layer model;
  Tensor x, y;
};

// The gradients of every sample, against a loop.
TEST(Vmap, OfGradGivesGradientsPerSample) {
  const Tensor tokens = random::integers(Rng(3), {6, 4}, 0, 7);
  const std::vector<TrainedCase> cases{
      {"mlp", Chain(Dense(3, 8, tanh), Dense(8, 2)), normal(0, {6, 3}), normal(1, {6, 2})},
      {"lstm", Chain(Recurrence(LSTMCell(3, 4)), Dense(4, 2)), normal(0, {6, 5, 3}),
       normal(1, {6, 2})},
      {"tokens", Chain(Embedding(7, 3), Recurrence(GRUCell(3, 4)), Dense(4, 2)), tokens,
       normal(1, {6, 2})},
  };
  for (const auto& [name, model, x, y] : cases) {
    SCOPED_TRACE(name);
    auto [ps, st] = setup(Rng(0), model);
    ps = tree::to(ps, kFloat64);
    auto loss = [&, st = st](const Tree& p, const Tensor& xi, const Tensor& yi) {
      return MSELoss{}(apply<Tensor>(model, xi.unsqueeze(0), p, st).first, yi.unsqueeze(0));
    };
    const Tree all = vmap(grad(loss), {.in_dims = tuple({Tree(), 0, 0})})(ps, x, y);
    for (int64_t i = 0; i < 6; ++i) {
      const Tree one = grad(loss)(ps, x[i], y[i]);
      tree::for_each(
          [&](const std::string& path, const Tree& leaf) {
            SCOPED_TRACE(path);
            EXPECT_CLOSE(leaf.tensor()[i], one.at(path).tensor(), 1e-10);
          },
          all);
    }
  }
}

TEST(Vmap, TakesClassesAndLengthsPerSample) {
  const Recurrence model{RNNCell(2, 3)};
  auto [ps, st] = setup(Rng(0), model);
  ps = tree::to(ps, kFloat64);
  const Tensor x = normal(0, {4, 5, 2}), lengths = tensor(std::vector<int64_t>{5, 0, 2, 3}),
               labels = tensor(std::vector<int64_t>{0, 2, 1, 1});
  auto f = [&, ps = ps, st = st](const Tensor& xi, const Tensor& length, const Tensor& label) {
    const Tensor y = model(tuple({xi.unsqueeze(0), length.unsqueeze(0)}), ps, st).first.tensor();
    return CrossEntropyLoss{.logits = true}(y, label.unsqueeze(0));
  };
  const Tensor all = vmap(f)(x, lengths, labels);
  for (int64_t i = 0; i < 4; ++i) EXPECT_CLOSE(all[i], f(x[i], lengths[i], labels[i]), 1e-12);
}

// Without torch's fallback, which is a slow loop over the samples.
TEST(Vmap, OfTheGradientsOfEveryLossIsTheLoopOverThem) {
  const std::vector<std::pair<std::string, std::function<Tensor(const Tensor&, const Tensor&)>>>
      losses{{"bce", BinaryCrossEntropyLoss{}},
             {"bce logits", BinaryCrossEntropyLoss{.logits = true}},
             {"focal", BinaryFocalLoss{}},
             {"ce", CrossEntropyLoss{}},
             {"ce logits", CrossEntropyLoss{.logits = true}},
             {"mse", MSELoss{}},
             {"mae", MAELoss{}},
             {"huber", HuberLoss{}},
             {"msle", MSLELoss{}},
             {"poisson", PoissonLoss{}},
             {"hinge", HingeLoss{}},
             {"squared hinge", SquaredHingeLoss{}},
             {"dice", DiceCoeffLoss{}},
             {"tversky", TverskyLoss{}},
             {"kl", KLDivergenceLoss{}}};
  const Tensor y_hat = random::uniform(Rng(0), {5, 4, 3}, 0.05, 0.95, kFloat64);
  const Tensor y = random::uniform(Rng(1), {5, 4, 3}, 0, 1, kFloat64).round();
  at::functorch::setVmapFallbackEnabled(false);
  for (const auto& [name, loss] : losses) {
    SCOPED_TRACE(name);
    EXPECT_NO_THROW({
      const Tensor all = vmap(grad(loss))(y_hat, y);
      for (int64_t i = 0; i < 5; ++i) EXPECT_CLOSE(all[i], grad(loss)(y_hat[i], y[i]), 1e-10);
    });
  }
  at::functorch::setVmapFallbackEnabled(true);
}

TEST(Vmap, DrawsAsItsRandomnessSays) {
  const Dropout dropout(0.5);
  const Tree st = initial_states(dropout, Rng(7));
  const Tensor x = ones({6, 50}, {.dtype = kFloat64});
  auto f = [&](const Tensor& xi) { return dropout(xi, Tree(), st).first; };
  EXPECT_THROW(vmap(f)(x), ArgumentError);
  const Tensor same = vmap(f, {.randomness = Randomness::Same})(x);
  const Tensor different = vmap(f, {.randomness = Randomness::Different})(x);
  const Tensor in_chunks = vmap(f, {.randomness = Randomness::Different, .chunk_size = 4})(x);
  for (int64_t i = 0; i < 6; ++i) {
    EXPECT_CLOSE(same[i], f(x[i]), 0);
    const Tree own = st.with("rng", st["rng"].scalar<Rng>().fold_in(static_cast<uint64_t>(i)));
    EXPECT_CLOSE(different[i], dropout(x[i], Tree(), own).first, 0);
  }
  EXPECT_CLOSE(in_chunks, different, 0);
}

TEST(Vmap, OfDifferentDrawsNests) {
  const Rng rng(3);
  auto draw = [&](const Tensor& a, const Tensor& b) { return a * b + random::normal(rng, {2}); };
  const VmapOptions each{.in_dims = tuple({Tree(), 0}), .randomness = Randomness::Different};
  auto row = [&](const Tensor& a, const Tensor& bs) { return vmap(draw, each)(a, bs); };
  const Tensor y = vmap(row, {.in_dims = tuple({0, Tree()}), .randomness = Randomness::Different})(
      zeros({2}), zeros({3}));
  for (uint64_t i = 0; i < 2; ++i) {
    for (uint64_t j = 0; j < 3; ++j) {
      EXPECT_CLOSE(y[static_cast<int64_t>(i)][static_cast<int64_t>(j)],
                   random::normal(rng.fold_in(i).fold_in(j), {2}), 0);
    }
  }
}

TEST(Vmap, RunsOnSeveralThreadsAtOnce) {
  const Tensor x = normal(0, {16, 3});
  auto energy = [](const Tensor& t) { return (t * t * t).sum(); };
  const Tensor expected = vmap(hessian(energy))(x);
  std::vector<Tensor> found(4);
  std::vector<std::thread> threads;
  for (auto& t : found) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) t = vmap(hessian(energy))(x);
    });
  }
  for (auto& t : threads) t.join();
  for (const auto& t : found) EXPECT_CLOSE(t, expected, 0);
}

TEST(VmapErrors, NameWhatDoesNotFit) {
  auto sum = [](const Tensor& a, const Tensor& b) { return a + b; };
  const Tensor a = normal(0, {3, 2}), b = normal(1, {4, 2});
  EXPECT_THAT(text_of([&] { vmap(sum)(a, b); }),
              AllOf(HasSubstr("one size of all mapped dimensions"),
                    HasSubstr("0: 3 in dimension 0"), HasSubstr("1: 4 in dimension 0")));
  EXPECT_THAT(text_of([&] { vmap(sum, {.in_dims = Tree()})(a, a); }),
              HasSubstr("an argument with a mapped dimension, got none"));
  EXPECT_THAT(text_of([&] { vmap(sum, {.in_dims = tuple({0, 2})})(a, a); }),
              HasSubstr("[vmap] at 1: expected a dimension in .in_dims from -2 to 1, got 2"));
  EXPECT_THAT(text_of([&] { vmap(sum, {.in_dims = tuple({0})})(a, a); }), HasSubstr(".in_dims of"));
  EXPECT_THAT(text_of([&] { vmap(sum, {.out_dims = 3})(a, a); }),
              HasSubstr("a dimension in .out_dims from -2 to 1, got 3"));
  EXPECT_THAT(text_of([&] { vmap(sum, {.out_dims = Tree()})(a, a); }),
              HasSubstr("depends on the sample"));
  EXPECT_THAT(text_of([&] { vmap(sum)(a.sum(), a); }), HasSubstr("with a dimension to map over"));
  EXPECT_THAT(text_of([&] { vmap(sum)(a.narrow(0, 0, 0), a.narrow(0, 0, 0)); }),
              HasSubstr("one sample or more"));
}

TEST(VmapErrors, RefuseLookingAtValuesAndChangesInPlace) {
  const Tensor a = normal(0, {3, 2});
  EXPECT_THAT(text_of([&] { vmap([](const Tensor& x) { return x * x.sum().item<double>(); })(a); }),
              HasSubstr("does not look at values"));
  EXPECT_THAT(text_of([&] {
                vmap([](const Tensor& x) {
                  Tensor t = x;
                  return t.add_(1);
                })(a.clone());
              }),
              HasSubstr("changes nothing in place"));
  const Layer looks = [](const Tensor& x) { return x * x.sum().item<double>(); };
  EXPECT_THAT(text_of([&] {
                vmap([&](const Tensor& x) {
                  return apply<Tensor>(looks, x, named({}), named({})).first;
                })(a);
              }),
              HasSubstr("does not look at values"));
  Tensor captured = zeros({2}, {.dtype = kFloat64});
  EXPECT_THAT(text_of([&] { vmap([&](const Tensor& x) { return captured.add_(x); })(a); }),
              HasSubstr("changes nothing in place"));
}

TEST(VmapErrors, LeaveNoTransformBehind) {
  const Tensor a = normal(0, {3, 2});
  auto fails = [](const Tensor&) -> Tensor { throw std::runtime_error("mine"); };
  EXPECT_THROW(vmap(fails)(a), std::runtime_error);
  EXPECT_THROW(vmap(grad(fails))(a), std::runtime_error);
  EXPECT_THROW(jvp(fails, a, a), std::runtime_error);
  EXPECT_CLOSE(vmap([](const Tensor& x) { return x * 2; })(a), a * 2, 0);
  EXPECT_CLOSE(jvp([](const Tensor& x) { return x * x; }, a, a).dy, a * a * 2, 1e-12);
}

}  // namespace
}  // namespace luxtorch::testing
