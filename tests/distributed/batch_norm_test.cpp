// BatchNorm over a group: each part of a batch as one process computes it from the whole batch.
#include <gtest/gtest.h>

#include <numeric>

#include "distributed/simulated_group.h"
#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/functions.h"
#include "luxtorch/core/values.h"
#include "luxtorch/layers/norm.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

constexpr int64_t kChannels = 3;
using Parts = std::vector<int64_t>;

struct Case {
  Tensor x,
      weights;  // of the same shape; the loss is the mean over rows of the sum of weights * tanh(y)
  Tree ps, st;
};

Case whole_batch(int64_t rows, bool sequence, Dtype dtype = kFloat64) {
  Shape shape{rows, kChannels};
  if (sequence) shape.push_back(4);
  auto [ps, st] = setup(Rng(1), BatchNorm(kChannels));
  ps = ps.with("scale", random::uniform(Rng(2), {kChannels}) + 0.5)
           .with("bias", random::normal(Rng(3), {kChannels}));
  // A large mean: sums of squares would cancel.
  const Tensor x = random::normal(Rng(4), shape, 100, 2, dtype);
  return {x, random::normal(Rng(5), shape, 0, 1, dtype), tree::to(ps, dtype), tree::to(st, dtype)};
}

struct Result {
  Tensor y;
  Tree st, grads;  // by x, scale and bias
};

Result compute(const BatchNorm& layer, const Case& of, int64_t begin, int64_t rows) {
  const Tensor x = of.x.narrow(0, begin, rows), weights = of.weights.narrow(0, begin, rows);
  Result result;
  auto loss = [&](const Tree& at) {
    auto [y, st] = layer(at["x"].tensor(), at["ps"], of.st);
    result.y = y.detach(), result.st = st;
    return (tanh(y) * weights).sum() / std::max<int64_t>(rows, 1);
  };
  result.grads = value_and_grad(loss, named({{"x", x}, {"ps", of.ps}})).grads;
  return result;
}

int64_t sum(const Parts& parts) { return std::accumulate(parts.begin(), parts.end(), int64_t{0}); }

void expect_parts_of_whole(const Parts& parts, const Case& of, double tolerance) {
  const Result whole = compute(BatchNorm(kChannels), of, 0, of.x.size(0));
  simulate(static_cast<int64_t>(parts.size()), [&](const Group& group) {
    const auto r = static_cast<size_t>(group.rank());
    const int64_t rows = parts[r];
    const int64_t begin = std::accumulate(parts.begin(), parts.begin() + group.rank(), int64_t{0});
    const Result part = compute(BatchNorm(kChannels, {.group = group}), of, begin, rows);
    EXPECT_CLOSE(part.y, whole.y.narrow(0, begin, rows), tolerance);
    EXPECT_TREES_CLOSE(part.st, whole.st, tolerance);
    EXPECT_TRUE(all_equal(group, part.st));
    const double share = static_cast<double>(rows) / static_cast<double>(sum(parts));
    const Tensor by_x = whole.grads["x"].tensor();
    EXPECT_LT(
        (part.grads["x"].tensor() * share - by_x.narrow(0, begin, rows)).abs().sum().item<double>(),
        tolerance * by_x.abs().max().item<double>() * 10);
    EXPECT_TREES_CLOSE(group.mean(part.grads["ps"], static_cast<double>(rows)), whole.grads["ps"],
                       tolerance);
  });
}

TEST(BatchNormOfAGroup, GivesEachPartWhatOneProcessGivesTheWholeBatch) {
  for (const Parts& parts : {Parts{4, 4}, {3, 5}, {7, 1}, {1, 1}, {0, 6}, {2, 3, 1}, {0, 5, 0}})
    for (bool sequence : {false, true})
      expect_parts_of_whole(parts, whole_batch(sum(parts), sequence), 1e-10);
}

TEST(BatchNormOfAGroup, IsCloseInFloat32) {
  expect_parts_of_whole({40, 61, 27}, whole_batch(128, true, kFloat32), 1e-4);
}

TEST(BatchNormOfAGroup, WithoutParametersNormalizesByTheWholeBatch) {
  const Case of = whole_batch(6, false);
  const Tensor whole = BatchNorm(kChannels, {.affine = false})(of.x, Tree(), of.st).first;
  simulate(2, [&](const Group& group) {
    const BatchNorm layer(kChannels, {.affine = false, .group = group});
    EXPECT_CLOSE(layer(of.x.narrow(0, group.rank() * 2, 2 + 2 * group.rank()), Tree(), of.st).first,
                 whole.narrow(0, group.rank() * 2, 2 + 2 * group.rank()), 1e-12);
  });
}

