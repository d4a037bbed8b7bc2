// Loops over single steps: kernels and one node for each, one hand-over of the weights' gradient for
// all, against plain operators.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <sstream>
#include <thread>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/ops/fast_path.h"
#include "luxtorch/rng.h"
#include "ops/recurrent_kinds.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

constexpr RecurrentSizes kLoop{.batch = 5, .time = 4, .in = 3, .out = 6};

Tree step_inputs(const RecurrentKind& kind, bool bias = true) {
  return merge(recurrent_inputs(kind.gates, bias, kLoop.batch, kLoop.in, kLoop.out),
               named({{"x", random::normal(Rng(2), {kLoop.batch, kLoop.time, kLoop.in}, 0, 0.7,
                                           kFloat64)}}));
}

// A program: steps in some order, and a scalar of what they gave.
using Program = std::function<Tensor(const RecurrentKind& kind, const Tree& t)>;

RecurrentState start(const Tree& t) { return {t["h"].tensor(), t["c"].tensor()}; }
Tensor x_of(const Tree& t, int64_t i) { return t["x"].tensor().select(1, i); }
Tensor sum_of(const RecurrentState& s, uint64_t seed) {
  auto sum = (s.h * random::normal(Rng(seed), s.h.sizes(), 0, 1, kFloat64)).sum();
  if (s.c.defined())
    sum = sum + (s.c * random::normal(Rng(seed + 9), s.c.sizes(), 0, 1, kFloat64)).sum();
  return sum;
}

Tensor straight(const RecurrentKind& kind, const Tree& t) {
  auto s = start(t);
  auto sum = zeros({}, {.dtype = kFloat64});
  for (int64_t i = 0; i < kLoop.time; ++i) {
    s = kind.cell(x_of(t, i), s, recurrent_weights(t));
    sum = sum + sum_of(s, i);
  }
  return sum;
}
Tensor last_only(const RecurrentKind& kind, const Tree& t) {
  auto s = start(t);
  for (int64_t i = 0; i < kLoop.time; ++i) s = kind.cell(x_of(t, i), s, recurrent_weights(t));
  return sum_of({s.h, {}}, 1);
}
// Two futures of one step, one of which meets the other again through its input.
Tensor branching(const RecurrentKind& kind, const Tree& t) {
  const auto w = recurrent_weights(t);
  auto trunk = kind.cell(x_of(t, 0), start(t), w);
  auto left = kind.cell(x_of(t, 1), trunk, w), right = kind.cell(x_of(t, 2), trunk, w);
  auto mixed = kind.cell(x_of(t, 3) + left.h.narrow(1, 0, kLoop.in), right, w);
  return sum_of(left, 1) + sum_of(mixed, 2);
}
// A carry that is changed between steps, and one of two sequences' parts.
Tensor mixing(const RecurrentKind& kind, const Tree& t) {
  const auto w = recurrent_weights(t);
  auto a = kind.cell(x_of(t, 0), start(t), w), b = kind.cell(x_of(t, 1), start(t), w);
  auto s = kind.cell(x_of(t, 2), {a.h * 0.5 + b.h, b.c}, w);
  return sum_of(kind.cell(x_of(t, 3), {s.h, a.c}, w), 3);
}
Tensor truncated(const RecurrentKind& kind, const Tree& t) {
  auto s = start(t);
  auto sum = zeros({}, {.dtype = kFloat64});
  for (int64_t i = 0; i < kLoop.time; ++i) {
    if (i == 2) s = {s.h.detach(), s.c.defined() ? s.c.detach() : s.c};
    s = kind.cell(x_of(t, i), s, recurrent_weights(t));
    sum = sum + sum_of(s, i);
  }
  return sum;
}
// Steps whose outputs nobody looks at, after those that count.
Tensor unused(const RecurrentKind& kind, const Tree& t) {
  const auto w = recurrent_weights(t);
  auto s = kind.cell(x_of(t, 1), kind.cell(x_of(t, 0), start(t), w), w);
  kind.cell(x_of(t, 2), s, w);
  return sum_of(s, 4);
}
// Another set of weights in the middle.
Tensor two_cells(const RecurrentKind& kind, const Tree& t) {
  auto w = recurrent_weights(t), other = w;
  other.weight_hh = w.weight_hh * 0.5;
  auto s = kind.cell(x_of(t, 0), start(t), w);
  s = kind.cell(x_of(t, 1), s, other);
  s = kind.cell(x_of(t, 2), s, other);
  return sum_of(kind.cell(x_of(t, 3), s, w), 5);
}

const std::vector<std::pair<std::string, Program>> kPrograms{
    {"straight", straight},  {"last only", last_only}, {"branching", branching},
    {"mixing", mixing},      {"truncated", truncated}, {"unused", unused},
    {"two cells", two_cells}};

