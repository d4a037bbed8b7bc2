// The kernels of recurrent sequences against plain operators.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <sstream>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/ops/fast_path.h"
#include "luxtorch/rng.h"
#include "ops/recurrent_kinds.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

struct SequenceCase {
  int64_t batch, time, in, out;
  bool bias = true, time_first = false, reverse = false, lengths = false, tokens = false;
};

std::string text(const RecurrentKind& kind, const SequenceCase& c) {
  std::ostringstream s;
  s << kind.name << ", batch " << c.batch << ", time " << c.time << ", in " << c.in << ", out "
    << c.out << (c.bias ? "" : ", no biases") << (c.time_first ? ", time first" : "")
    << (c.reverse ? ", reversed" : "") << (c.lengths ? ", lengths" : "")
    << (c.tokens ? ", tokens" : "");
  return s.str();
}

// All that is differentiated; weights as a layer would draw them.
Tree inputs(const RecurrentKind& kind, const SequenceCase& c) {
  auto uniform = [&](const char* name, std::vector<int64_t> shape, double most) {
    return random::uniform(Rng(3).fold_in(name), shape, -most, most, kFloat64);
  };
  const double w = 1 / std::sqrt(static_cast<double>(c.out));
  auto t = named({{"h", uniform("h", {c.batch, c.out}, 1)},
                  {"c", uniform("c", {c.batch, c.out}, 1)},
                  {"w_ih", uniform("w_ih", {kind.gates * c.out, c.in}, w)},
                  {"w_hh", uniform("w_hh", {kind.gates * c.out, c.out}, w)}});
  if (c.bias)
    t = merge(t, named({{"b_ih", uniform("b_ih", {kind.gates * c.out}, w)},
                        {"b_hh", uniform("b_hh", {kind.gates * c.out}, w)}}));
  if (c.tokens) return t;
  return merge(t, named({{"x", uniform("x", {c.batch, c.time, c.in}, 1)}}));
}

Tensor tokens_of(const SequenceCase& c) {
  return random::uniform(Rng(4), {c.batch, c.time}, 0, static_cast<double>(c.in), kFloat64)
      .floor()
      .clamp_max(static_cast<double>(c.in - 1))
      .to(kInt64);
}
Tensor lengths_of(const SequenceCase& c) {
  if (!c.lengths) return {};
  return random::uniform(Rng(5), {c.batch}, 0, static_cast<double>(c.time + 1), kFloat64)
      .floor()
      .to(kInt64);
}

// Outputs (y batch first) and gradients of a scalar of all of them.
Tree run(const RecurrentKind& kind, const SequenceCase& c, const Tree& at) {
  const auto dtype = at["h"].tensor().scalar_type();
  auto f = [&](const Tree& t) {
    auto x = c.tokens ? tokens_of(c) : t["x"].tensor();
    auto out =
        kind.sequence(c.time_first ? x.transpose(0, 1) : x, {t["h"].tensor(), t["c"].tensor()},
                      recurrent_weights(t),
                      {.time_first = c.time_first, .reverse = c.reverse, .lengths = lengths_of(c)});
    if (c.time_first) out.y = out.y.transpose(0, 1);
    auto sum = zeros({}, {.dtype = dtype});
    uint64_t i = 0;
    for (const auto& part : tree::tensors(recurrent_output(out)))
      sum = sum + (part * random::normal(Rng(i++), part.sizes(), 0, 1, kFloat64).to(dtype)).sum();
    return std::pair{sum, recurrent_output(out)};
  };
  auto [value, grads, out] = value_and_grad(f, at);
  return named({{"out", out}, {"grads", grads}});
}

void expect_plain_values(const RecurrentKind& kind, const SequenceCase& c) {
  SCOPED_TRACE(text(kind, c));
  const auto at = inputs(kind, c);
  const auto expected = [&] {
    ops::DisableFusedKernels guard;
    return run(kind, c, at);
  }();
  ASSERT_EQ(ops::last_backend(ops::FusedOp::recurrence).backend, ops::Backend::reference);
  const auto got = run(kind, c, at);
  ASSERT_EQ(ops::last_backend(ops::FusedOp::recurrence).backend, ops::Backend::fused);
  EXPECT_TREES_CLOSE(got, expected, kPlainFloat64);
  // Both in float32 would differ by the rounding of both.
  const auto tolerance = c.batch * c.time >= 50'000 ? kLongFloat32 : kPlainFloat32;
  const auto single = run(kind, c, tree::to(at, kFloat32));
  EXPECT_TREES_CLOSE(single["out"], tree::to(expected["out"], kFloat32), tolerance);
  // Of so many sums relu finds one that rounding moves across its corner.
  const bool corners = kind.name == rnn_kind(relu).name && c.batch * c.time * c.out > 400'000;
  if (!corners) {
    EXPECT_TREES_CLOSE(single["grads"], tree::to(expected["grads"], kFloat32), tolerance);
  }
}