TEST(BatchNormOfAGroup, SendsOneMessageForwardAndOneBackward) {
  const Case of = whole_batch(8, false);
  simulate(2, [&](const Group& group) {
    const BatchNorm layer(kChannels, relu, {.group = group});
    const Tensor x = of.x.narrow(0, 4 * group.rank(), 4);
    auto loss = [&](const Tree& at) {
      return layer(at["x"].tensor(), at["ps"], of.st).first.sum();
    };
    (void)loss(named({{"x", x}, {"ps", of.ps}}));
    EXPECT_EQ(calls(group), 1);
    (void)value_and_grad(loss, named({{"x", x}, {"ps", of.ps}}));
    EXPECT_EQ(calls(group), 3);
    // The data itself is not differentiated: nothing to send.
    (void)value_and_grad([&](const Tree& ps) { return layer(x, ps, of.st).first.sum(); }, of.ps);
    EXPECT_EQ(calls(group), 4);
    (void)layer(x, of.ps, testmode(of.st));
    (void)outputsize(layer, {4, kChannels});
    EXPECT_EQ(calls(group), 4);
  });
}

TEST(BatchNormOfAGroup, ComputesHalfPrecisionInFloat32) {
  const Case of = whole_batch(8, false, kFloat32);
  simulate(2, [&](const Group& group) {
    const BatchNorm layer(kChannels, {.group = group});
    const Tensor x = of.x.narrow(0, 4 * group.rank(), 4).to(kBFloat16);
    const auto [y, st] = layer(x, of.ps, of.st);
    const auto [wide, st_wide] = layer(x.to(kFloat32), of.ps, of.st);
    EXPECT_SAME(y, wide.to(kBFloat16));
    EXPECT_SAME(st, st_wide);
    EXPECT_EQ(layer(x, tree::to(of.ps, kBFloat16), tree::to(of.st, kBFloat16)).first.scalar_type(),
              kBFloat16);
  });
}

TEST(BatchNormOfAGroup, OfOneProcessIsBatchNorm) {
  const Case of = whole_batch(5, true, kFloat32);
  const BatchNorm layer(kChannels, {.group = Group()});
  const Result alone = compute(BatchNorm(kChannels), of, 0, 5), group = compute(layer, of, 0, 5);
  EXPECT_SAME(group.y, alone.y);
  EXPECT_SAME(group.st, alone.st);
  EXPECT_SAME(group.grads, alone.grads);
  EXPECT_EQ(layer.label(), "BatchNorm(3)");
}

TEST(BatchNormOfAGroup, SaysSoAndHasTheSameStructure) {
  simulate(2, [](const Group& group) {
    const BatchNorm layer(kChannels, relu, {.group = group});
    EXPECT_EQ(layer.label(), "BatchNorm(3, relu, group of 2)");
    auto [ps, st] = setup(Rng(0), layer);
    auto [alone_ps, alone_st] = setup(Rng(0), BatchNorm(kChannels, relu));
    EXPECT_SAME(ps, alone_ps);
    EXPECT_SAME(st, alone_st);
  });
}

TEST(BatchNormOfAGroup, RefusesOneValuePerChannelOnAllProcessesTogether) {
  simulate(2, [](const Group& group) {
    const BatchNorm layer(kChannels, {.group = group});
    auto [ps, st] = setup(Rng(0), layer);
    EXPECT_ERROR(
        ShapeError, layer(ones({group.rank(), kChannels}), ps, st),
        "[BatchNorm] expected more than one value per channel in training on all 2 processes "
        "together, got x of shape (" +
            std::to_string(group.rank()) + ", 3) here. Use larger batches, or testmode(st).");
  });
}

TEST(BatchNormOfAGroup, RefusesTransformsAndDerivativesOfHigherOrder) {
  const Case of = whole_batch(8, false);
  simulate(2, [&](const Group& group) {
    const BatchNorm layer(kChannels, {.group = group});
    const Tensor x = of.x.narrow(0, 4 * group.rank(), 4);
    auto loss = [&](const Tree& ps) { return layer(x, ps, of.st).first.square().sum(); };
    EXPECT_ERROR(
        UnsupportedError, jvp(loss, of.ps, of.ps),
        "[BatchNorm] expected a call outside of jvp, vmap and the like, got one of a layer in "
        "training whose .group has several processes. Use test mode there, testmode(st), or "
        "a layer without .group.");
    EXPECT_ERROR(
        UnsupportedError, value_and_grad(loss, of.ps, {.create_graph = true}),
        "[BatchNorm] expected a gradient of first order, got one that records a graph, in a "
        "layer whose .group has several processes. Take derivatives of higher order in test "
        "mode, testmode(st), or without .group.");
  });
}

}  // namespace
}  // namespace luxtorch::testing