template <class F>
void for_all(const F& f) {
  for (const auto& kind : stock_kinds()) {
    for (const auto& [name, program] : kPrograms) {
      SCOPED_TRACE(kind.name + ", " + name);
      f(kind, program);
    }
  }
}

auto plainly(const auto& f) {
  ops::DisableFusedKernels guard;
  return f();
}

TEST(RecurrentSteps, HaveThePlainValuesAndGradientsHoweverTheyAreChained) {
  for_all([](const RecurrentKind& kind, const Program& program) {
    for (bool bias : {true, false}) {
      const auto at = step_inputs(kind, bias);
      auto run = [&] {
        auto [value, grads] = value_and_grad([&](const Tree& t) { return program(kind, t); }, at);
        return named({{"value", value}, {"grads", grads}});
      };
      const auto got = run();
      EXPECT_EQ(ops::last_backend(ops::FusedOp::recurrence).backend, ops::Backend::fused);
      EXPECT_TREES_CLOSE(got, plainly(run), kPlainFloat64);
    }
  });
}

TEST(RecurrentSteps, GiveEachInputItsGradientAlone) {
  for_all([](const RecurrentKind& kind, const Program& program) {
    const auto at = step_inputs(kind);
    for (const auto& key : at.keys()) {
      SCOPED_TRACE(key);
      if (key == "c" && kind.gates != 4) continue;
      auto by_one = [&] {
        return grad([&](const Tree& t) { return program(kind, at.with(key, t[key].tensor())); },
                    named({{key, at[key]}}));
      };
      EXPECT_TREES_CLOSE(by_one(), plainly(by_one), kPlainFloat64);
    }
  });
}

TEST(RecurrentSteps, HaveThePlainSecondDerivatives) {
  for_all([](const RecurrentKind& kind, const Program& program) {
    const auto at = step_inputs(kind);
    auto slope = [&](const Tree& t) {
      auto grads = grad([&](const Tree& u) { return program(kind, u); }, t, {.create_graph = true});
      auto sum = zeros({}, {.dtype = kFloat64});
      for (const auto& g : tree::tensors(grads)) sum = sum + g.square().sum();
      return sum;
    };
    auto run = [&] { return grad(slope, at); };
    EXPECT_TREES_CLOSE(run(), plainly(run), 1e-10);
  });
}

Tree leaves_of(const RecurrentKind& kind) {
  return tree::map_tensors([](const Tensor& t) { return t.clone().requires_grad_(); },
                           step_inputs(kind));
}

TEST(RecurrentSteps, GoBackTwiceThroughOneGraphThatIsKept) {
  for_all([](const RecurrentKind& kind, const Program& program) {
    const auto at = leaves_of(kind);
    auto loss = program(kind, at);
    loss.backward({}, /*retain_graph=*/true);
    const auto once = at["w_hh"].tensor().grad().clone();
    loss.backward();
    EXPECT_CLOSE(at["w_hh"].tensor().grad(), once * 2, kPlainFloat64);
    EXPECT_THROW(loss.backward(), std::exception);
  });
}

TEST(RecurrentSteps, GoBackFromTwoLossesThatShareSteps) {
  for (const auto& kind : stock_kinds()) {
    SCOPED_TRACE(kind.name);
    auto run = [&] {
      const auto at = leaves_of(kind);
      const auto w = recurrent_weights(at);
      auto s = kind.cell(x_of(at, 1), kind.cell(x_of(at, 0), start(at), w), w);
      sum_of(s, 1).backward({}, /*retain_graph=*/true);
      sum_of(kind.cell(x_of(at, 2), s, w), 2).backward();
      return tree::map_tensors([](const Tensor& t) { return t.grad(); },
                               named({{"w", at["w_ih"]}}));
    };
    EXPECT_TREES_CLOSE(run(), plainly(run), kPlainFloat64);
  }
}

TEST(RecurrentSteps, GoBackFromManyThreadsAtOnce) {
  for (const auto& kind : stock_kinds()) {
    SCOPED_TRACE(kind.name);
    const auto at = step_inputs(kind);
    auto by = [&](const Tree& t) { return straight(kind, t); };
    const auto expected = grad(by, at);
    std::vector<Tree> got(4);
    std::vector<std::thread> threads;
    for (auto& g : got) {
      threads.emplace_back([&] {
        for (int i = 0; i < 20; ++i) g = grad(by, at);
      });
    }
    for (auto& t : threads) t.join();
    for (const auto& g : got) EXPECT_SAME(g, expected);
  }
}

