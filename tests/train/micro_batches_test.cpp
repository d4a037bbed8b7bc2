// A batch in parts, and what may be done with all gradients before the optimizer sees them.
#include <gtest/gtest.h>

#include <algorithm>

#include "luxtorch/losses/loss.h"
#include "luxtorch/train/freeze.h"
#include "train/train_state_cases.h"

namespace luxtorch::testing {
namespace {

TrainState with(TrainStateOptions options, Optimizer o = Adam(0.01), Dtype dtype = kFloat64) {
  auto [ps, st] = setup(Rng(1), model());
  return TrainState(model(), tree::to(ps, dtype), st, std::move(o), std::move(options));
}

struct Counted {
  Chain inner = model();
  LUXTORCH_LAYERS(inner)
  Tree initial_states(Rng) const { return named({{"calls", 0}}); }
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    return {apply<Tensor>(inner, x, ps["inner"], st["inner"]).first, st};
  }
};

struct TwoProducts {
  Tree initial_parameters(Rng rng) const {
    return named({{"a", init::Normal{}(rng, {3, 3})}, {"b", init::Normal{}(rng, {3, 3})}});
  }
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    return {x.matmul(ps["a"].tensor()).tanh().matmul(ps["b"].tensor()), st};
  }
};

Tree doubles(double seed = 0) { return tree::to(batch(seed), kFloat64); }

TEST(MicroBatches, GiveTheGradientsOfTheWholeBatch) {
  TrainState whole = with({});
  auto expected = single_train_step_(MSELoss{}, doubles(), whole);
  for (int64_t parts : {2, 3, 5, 8, 20}) {
    SCOPED_TRACE(parts);
    TrainState ts = with({.micro_batches = parts});
    auto step = single_train_step_(MSELoss{}, doubles(), ts);
    EXPECT_TREES_CLOSE(step.grads, expected.grads, kPlainFloat64);
    EXPECT_CLOSE(step.loss, expected.loss, kPlainFloat64);
    EXPECT_TREES_CLOSE(ts.parameters(), whole.parameters(), 1e-9);
    EXPECT_EQ(ts.step, 1);
    EXPECT_EQ(step.stats.size(), static_cast<size_t>(std::min<int64_t>(parts, 8)));
  }
}

TEST(MicroBatches, AddUpSums) {
  const MSELoss loss{.agg = Agg::sum};
  TrainState whole = with({}), parts = with({.micro_batches = 3, .combine = Combine::sum});
  auto expected = single_train_step_(loss, doubles(), whole);
  auto step = single_train_step_(loss, doubles(), parts);
  EXPECT_TREES_CLOSE(step.grads, expected.grads, kPlainFloat64);
  EXPECT_CLOSE(step.loss, expected.loss, kPlainFloat64);
}

// Rows 1 to 4 do not count: one of the parts has none that do.
TEST(MicroBatches, CountByTheirWeight) {
  const auto [x, y] = doubles().tensors<2>();
  Tensor counts = zeros({8}, {.dtype = kFloat64});
  for (int64_t row : {0, 5, 6, 7}) counts.select(0, row).fill_(1);
  const Tree rows = tuple({x, y, counts});
  const Objective loss = [](const Layer& m, const Tree& p, const Tree& s,
                            const Tree& b) -> LossOut {
    const auto [x, y, counts] = b.tensors<3>();
    const auto y_hat = apply<Tensor>(m, x, p, s).first;
    const Tensor by_row = (y_hat - y).square().reshape({x.size(0), -1}).mean(1);
    return {(by_row * counts).sum() / counts.sum(), s, {}};
  };
  const auto weight = [](const Tree& b) { return b[2].tensor().sum().item<double>(); };
  TrainState whole = with({}), parts = with({.micro_batches = 4, .weight = weight});
  auto expected = single_train_step_(loss, rows, whole);
  auto step = single_train_step_(loss, rows, parts);
  EXPECT_TREES_CLOSE(step.grads, expected.grads, kPlainFloat64);
  EXPECT_CLOSE(step.loss, expected.loss, kPlainFloat64);
  EXPECT_EQ(step.stats.size(), 3u);
}