TEST(RecurrentKernels, GiveThePlainValuesAndGradientsForOddAndForLargeShapes) {
  // Every pair of a batch and a number of units, with changing lengths and inputs; LUXTORCH_FULL_GRID=1
  // takes all combinations, which is a matter of minutes.
  const bool all = std::getenv("LUXTORCH_FULL_GRID");
  const std::vector<int64_t> times{1, 2, 50}, ins{1, 2, 68};
  size_t next = 0;
  for (const auto& kind : stock_kinds()) {
    for (int64_t batch : {1, 3, 128, 1000}) {
      for (int64_t out : {1, 7, 8, 16, 33, 128, 512}) {
        ++next;
        for (size_t t = 0; t < 3; ++t) {
          for (size_t i = 0; i < 3; ++i) {
            const bool large = batch * out > 30'000;
            const bool chosen = large ? t == 1 && i == 2 : t == next % 3 && i == next / 3 % 3;
            if (!all && !chosen) continue;
            expect_plain_values(kind, {batch, times[t], ins[i], out, (next + t + i) % 4 != 0});
          }
        }
      }
    }
    expect_plain_values(kind, {1000, 51, 2, 8});
  }
}

TEST(RecurrentKernels, TakeEveryOption) {
  for (const auto& kind : stock_kinds()) {
    for (auto [batch, out] : {std::pair{1, 5}, {5, 8}, {7, 40}, {150, 3}, {2, 256}}) {
      for (int options = 1; options < 16; ++options) {
        if (batch * out > 400 && options % 5 != 0) continue;
        expect_plain_values(kind, {batch, 6, 9, out, options % 3 != 0, (options & 1) != 0,
                                   (options & 2) != 0, (options & 4) != 0, (options & 8) != 0});
      }
    }
  }
}

TEST(RecurrentKernels, TakeARowThatIsNotContiguousAndGradientsThatAreNotEither) {
  const auto kind = stock_kinds()[2];
  const SequenceCase c{4, 5, 3, 6};
  auto strided = [](const Tree& t) {
    return tree::map_tensors(
        [](const Tensor& x) {
          return x.dim() < 2 ? x : x.transpose(0, -1).contiguous().transpose(0, -1);
        },
        t);
  };
  const auto at = inputs(kind, c);
  EXPECT_TREES_CLOSE(run(kind, c, strided(at)), run(kind, c, at), kPlainFloat64);
  // y.sum() hands back one number for all elements, with strides of zero.
  auto sum = [&](const Tree& t) {
    return kind
        .sequence(t["x"].tensor(), {t["h"].tensor(), t["c"].tensor()}, recurrent_weights(t), {})
        .y.sum();
  };
  const auto fused = grad(sum, at);
  ops::DisableFusedKernels guard;
  EXPECT_TREES_CLOSE(fused, grad(sum, at), kPlainFloat64);
}

TEST(RecurrentKernels, AreTheSameForAnyNumberOfThreadsAndFromRunToRun) {
  const int before = at::get_num_threads();
  for (const auto& kind : stock_kinds()) {
    for (const SequenceCase& c : {SequenceCase{67, 20, 5, 24}, {300, 4, 3, 8}, {2, 12, 16, 256}}) {
      SCOPED_TRACE(text(kind, c));
      const auto at = inputs(kind, c);
      at::set_num_threads(1);
      const auto one = run(kind, c, at);
      EXPECT_SAME(run(kind, c, at), one);
      for (int threads : {2, 3}) {
        at::set_num_threads(threads);
        const auto many = run(kind, c, at);
        EXPECT_SAME(run(kind, c, at), many);
        EXPECT_SAME(many["out"], one["out"]);
        EXPECT_SAME(many["grads"]["x"], one["grads"]["x"]);
        EXPECT_TREES_CLOSE(many, one, kPlainFloat64);
      }
    }
  }
  at::set_num_threads(before);
}

TEST(RecurrentKernels, PassOnInfinitiesNaNAndNumbersBeyondTheGatesAsPlainOperatorsDo) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  for (const auto& kind : stock_kinds()) {
    for (Dtype dtype : {kFloat32, kFloat64}) {
      const SequenceCase c{9, 3, 2, 7};
      auto at = tree::to(inputs(kind, c), dtype);
      auto x = at["x"].tensor().clone();
      const double special[] = {inf, -inf, nan, 1e4, -1e4, 60, -60, 1e-40, 0};
      for (int64_t b = 0; b < c.batch; ++b) x.select(0, b).select(0, 1).fill_(special[b]);
      at = at.with("x", x);
      SCOPED_TRACE(text(kind, c));
      const auto got = run(kind, c, at)["out"];
      ops::DisableFusedKernels guard;
      const auto expected = run(kind, c, at)["out"];
      for (int64_t b = 0; b < c.batch; ++b) {
        SCOPED_TRACE(special[b]);
        auto row = [&](const Tree& t) { return t[0].tensor().select(0, b); };
        EXPECT_CLOSE(row(got), row(expected), dtype == kFloat32 ? 2e-5 : 1e-12);
      }
    }
  }
}