TEST(RecurrentSteps, GoBackFromManyThreadsAtOnceThroughOneGraphThatIsKept) {
  for (const auto& kind : stock_kinds()) {
    SCOPED_TRACE(kind.name);
    const auto at = leaves_of(kind);
    const auto loss = straight(kind, at);
    const auto weights = std::vector<Tensor>{at["w_ih"].tensor(), at["w_hh"].tensor()};
    auto back = [&](const Tensor& by) {
      return torch::autograd::grad({loss}, weights, {by}, /*retain_graph=*/true);
    };
    const auto one = zeros({}, {.dtype = kFloat64}) + 1;
    const auto expected = back(one);
    std::vector<double> worst(4, 1);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < worst.size(); ++i) {
      threads.emplace_back([&, i] {
        const double times = static_cast<double>(i + 1);
        worst[i] = 0;
        for (int n = 0; n < 20; ++n) {
          const auto got = back(one * times);
          for (size_t w = 0; w < got.size(); ++w)
            worst[i] = std::max(worst[i], relative_difference(got[w], expected[w] * times));
        }
      });
    }
    for (auto& t : threads) t.join();
    EXPECT_THAT(worst, ::testing::Each(::testing::Le(kPlainFloat64)));
  }
}

TEST(RecurrentSteps, LetAHookSeeTheWholeGradientOfACarry) {
  for (const auto& kind : stock_kinds()) {
    SCOPED_TRACE(kind.name);
    auto run = [&] {
      const auto at = leaves_of(kind);
      const auto w = recurrent_weights(at);
      auto s = kind.cell(x_of(at, 0), start(at), w);
      auto kept = s.h;
      kept.retain_grad();
      s = kind.cell(x_of(at, 1), s, w);
      sum_of(s, 1).backward();
      return named({{"h", kept.grad()}});
    };
    EXPECT_TREES_CLOSE(run(), plainly(run), kPlainFloat64);
  }
}

TEST(RecurrentSteps, NoticeAnInputOrAWeightThatIsChangedBeforeBackward) {
  const auto kind = stock_kinds()[2];
  for (const char* key : {"x", "w_ih"}) {
    SCOPED_TRACE(key);
    auto at = leaves_of(kind);
    at = at.with(key, at[key].tensor() * 1);
    auto loss = last_only(kind, at);
    at[key].tensor().mul_(2);
    EXPECT_THROW(loss.backward(), std::exception);
  }
}

TEST(RecurrentSteps, WithoutAGraphGiveFewRowsThePlainValuesFromWeightsAsTheyLie) {
  for (const auto& kind : stock_kinds()) {
    for (auto [batch, in, out] :
         {std::array<int64_t, 3>{1, 1, 1}, {1, 40, 7}, {4, 3, 16}, {3, 68, 133}}) {
      for (bool bias : {true, false}) {
        const auto at = recurrent_inputs(kind.gates, bias, batch, in, out);
        const auto features = random::normal(Rng(2), {batch, in}, 0, 0.7, kFloat64);
        const auto tokens = arange(batch, {.dtype = kInt64}).remainder(in);
        for (const auto& x : {features, tokens}) {
          SCOPED_TRACE(kind.name + ", batch " + std::to_string(batch) + ", out " +
                       std::to_string(out));
          auto run = [&](Dtype dtype) {
            const auto t = tree::to(at, dtype);
            const auto x1 = x.is_floating_point() ? x.to(dtype) : x;
            const auto one = kind.cell(x1, start(t), recurrent_weights(t));
            const auto all = kind.sequence(x1.unsqueeze(0), start(t), recurrent_weights(t),
                                           {.time_first = true, .reverse = true});
            return tuple({named({{"h", one.h}, {"c", one.c.defined() ? Tree(one.c) : Tree()}}),
                          recurrent_output(all)});
          };
          const auto got = run(kFloat64);
          ASSERT_EQ(ops::last_backend(ops::FusedOp::recurrence).backend, ops::Backend::fused);
          const auto expected = plainly([&] { return run(kFloat64); });
          EXPECT_TREES_CLOSE(got, expected, kPlainFloat64);
          EXPECT_TREES_CLOSE(run(kFloat32), tree::to(expected, kFloat32), kPlainFloat32);
        }
      }
    }
  }
}

TEST(RecurrentSteps, WithoutAGraphLeaveLargeWeightsToTorch) {
  const auto kind = stock_kinds()[2];
  const auto at = recurrent_inputs(4, true, 5, 64, 128);
  kind.cell(zeros({5, 64}, {.dtype = kFloat64}), start(at), recurrent_weights(at));
  std::ostringstream said;
  said << ops::last_backend(ops::FusedOp::recurrence);
  EXPECT_EQ(said.str(), "torch (one step without a graph is not worth the packing of its weights)");
}

}  // namespace
}  // namespace luxtorch::testing