TEST(MicroBatches, InPlaceAndPureAreTheSameBits) {
  TrainState ts = with({.micro_batches = 3});
  for (int i = 0; i < 3; ++i) {
    auto pure = single_train_step(MSELoss{}, doubles(i), ts);
    auto step = single_train_step_(MSELoss{}, doubles(i), ts);
    EXPECT_SAME(pure.grads, step.grads);
    EXPECT_SAME(pure.loss, step.loss);
    expect_same(pure.next, ts);
  }
}

// Each part sees the states of the one before it, and its own rows.
TEST(MicroBatches, PassTheStatesOn) {
  auto [ps, st] = setup(Rng(1), Counted{});
  TrainState ts(Counted{}, ps, st, Adam(), {.micro_batches = 3});
  const Objective objective = [](const Layer& m, const Tree& p, const Tree& s,
                                 const Tree& b) -> LossOut {
    auto [x, y] = b.tensors<2>();
    auto y_hat = apply<Tensor>(m, x, p, s).first;
    const int64_t calls = s["calls"].scalar<int64_t>();
    return {MSELoss{}(y_hat, y), s.with("calls", calls + 1),
            named({{"rows", x.size(0)}, {"calls", calls}})};
  };
  auto step = single_train_step_(objective, batch(), ts);
  EXPECT_EQ(ts.states()["calls"].scalar<int64_t>(), 3);
  std::vector<int64_t> rows, calls;
  for (const Tree& part : step.stats.elements()) {
    rows.push_back(part["rows"].scalar<int64_t>());
    calls.push_back(part["calls"].scalar<int64_t>());
  }
  EXPECT_EQ(rows, (Sizes{2, 3, 3}));
  EXPECT_EQ(calls, (Sizes{0, 1, 2}));
}

TEST(MicroBatches, GradientsThatAreKeptStayAsTheyAre) {
  TrainState ts = with({.micro_batches = 2});
  const Tree first = single_train_step_(MSELoss{}, doubles(), ts).grads;
  const Tree copy = tree::map_tensors([](const Tensor& t) { return t.clone(); }, first);
  single_train_step_(MSELoss{}, doubles(1), ts);
  EXPECT_SAME(first, copy);
}

TEST(MicroBatches, OfAModelWhosePartsAreTiedAddUp) {
  const Tensor w = values({3, 3}, 4);
  const Tree ps = named({{"a", w}, {"b", w}});
  const Tree data = tuple({values({8, 3}, 1), values({8, 3}, 2)});
  TrainState whole(TwoProducts{}, ps, named({}), Descent(0.1));
  TrainState parts(TwoProducts{}, ps, named({}), Descent(0.1), {.micro_batches = 4});
  TrainState again = parts;
  const auto expected = single_train_step_(MSELoss{}, data, whole).grads;
  const auto grads = single_train_step_(MSELoss{}, data, parts).grads;
  EXPECT_CLOSE(parts.parameters()["a"].tensor(), whole.parameters()["a"].tensor(), kPlainFloat32);
  EXPECT_CLOSE(grads["a"].tensor(), expected["a"].tensor() + expected["b"].tensor(), kPlainFloat32);
  EXPECT_EQ(grads["b"].tensor().abs().sum().item<double>(), 0);
  apply_gradients_(again, grads);
  EXPECT_SAME(again.parameters(), parts.parameters());
}

