// What holds for every layer, tested on every row of the corpus.
#include "support/corpus.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <sstream>
#include <thread>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/autodiff/vmap.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/io/jld2.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "support/allocations.h"
#include "support/compare.h"
#include "support/files.h"
#include "support/finite_differences.h"

namespace luxtorch::testing {
namespace {

class EveryLayer : public ::testing::TestWithParam<CorpusRow> {
 protected:
  const CorpusRow& row = GetParam();
  std::pair<Tree, Tree> model = setup(Rng(42), row.layer);
  const Tree &ps = model.first, &st = model.second;

  // Everything that a call takes, in float64.
  Tree in_float64() const { return tree::to(named({{"ps", ps}, {"x", row.x}}), kFloat64); }
  // A scalar of all that comes out, with another weight for each element.
  Tensor loss(const Tree& at) const { return loss(at, st); }
  Tensor loss(const Tree& at, const Tree& states) const {
    auto y = row.layer(at["x"], at["ps"], tree::to(states, kFloat64)).first;
    Tensor sum = zeros({}, {.dtype = kFloat64});
    uint64_t i = 0;
    for (const auto& part : tree::tensors(y))
      sum = sum + (part * random::normal(Rng(7).fold_in(i++), part.sizes(), 0, 1, kFloat64)).sum();
    return sum;
  }
};

Tree copy(const Tree& t) {
  return tree::map_tensors([](const Tensor& leaf) { return leaf.clone(); }, t);
}

TEST_P(EveryLayer, IsSetUpAlikeEveryTime) {
  auto [ps2, st2] = setup(Rng(42), row.layer);
  EXPECT_SAME(ps, ps2);
  EXPECT_SAME(st, st2);
  auto other = setup(Rng(43), row.layer).first;
  EXPECT_EQ(tree::difference(ps, other), "");
}

TEST_P(EveryLayer, StartsFromNumbersThatDependOnItsPathAlone) {
  auto small = setup(Rng(42), Chain(field("sub", row.layer)));
  auto big = setup(Rng(42), Chain(field("other", Dense(3, 3)), field("sub", row.layer), row.layer));
  EXPECT_SAME(small.first["sub"], big.first["sub"]);
  EXPECT_SAME(small.second["sub"], big.second["sub"]);
}

TEST_P(EveryLayer, HasTheNumbersOfParametersAndStatesThatLuxCounts) {
  EXPECT_EQ(parameter_length(ps), row.parameters);
  EXPECT_EQ(state_length(st), row.states);
  EXPECT_EQ(parameter_length(row.layer), row.parameters);
  EXPECT_EQ(state_length(row.layer), row.states);
}

TEST_P(EveryLayer, HasTheStructureOfItsSetup) {
  auto known = structure(row.layer);
  auto [ps0, st0] = setup(Rng(0), row.layer);
  EXPECT_EQ(tree::difference(known.parameters, ps0), "");
  EXPECT_EQ(tree::difference(known.states, st0), "");
}

TEST_P(EveryLayer, LeavesWhatItIsGivenAsItWasAndRepeatsItself) {
  auto ps_before = copy(ps), st_before = copy(st), x_before = copy(row.x);
  auto [y, st2] = row.layer(row.x, ps, st);
  auto y_before = copy(y), st2_before = copy(st2);
  EXPECT_SAME(ps, ps_before);
  EXPECT_SAME(st, st_before);
  EXPECT_SAME(row.x, x_before);
  auto [again, st3] = row.layer(row.x, ps, st);
  EXPECT_SAME(again, y_before);
  EXPECT_SAME(st3, st2_before);
  (void)row.layer(row.x, ps, st2);
  EXPECT_SAME(y, y_before);
  EXPECT_SAME(st2, st2_before);
}

TEST_P(EveryLayer, ReturnsStatesOfTheStructureThatItWasGiven) {
  auto st2 = row.layer(row.x, ps, st).second;
  EXPECT_EQ(mismatches(st, st2), "");
  EXPECT_EQ(mismatches(row.layer.initial_states(Rng(0)), st2), "");
  EXPECT_EQ(tree::difference(row.layer(row.x, ps, st2).second, st2), "");
}

TEST_P(EveryLayer, KeepsTheDtypeOfWhatItIsGiven) {
  auto st64 = tree::to(st, kFloat64);
  auto [y, st2] = row.layer(tree::to(row.x, kFloat64), tree::to(ps, kFloat64), st64);
  for (const auto& t : tree::tensors(y)) EXPECT_EQ(t.scalar_type(), kFloat64);
  for (const auto& t : tree::tensors(st2)) EXPECT_EQ(t.scalar_type(), kFloat64);
}

TEST_P(EveryLayer, GivesInFloat32WhatItGivesInFloat64) {
  auto [y, st2] = row.layer(row.x, ps, st);
  auto [y64, st64] =
      row.layer(tree::to(row.x, kFloat64), tree::to(ps, kFloat64), tree::to(st, kFloat64));
  EXPECT_TREES_CLOSE(tree::to(y, kFloat64), y64, kPlainFloat32);
  EXPECT_TREES_CLOSE(tree::to(st2, kFloat64), st64, kPlainFloat32);
}

TEST_P(EveryLayer, IsCalledAlikeTypedAndErased) {
  auto [y, st2] = row.layer(row.x, ps, st);
  auto [typed, st_typed] = row.typed(row.x, ps, st);
  EXPECT_SAME(y, typed);
  EXPECT_SAME(st2, st_typed);
}

TEST_P(EveryLayer, IsCalledAlikeFromManyThreads) {
  auto expected = to_tree(row.layer(row.x, ps, st));
  std::array<Tree, 4> got;
  std::vector<std::thread> threads;
  for (auto& result : got)
    threads.emplace_back([&] { result = to_tree(row.layer(row.x, ps, st)); });
  for (auto& thread : threads) thread.join();
  for (const auto& result : got) EXPECT_SAME(result, expected);
}

TEST_P(EveryLayer, HasTheGradientsThatFiniteDifferencesGive) {
  auto at = in_float64();
  auto f = [this](const Tree& t) { return loss(t); };
  EXPECT_TRUE(gradients_match(f, at, grad(f, at)));
}

TEST_P(EveryLayer, HasTheSecondDerivativesThatFiniteDifferencesGive) {
  auto at = in_float64();
  auto f = [this](const Tree& t) { return loss(t); };
  auto g = [&](const Tree& t) {
    auto [value, grads] = value_and_grad(f, t, {.create_graph = true});
    auto sum = value.square();
    for (const auto& part : tree::tensors(grads)) sum = sum + part.square().sum();
    return sum;
  };
  EXPECT_TRUE(gradients_match(g, at, grad(g, at), {.elements = 12}));
}

// The second derivative in one direction: by forward mode over forward mode, by reverse mode over it, and by differences of
// gradients.
TEST_P(EveryLayer, HasTheSecondDerivativesOfForwardModeThatFiniteDifferencesGive) {
  const Tree at = in_float64();
  const Tree direction = tree::map(
      [](const std::string& path, const Tree& leaf) -> Tree {
        if (!leaf.is_tensor() || !leaf.tensor().is_floating_point()) return {};
        return random::normal(Rng(5).fold_in(path), leaf.tensor().sizes(), 0, 1, kFloat64);
      },
      at);
  if (tree::tensors(direction).empty()) GTEST_SKIP() << "nothing to differentiate by";
  for (const Tree& states : {st, testmode(st)}) {
    auto f = [&](const Tree& t) { return loss(t, states); };
    auto slope = [&](double by) {  // of f in the direction, at a point moved along it
      const Tree moved = tree::zip(
          [&](const Tree& a, const Tree& d) {
            return d.is_tensor() ? Tree(a.tensor() + d.tensor() * by) : a;
          },
          at, direction);
      // grad needs a value that depends on its inputs.
      const Tree g = grad(
          [&](const Tree& t) {
            Tensor sum = f(t);
            for (const auto& leaf : tree::tensors(t))
              if (leaf.is_floating_point()) sum = sum + leaf.sum() * 0;
            return sum;
          },
          moved);
      double total = 0;
      tree::zip(
          [&](const Tree& a, const Tree& d) -> Tree {
            if (d.is_tensor()) total += (a.tensor() * d.tensor()).sum().item<double>();
            return {};
          },
          g, direction);
      return total;
    };
    auto first = [&](const Tree& t) { return jvp(f, t, direction).dy; };
    const double step = 1e-5, expected = (slope(step) - slope(-step)) / (2 * step),
                 scale = std::max({1e-2, std::abs(expected), std::abs(slope(0))});
    EXPECT_NEAR(first(at).item<double>(), slope(0), 1e-10 * std::max(1.0, std::abs(slope(0))));
    EXPECT_NEAR(jvp(first, at, direction).dy.item<double>(), expected, 1e-6 * scale);
    const Tree by_reverse = vjp(first, at).pull(ones({}, {.dtype = kFloat64}));
    double total = 0;
    tree::zip(
        [&](const Tree& a, const Tree& d) -> Tree {
          if (d.is_tensor()) total += (a.tensor() * d.tensor()).sum().item<double>();
          return {};
        },
        by_reverse, direction);
    EXPECT_NEAR(total, expected, 1e-6 * scale);
  }
}

TEST_P(EveryLayer, TreatsTheRowsOfABatchApartInTestMode) {
  if (!row.has_rows) return;
  auto test = testmode(tree::to(st, kFloat64));
  auto at = in_float64();
  auto y = row.layer(at["x"], at["ps"], test).first;
  auto moved = tree::map_tensors(
      [&](const Tensor& t) {
        auto rows = t.clone().unbind(t.dim() > 2 ? row.x_rows : 0);
        rows[1] = rows[1] * -3 + 1;
        return stack(rows, t.dim() > 2 ? row.x_rows : 0);
      },
      at["x"]);
  auto y2 = row.layer(moved, at["ps"], test).first;
  auto tensors = tree::tensors(y), tensors2 = tree::tensors(y2);
  ASSERT_EQ(tensors.size(), tensors2.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    for (int64_t r = 0; r < 4; ++r) {
      auto a = tensors[i].select(row.y_rows, r), b = tensors2[i].select(row.y_rows, r);
      if (r == 1) {
        EXPECT_GT(relative_difference(a, b), 1e-3) << "the row that changed";
      } else {
        EXPECT_CLOSE(a, b, 1e-14) << "row " << r;
      }
    }
  }
}

// Each sample is a whole x, and each has its own.
TEST_P(EveryLayer, GivesUnderVmapWhatALoopGives) {
  const Tree test = testmode(tree::to(st, kFloat64)), at = in_float64();
  const Tree xs = tree::map_tensors(
      [](const Tensor& x) {
        return x.is_floating_point() ? stack({x, x * -0.5 + 0.1, x.sin()}) : stack({x, x, x});
      },
      at["x"]);
  auto f = [&](const Tree& x) { return row.layer(x, at["ps"], test).first; };
  const Tree all = vmap(f, {.randomness = Randomness::Same})(xs);
  for (int64_t i = 0; i < 3; ++i) {
    auto sample = [&](const Tree& t) {
      return tree::map_tensors([&](const Tensor& x) { return x[i]; }, t);
    };
    EXPECT_TREES_CLOSE(sample(all), f(sample(xs)), 1e-12);
  }
}

// Only statistics of a batch, or of its samples, may refuse it.
TEST_P(EveryLayer, TakesABatchOfNoRowsAndHasItsGradients) {
  if (!row.has_rows) return;
  Tree at = in_float64();
  at = at.with("x", tree::map_tensors(
                        [&](const Tensor& t) {
                          return t.narrow(t.dim() > 2 ? row.x_rows : 0, 0, 0).clone();
                        },
                        at["x"]));
  for (bool training : {false, true}) {
    SCOPED_TRACE(training ? "training" : "test mode");
    const Tree states = training ? st : testmode(st);
    auto outputs = [&](const Tree& x) {
      return tree::tensors(row.layer(x, at["ps"], tree::to(states, kFloat64)).first);
    };
    std::vector<Tensor> empty;
    try {
      empty = outputs(at["x"]);
    } catch (const ShapeError& error) {
      ASSERT_NE(std::string(error.what()).find("expected more than one value per channel"),
                std::string::npos)
          << error.what();
      continue;
    }
    const auto full = outputs(in_float64()["x"]);
    ASSERT_EQ(full.size(), empty.size());
    for (size_t i = 0; i < full.size(); ++i)
      EXPECT_EQ(empty[i].sizes(), full[i].narrow(row.y_rows, 0, 0).sizes());
    const Tree grads = grad(
        [&](const Tree& t) {
          Tensor sum = loss(t, states);
          for (const auto& leaf :
               tree::tensors(t))  // grad needs a value that depends on its inputs
            if (leaf.is_floating_point()) sum = sum + leaf.sum() * 0;
          return sum;
        },
        at);
    tree::zip(
        [](const Tree& leaf, const Tree& by_leaf) -> Tree {
          if (leaf.is_tensor() && leaf.tensor().is_floating_point()) {
            EXPECT_SAME(by_leaf.tensor(), zeros(leaf.tensor().sizes(), {.dtype = kFloat64}));
          }
          return {};
        },
        at, grads);
  }
}

TEST_P(EveryLayer, IsSavedAndLoadedBitForBit) {
  auto path = test::scratch_folder() + "/corpus_" + row.name + ".jld2";
  auto moved = row.layer(row.x, ps, st).second;
  auto saved = named({{"ps", ps}, {"st", st}, {"moved", moved}});
  try {
    jld2::save(path, saved);
  } catch (const UnsupportedError& error) {
    GTEST_SKIP() << error.what();
  }
  EXPECT_SAME(jld2::load(path), saved);
  std::filesystem::remove(path);
}

TEST_P(EveryLayer, IsShownAndSummarised) {
  EXPECT_FALSE(show(row.layer).empty());
  auto s = summary(row.layer, ps, st, row.x);
  EXPECT_EQ(s.parameters, row.parameters);
  EXPECT_EQ(s.states, row.states);
  int64_t parameters = 0, states = 0;
  for (const auto& r : s.rows) parameters += r.parameters, states += r.states;
  EXPECT_EQ(parameters, row.parameters);
  EXPECT_EQ(states, row.states);
  EXPECT_EQ(s.bytes, tree::bytes(ps) + tree::bytes(st));
  EXPECT_NE(s.rows.at(0).output, "");
  std::ostringstream text;
  text << s << row.layer;
  EXPECT_NE(text.str().find("total"), std::string::npos);
}

TEST_P(EveryLayer, HasTheCostsOfAStepInItsSummary) {
  const auto s = summary(row.layer, ps, st, row.x, {.step = true});
  EXPECT_GE(s.step_flops.value(), s.flops);
  EXPECT_LE(s.step_flops.value(), 4 * s.flops);  // of a product that is run again, too
  EXPECT_GE(s.kept_bytes.value(), 0);
  int64_t flops = 0, step_flops = 0;
  for (const auto& r : s.rows) {
    flops += r.flops, step_flops += r.step_flops.value();
    EXPECT_GE(r.kept_bytes.value(), 0) << r.path;
  }
  EXPECT_EQ(flops, s.flops);
  EXPECT_EQ(step_flops, s.step_flops);
}

TEST_P(EveryLayer, IsSeenByASummaryWhenItIsCalledByItsType) {
  if (!row.reports) return;
  const auto seen = row.seen(row.x, ps, testmode(st)), erased = summary(row.layer, ps, st, row.x);
  EXPECT_NE(seen.rows.at(0).output, "");
  if (row.layer.is_cell()) return;  // its typed call reports y, the erased one (y, carry)
  EXPECT_EQ(seen.rows.at(0).output, erased.rows.at(0).output);
}

TEST_P(EveryLayer, HasTheOutputSizeOfItsOutput) {
  const auto y = predict<Tree>(row.layer, row.x, ps, st);
  const auto known = output_structure(row.layer, row.x);
  EXPECT_EQ(tree::difference(known, y), "");
  for (const auto& t : tree::tensors(known)) EXPECT_TRUE(t.is_meta());
  if (!row.x.is_tensor() || !y.is_tensor()) return;
  const auto& x = row.x.tensor();
  EXPECT_EQ(outputsize(row.layer, x.sizes(), x.scalar_type()), y.tensor().sizes());
  const auto real = summary(row.layer, ps, st, x),
             shapes = summary(row.layer, x.sizes(), x.scalar_type());
  ASSERT_EQ(real.rows.size(), shapes.rows.size());
  for (size_t i = 0; i < real.rows.size(); ++i)
    EXPECT_EQ(real.rows[i].output, shapes.rows[i].output) << real.rows[i].path;
  EXPECT_EQ(real.bytes, shapes.bytes);
}

// Counts what CPU tensors are allocated, but for single numbers: torch makes one of x * 0.5.
struct CountedAllocations {
  int count = 0;
  WatchedAllocations watched{[this](size_t bytes) {
    if (bytes > sizeof(double)) ++count;
  }};
};

TEST_P(EveryLayer, ComputesNothingForItsOutputSize) {
  const auto known = structure(row.layer);
  const auto x = detail::without_data(row.x);
  auto with_numbers = [&] {
    const CountedAllocations counted;
    (void)zeros({8}), (void)zeros({8});
    return counted.count;
  };
  EXPECT_EQ(with_numbers(), 2);
  const CountedAllocations counted;
  const auto [y, st2] = apply<Tree>(row.layer, x, known.parameters, testmode(known.states));
  EXPECT_EQ(counted.count, 0);
  for (const auto& t : tree::tensors(st2)) EXPECT_TRUE(t.is_meta());
}

INSTANTIATE_TEST_SUITE_P(Corpus, EveryLayer, ::testing::ValuesIn(corpus()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace luxtorch::testing