TEST(RecurrentKernels, KeepTheDigitsOfTinyValues) {
  for (const auto& kind : stock_kinds()) {
    const SequenceCase c{3, 4, 2, 8, false};
    SCOPED_TRACE(text(kind, c));
    auto tiny = [](const Tensor& t) { return t * 1e-6; };
    auto at = inputs(kind, c);
    for (const char* key : {"x", "h", "c"}) at = at.with(key, tiny(at[key].tensor()));
    const auto got = run(kind, c, tree::to(at, kFloat32))["out"];
    ops::DisableFusedKernels guard;
    EXPECT_TREES_CLOSE(got, tree::to(run(kind, c, at)["out"], kFloat32), kPlainFloat32);
  }
}

TEST(RecurrentKernels, GoBackTwiceThroughOneGraphThatIsKept) {
  for (const auto& kind : stock_kinds()) {
    const SequenceCase c{5, 6, 3, 8};
    auto at = tree::map_tensors([](const Tensor& t) { return t.clone().requires_grad_(); },
                                inputs(kind, c));
    auto loss = kind.sequence(at["x"].tensor(), {at["h"].tensor(), at["c"].tensor()},
                              recurrent_weights(at), {})
                    .y.sum();
    auto w = at["w_hh"].tensor();
    loss.backward({}, /*retain_graph=*/true);
    const auto once = w.grad().clone();
    loss.backward();
    EXPECT_CLOSE(w.grad(), once * 2, kPlainFloat64);
    EXPECT_THROW(loss.backward(), std::exception);
  }
}

TEST(RecurrentKernels, NoticeAWeightThatIsChangedBeforeBackward) {
  const auto kind = stock_kinds()[2];
  auto at = inputs(kind, {5, 6, 3, 8});
  auto w = at["w_ih"].tensor().clone().requires_grad_();
  auto weights = recurrent_weights(at);
  weights.weight_ih = w * 1;
  auto loss =
      kind.sequence(at["x"].tensor(), {at["h"].tensor(), at["c"].tensor()}, weights, {}).y.sum();
  weights.weight_ih.mul_(2);
  EXPECT_THROW(loss.backward(), std::exception);
}

TEST(RecurrentBackend, IsToldAndChosen) {
  auto said = [] {
    std::ostringstream s;
    s << ops::last_backend(ops::FusedOp::recurrence);
    return s.str();
  };
  const auto kind = stock_kinds()[2];
  const SequenceCase c{2, 3, 4, 5};
  const auto at = inputs(kind, c);
  run(kind, c, at);
  EXPECT_EQ(said(), "fused");
  {
    ops::DisableFusedKernels guard;
    run(kind, c, at);
    EXPECT_EQ(said(), "reference (fused kernels are disabled)");
  }
  run(kind, c, at);
  EXPECT_EQ(said(), "fused");
  run(kind, c, tree::to(at, at::kBFloat16));
  EXPECT_EQ(said(), "reference (dtype is not float32 or float64)");
  run(rnn_kind(softsign), c, inputs(rnn_kind(softsign), c));
  EXPECT_EQ(said(), "reference (the activation has no kernel)");
  run(kind, {0, 3, 4, 5}, inputs(kind, {0, 3, 4, 5}));
  EXPECT_EQ(said(), "reference (there are no rows)");
}

TEST(RecurrentBackend, OfShapesThatDoNotFitIsTorchWhichSaysSo) {
  const auto kind = stock_kinds()[2];
  const SequenceCase c{2, 3, 4, 5};
  const auto at = inputs(kind, c);
  for (auto [key, wrong] : {std::pair{"h", std::vector<int64_t>{2, 4}},
                            {"c", {3, 5}},
                            {"x", {2, 3, 5}},
                            {"w_ih", {20, 3}},
                            {"w_hh", {20, 6}},
                            {"b_hh", {19}}}) {
    SCOPED_TRACE(key);
    const auto bad = at.with(key, zeros(wrong, {.dtype = kFloat64}));
    EXPECT_THROW(run(kind, c, bad), std::exception);
    auto step = [&] {
      kind.cell(bad["x"].tensor().select(1, 0), {bad["h"].tensor(), bad["c"].tensor()},
                recurrent_weights(bad));
    };
    EXPECT_THROW(step(), std::exception);
  }
}

}  // namespace
}  // namespace luxtorch::testing