// Parts of 1 / 64 each are not lost beside their sum: it is float32 for narrow dtypes.
TEST(MicroBatches, AddUpInFloat32) {
  const Objective slope = [](const Layer&, const Tree& ps, const Tree& st,
                             const Tree& b) -> LossOut {
    return {(ps["weight"].tensor().to(kFloat32) * b.tensor().mean()).sum(), st};
  };
  const auto model = Dense(3, 2, {.use_bias = false});
  auto [ps, st] = setup(Rng(1), model);
  TrainState ts(model, tree::to(ps, Dtype::BFloat16), st, Descent(0.1), {.micro_batches = 1024});
  const Tensor x = ones({1024, 1});
  const Tensor g = single_train_step_(slope, x, ts).grads["weight"].tensor();
  EXPECT_EQ(g.scalar_type(), Dtype::BFloat16);
  EXPECT_NEAR(g.to(kFloat32).min().item<double>(), 1, 1e-3);
}

TEST(MicroBatches, RefuseWhatTheyCannotCut) {
  TrainState ts = fresh();
  auto [ps, st] = setup(Rng(1), model());
  EXPECT_ERROR(ArgumentError, TrainState(model(), ps, st, Adam(), {.micro_batches = 0}),
               "[TrainState] expected .micro_batches of at least 1, got 0.");
  EXPECT_ERROR(ArgumentError, with({.check_every = -1}),
               "[TrainState] expected .check_every of at least 0, got -1.");
  EXPECT_ERROR(ArgumentError, with({.message_dtype = kFloat32}),
               "[TrainState] expected a .message_dtype of kBFloat16 or kFloat16, got float32.");
  TrainState cut(model(), ps, st, Adam(), {.micro_batches = 2});
  const Tree uneven = tuple({values({8, 3}, 1), values({4, 1}, 2)});
  EXPECT_ERROR(
      ArgumentError, single_train_step_(MSELoss{}, uneven, cut),
      "[single_train_step_] at batch.1: expected a batch whose tensors all have 8 rows in "
      "dimension 0, as batch.0 has, to cut it into micro-batches, got one of shape (4, 1). "
      "Without .micro_batches it is not cut.");
  EXPECT_EQ(cut.step, 0);
  EXPECT_SAME(cut.parameters(), ts.parameters());
}

TEST(Reduce, SeesAllGradientsOnceAndItsChangeCounts) {
  int calls = 0;
  std::vector<int64_t> sizes;
  TrainState twice = with({.reduce =
                               [&](const std::vector<Tensor>& gradients) {
                                 ++calls;
                                 for (Tensor g : gradients) sizes.push_back(g.dim()), g.mul_(2);
                               }},
                          Descent(0.1));
  TrainState plain = with({}, Descent(0.2));
  auto step = single_train_step_(MSELoss{}, doubles(), twice);
  auto expected = single_train_step_(MSELoss{}, doubles(), plain);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(sizes, (Sizes{1}));
  EXPECT_TREES_CLOSE(twice.parameters(), plain.parameters(), kPlainFloat64);
  EXPECT_TREES_CLOSE(step.grads,
                     tree::map_tensors([](const Tensor& g) { return g * 2; }, expected.grads),
                     kPlainFloat64);
}

TEST(Reduce, SeesZerosForFrozenParametersAndTheSameMemoryInEveryStep) {
  std::vector<double> sums;
  std::vector<const void*> places;
  TrainState ts = with({.reduce = [&](const std::vector<Tensor>& gradients) {
    places.push_back(gradients.at(0).const_data_ptr());
    sums.push_back(gradients[0].abs().sum().item<double>());
  }});
  single_train_step_(MSELoss{}, doubles(), ts);
  freeze_(ts, "");
  thaw_(ts, "layer_2.bias");
  const Tensor g = single_train_step_(MSELoss{}, doubles(1), ts).grads.at("layer_2.bias").tensor();
  EXPECT_NEAR(sums.at(1), g.abs().sum().item<double>(), 1e-12);
  EXPECT_LT(sums[1], sums[0]);
  EXPECT_EQ(places.at(0), places.at(1));
}

}  // namespace
}  // namespace luxtorch::testing
