// Rows that have ended go on inside of a cell, and what happens to them there reaches no gradient:
// cells without a finite derivative at 0, or where a step repeats.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "layers/uneven_rows.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/autodiff/vmap.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/layers/sequence.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

Tensor unit(const Tensor& x) { return x / x.square().sum(-1, true).sqrt(); }

struct WeightedCell {
  Tree initial_parameters(Rng rng) const {
    return named({{"weight", init::Normal{}(rng.fold_in("weight"), {kOut, kIn})}});
  }
  static Tensor product(const Tensor& x, const Tree& ps) {
    return x.matmul(ps["weight"].tensor().t());
  }
};

// y: the direction of W x, and of all before it.
struct DirectionCell : WeightedCell {
  Out<Step> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto y = unit(product(x, ps));
    return {{y, named({{"h", y}, {"n", 1}})}, st};
  }
  Out<Step> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const {
    auto y = unit(product(x, ps) + carry["h"].tensor() * 0.5);
    return {{y, named({{"h", y}, {"n", carry["n"].scalar<int64_t>() + 1}})}, st};
  }
};

// y: the direction from the step before, which a step that repeats does not have.
struct MoveCell : WeightedCell {
  Out<Step> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    return {{unit(product(x, ps)), tuple({x})}, st};
  }
  Out<Step> operator()(const Tensor& x, const Tree& carry, const Tree& ps, const Tree& st) const {
    return {{unit(product(x - carry[0].tensor(), ps)), tuple({x})}, st};
  }
};

Tensor root(const Tensor& x) { return x.abs().sqrt(); }

std::vector<Layer> delicate_cells() {
  return {DirectionCell{}, MoveCell{}, RNNCell(kIn, kOut, Activation{"root", root})};
}

const std::vector<std::vector<int64_t>> kLengthsOfRows = {
    {3, 5, 1, 2}, {0, 2, 0, 4}, {1, 1, 1, 1}, {0, 1, 1, 0}, {5, 5, 5, 4}};

template <class Run>
Tree parameters(const Run& run) {
  return tree::map(
      [](const std::string& path, const Tree& leaf) {
        // Without a bias what is 0 stays 0.
        const bool bias = path.find("bias") != std::string::npos;
        return bias ? Tree(zeros(leaf.tensor().sizes(), {.dtype = kFloat64}))
                    : Tree(leaf.tensor().to(kFloat64));
      },
      setup(Rng(0), run).first);
}

template <class Run>
void expect_gradients_of_the_rows(const Run& run, const Layer& cell, bool time_first) {
  const auto st = setup(Rng(0), run).second;
  const Tree ps = parameters(run);
  const Tensor x = features();
  for (const auto& lengths : kLengthsOfRows) {
    SCOPED_TRACE(cell.label() + ", lengths " + std::to_string(lengths[0]) + " " +
                 std::to_string(lengths[1]) + " ...");
    auto turned = [&](const Tensor& t) { return time_first ? t.transpose(0, 1) : t; };
    const Tensor y = turned(run(turned(x), tensor(lengths), ps, st).first.tensor());
    const Tensor weight = random::normal(Rng(2), y.sizes(), 0, 1, kFloat64);
    auto all = [&](const Tree& t) {
      auto out = run(turned(t["x"].tensor()), tensor(lengths), t["ps"], st).first.tensor();
      return (turned(out) * weight).sum();
    };
    auto alone = [&](const Tree& t) {
      auto sum = (t["x"].tensor() * 0).sum();
      for (int64_t r = 0; r < kBatch; ++r) {
        auto n = lengths[static_cast<size_t>(r)];
        if (n == 0) continue;
        auto row = t["x"].tensor().narrow(0, r, 1).narrow(1, 0, n);
        auto out = turned(run(turned(row), t["ps"], st).first.tensor());
        sum = sum + (out * weight.narrow(0, r, 1).narrow(1, 0, n)).sum();
      }
      return sum;
    };
    const Tree at = named({{"ps", ps}, {"x", x}});
    auto expected = value_and_grad(alone, at);
    auto got = value_and_grad(all, at.with("x", spoilt(x, lengths)));
    EXPECT_CLOSE(got.value, expected.value, kPlainFloat64);
    EXPECT_TREES_CLOSE(got.grads, expected.grads, kPlainFloat64);
  }
}

TEST(RecurrenceEndedRows, HaveNoPartInGradients) {
  for (const Layer& cell : delicate_cells()) {
    expect_gradients_of_the_rows(Recurrence(cell, {.return_sequence = true}), cell, false);
    expect_gradients_of_the_rows(
        Recurrence(cell, {.ordering = Ordering::TimeFirst, .return_sequence = true}), cell, true);
  }
}

TEST(RecurrenceEndedRows, HaveNoPartInThoseOfBothDirections) {
  for (const Layer& cell : delicate_cells()) {
    expect_gradients_of_the_rows(BidirectionalRNN(cell), cell, false);
    expect_gradients_of_the_rows(BidirectionalRNN(cell, {.ordering = Ordering::TimeFirst}), cell,
                                 true);
  }
}

TEST(RecurrenceEndedRows, OfNoLengthAtAllGiveZeroGradients) {
  for (const Layer& cell : delicate_cells()) {
    Recurrence run(cell, {.return_sequence = true});
    const auto st = setup(Rng(0), run).second;
    const Tree at = named(
        {{"ps", parameters(run)}, {"x", full({kBatch, kTime, kIn}, NAN, {.dtype = kFloat64})}});
    auto none = [&](const Tree& t) {
      auto lengths = zeros({kBatch}, {.dtype = kInt64});
      return run(t["x"].tensor(), lengths, t["ps"], st).first.tensor().sum();
    };
    auto got = value_and_grad(none, at);
    EXPECT_EQ(got.value.item<double>(), 0);
    for (const Tensor& g : tree::tensors(got.grads))
      EXPECT_EQ(g.abs().sum().item<double>(), 0) << cell.label();
  }
}

// Each sample of a vmap has lengths of its own.
TEST(RecurrenceEndedRows, HaveNoPartInGradientsUnderVmap) {
  for (const Layer& cell : delicate_cells()) {
    SCOPED_TRACE(cell.label());
    Recurrence run(cell, {.return_sequence = true});
    const auto st = setup(Rng(0), run).second;
    const Tree ps = parameters(run);
    const Tensor x = features();
    auto gradient = [&](const Tensor& lengths) {
      return grad([&](const Tree& p) { return run(x, lengths, p, st).first.tensor().cos().sum(); },
                  ps);
    };
    std::vector<Tensor> lengths;
    std::vector<Tree> expected;
    for (const auto& one : kLengthsOfRows) {
      if (cell.as<MoveCell>() && *std::ranges::max_element(one) < 2) continue;
      lengths.push_back(tensor(one)), expected.push_back(gradient(lengths.back()));
    }
    Tree got = vmap(gradient)(stack(lengths));
    for (size_t i = 0; i < expected.size(); ++i) {
      auto sample = [&](const Tensor& t) { return t[static_cast<int64_t>(i)]; };
      EXPECT_TREES_CLOSE(tree::map_tensors(sample, got), expected[i], kPlainFloat64);
    }
  }
}

}  // namespace
}  // namespace luxtorch::testing
