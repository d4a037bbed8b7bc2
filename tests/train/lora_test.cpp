#include "luxtorch/train/lora.h"

#include <gtest/gtest.h>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/checkpoint/checkpoint.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/alternate_precision.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/conv.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/layers/reshape.h"
#include "luxtorch/layers/spectral_norm.h"
#include "luxtorch/losses/loss.h"
#include "support/compare.h"
#include "support/files.h"
#include "support/finite_differences.h"

namespace luxtorch::testing {
namespace {

bool is_weight(const std::string& path) { return path.find("weight") != path.npos; }

struct LoraCase {
  const char* name;
  Layer model;
  Tree x;
  Strings picked;
};
void PrintTo(const LoraCase& c, std::ostream* out) { *out << c.name; }

std::vector<LoraCase> lora_cases() {
  auto x = [](Shape shape) { return random::normal(Rng(9), shape); };
  return {{"Dense",
           Chain(Dense(3, 6, tanh), Dense(6, 4)),
           x({5, 3}),
           {"layer_1.weight", "layer_2.weight"}},
          {"Conv",
           Chain(Conv({3, 3}, 2, 4), BatchNorm(4, relu), FlattenLayer(), Dense(16, 3)),
           x({5, 2, 4, 4}),
           {"layer_1.weight", "layer_4.weight"}},
          {"Cell",
           Chain(Recurrence(LSTMCell(3, 4)), Dropout(0.5), Dense(4, 3)),
           x({5, 6, 3}),
           {"layer_1.weight_ih", "layer_1.weight_hh", "layer_3.weight"}},
          {"Embedding",
           Chain(Embedding(7, 4), Dense(4, 3)),
           tensor({0, 3, 6, 3, 1}),
           {"layer_1.weight", "layer_2.weight"}}};
}

// Pairs that change the model.
Tree moved(const Tree& pairs) {
  return tree::map_tensors(
      [](const Tensor& t) {
        return t + random::normal(Rng(3), t.sizes(), 0, 0.3, t.scalar_type());
      },
      pairs);
}

class LoraOf : public ::testing::TestWithParam<LoraCase> {
 protected:
  const LoraCase& it = GetParam();
  std::pair<Tree, Tree> made = setup(Rng(0), it.model);
  const Tree &ps = made.first, &st = made.second;
  std::pair<Lora, Tree> tuned = lora(it.model, ps, is_weight, {.rank = 2, .alpha = 6});
  const Layer layer = tuned.first;
  Tree parts() const { return tuned.second.with("lora", moved(tuned.second["lora"])); }
};

TEST_P(LoraOf, ComputesWhatTheModelComputesAtTheStart) {
  auto [y, st2] = layer(it.x, tuned.second, st);
  auto [expected, st_expected] = it.model(it.x, ps, st);
  EXPECT_SAME(y, expected);
  EXPECT_SAME(st2, st_expected);
  EXPECT_SAME(tuned.second["base"], ps);
}

TEST_P(LoraOf, HasAPairAtEachPickedPath) {
  Strings paths;
  for (const auto& path : it.picked) paths.push_back(path + ".a"), paths.push_back(path + ".b");
  const Tree& pairs = tuned.second["lora"];
  EXPECT_EQ(tree::paths(pairs), paths);
  for (const auto& path : it.picked) {
    const Tensor w = ps.at(path).tensor().flatten(1), a = pairs.at(path)["a"].tensor();
    EXPECT_EQ(a.sizes(), (Sizes{2, w.size(1)}));
    EXPECT_SAME(pairs.at(path)["b"].tensor(), zeros({w.size(0), 2}));
    const double bound = 1 / std::sqrt(static_cast<double>(w.size(1)));
    EXPECT_LE(a.abs().max().item<double>(), bound);
    EXPECT_GT(a.abs().max().item<double>(), bound / 2);
  }
}

TEST_P(LoraOf, AddsTheScaledProducts) {
  const Tree p = parts(), merged = merge_lora(tuned.first, p);
  EXPECT_EQ(tree::difference(merged, ps), "");
  for (const auto& path : tree::paths(ps)) {
    Tensor expected = ps.at(path).tensor();
    if (p["lora"].contains(path)) {
      const Tree pair = p["lora"].at(path);
      const Tensor product = pair["b"].tensor().matmul(pair["a"].tensor());
      expected = expected + 3 * product.reshape(expected.sizes());  // alpha / rank = 3
    }
    EXPECT_CLOSE(merged.at(path).tensor(), expected, kPlainFloat32) << path;
  }
}

TEST_P(LoraOf, ComputesWhatTheModelComputesOfMergedParameters) {
  const Tree p = parts();
  const Tree y = layer(it.x, p, st).first;
  EXPECT_SAME(y, it.model(it.x, merge_lora(tuned.first, p), st).first);
  EXPECT_GT(relative_difference(y, it.model(it.x, ps, st).first), 1e-2);
  const Lora held = tuned.first.with_base(ps);
  EXPECT_SAME(Layer(held)(it.x, p["lora"], st).first, y);
  EXPECT_SAME(merge_lora(held, p["lora"]), merge_lora(tuned.first, p));
}

TEST_P(LoraOf, HasTheGradientsOfItsPairsAlone) {
  const Tree p = f64(parts()), x = f64(it.x), states = testmode(f64(st));
  auto loss = [&](const Tree& pairs) {
    return layer(x, p.with("lora", pairs), states).first.tensor().pow(2).sum();
  };
  EXPECT_TRUE(gradients_match(loss, p["lora"], grad(loss, p["lora"])));
  auto of_all = [&](const Tree& all) { return layer(x, all, states).first.tensor().pow(2).sum(); };
  for (const auto& g : tree::tensors(grad(of_all, p)["base"]))
    EXPECT_EQ(g.abs().max().item<double>(), 0);
}

TrainState in_training(const Lora& model, const Tree& ps, const Tree& st) {
  return TrainState(model, ps, st, AdamW(0.01, {.lambda = 0.1}));
}
Tree lora_batch(const LoraCase& it, const Tree& ps, const Tree& st) {
  const Tensor y = it.model(it.x, ps, st).first.tensor();
  return tuple({it.x, random::normal(Rng(7), y.sizes())});
}

TEST_P(LoraOf, TrainsItsPairsAndNothingElse) {
  const Tree before = tree::map_tensors([](const Tensor& t) { return t.clone(); }, ps);
  const Tree batch = lora_batch(it, ps, st);
  TrainState ts = in_training(tuned.first.with_base(ps), tuned.second["lora"], st);
  const double first = single_train_step_(MSELoss{}, batch, ts).loss.item<double>();
  double last = 0;
  for (int i = 0; i < 60; ++i) last = single_train_step_(MSELoss{}, batch, ts).loss.item<double>();
  EXPECT_LT(last, first);
  EXPECT_SAME(ps, before);
  EXPECT_EQ(tree::difference(ts.parameters(), tuned.second["lora"]), "");
  // Two moments of each element of the pairs.
  EXPECT_EQ(tree::numel(ts.optimizer_state()), 2 * tree::numel(tuned.second["lora"]));
}

TEST_P(LoraOf, LeavesAFrozenBaseBitwiseUnchanged) {
  const Tree batch = lora_batch(it, ps, st);
  TrainState frozen = freeze(in_training(tuned.first, tuned.second, st), "base");
  TrainState held = in_training(tuned.first.with_base(ps), tuned.second["lora"], st);
  for (int i = 0; i < 5; ++i) {
    auto [grads, loss, stats] = single_train_step_(MSELoss{}, batch, frozen);
    for (const auto& g : tree::leaves(grads["base"])) EXPECT_TRUE(g.is_none());
    EXPECT_SAME(loss, single_train_step_(MSELoss{}, batch, held).loss);
  }
  EXPECT_SAME(frozen.parameters()["base"], ps);
  EXPECT_SAME(frozen.parameters()["lora"], held.parameters());
}

TEST_P(LoraOf, IsResumedFromACheckpointOfItsPairs) {
  const Tree batch = lora_batch(it, ps, st);
  auto fresh = [&] { return in_training(tuned.first.with_base(ps), tuned.second["lora"], st); };
  TrainState ts = fresh(), again = fresh();
  for (int i = 0; i < 3; ++i) single_train_step_(MSELoss{}, batch, ts);
  const auto path = CheckpointFolder(test::fresh_folder("lora")).save(ts);
  const Checkpoint saved = load_checkpoint(path);
  EXPECT_EQ(tree::numel(saved.parameters), tree::numel(tuned.second["lora"]));
  saved.restore_(again);
  for (int i = 0; i < 3; ++i) {
    const Tensor loss = single_train_step_(MSELoss{}, batch, ts).loss;
    EXPECT_SAME(single_train_step_(MSELoss{}, batch, again).loss, loss);
  }
  EXPECT_SAME(again.parameters(), ts.parameters());
}

TEST_P(LoraOf, RefusesACheckpointOfPairsOfAnotherBase) {
  auto beside = [&](const Tree& base) {
    return in_training(tuned.first.with_base(base), tuned.second["lora"], st);
  };
  const Tree other = ps.with(it.picked[0], ps.at(it.picked[0]).tensor() + 1e-6);
  TrainState ts = beside(ps),
             same = beside(tree::map_tensors([](const Tensor& t) { return t.clone(); }, ps)),
             another = beside(other);
  single_train_step_(MSELoss{}, lora_batch(it, ps, st), ts);
  const auto path = CheckpointFolder(test::fresh_folder("lora_bases")).save(ts);
  Checkpoint saved = load_checkpoint(path);
  saved.restore_(same);
  EXPECT_SAME(same.parameters(), ts.parameters());
  const auto before = another.parameters();
  const std::string is = tuned.first.with_base(other).base_sha256(),
                    was = tuned.first.with_base(ps).base_sha256();
  EXPECT_ERROR(
      TreeError, saved.restore_(another),
      "[Checkpoint::restore_] at " + path.string() +
          ": expected pairs of the base that this Lora has, got those of another one: sha256 " +
          was + " in place of " + is +
          ". Pairs belong to the parameters beside which they were trained: give "
          "Lora::with_base these.");
  EXPECT_SAME(another.parameters(), before);
  saved.bases = tuple({});  // as of a checkpoint that is older than the digests
  saved.restore_(another);
  EXPECT_SAME(another.parameters(), ts.parameters());
}

INSTANTIATE_TEST_SUITE_P(Layer, LoraOf, ::testing::ValuesIn(lora_cases()),
                         [](const auto& info) { return info.param.name; });

TEST(Lora, IsSetUpLikeItsModelAndHasTheStructureOfItsSetup) {
  const Chain model(Dense(3, 4), BatchNorm(4));
  const Lora tuned(model, is_weight, {.rank = 2});
  auto [ps, st] = setup(Rng(4), tuned);
  auto [plain, st_plain] = setup(Rng(4), model);
  EXPECT_SAME(ps["base"], plain);
  EXPECT_SAME(st, st_plain);
  EXPECT_EQ(tree::difference(structure(tuned).parameters, ps), "");
  EXPECT_EQ(tree::difference(structure(tuned.with_base(plain)).parameters, ps["lora"]), "");
  EXPECT_EQ(outputsize(tuned, {5, 3}), (Shape{5, 4}));
  EXPECT_EQ(tuned.label(), "Lora(Chain, rank=2, alpha=8)");
}

TEST(Lora, DrawsByItsKeyAndInTheDtypeOfTheMatrix) {
  const Dense model(3, 4);
  const Tree ps = f64(setup(Rng(0), model).first);
  auto with = [&](Rng rng) { return lora(model, ps, is_weight, {.rank = 2, .rng = rng}).second; };
  EXPECT_SAME(with(Rng(1)), with(Rng(1)));
  EXPECT_FALSE(tree::equal(with(Rng(1)), with(Rng(2))));
  for (const auto& t : tree::tensors(with(Rng(1)))) EXPECT_EQ(t.scalar_type(), kFloat64);
}

TEST(Lora, OfAMixedModelComputesInHalfPrecision) {
  const Layer model = mixed(Chain(Dense(3, 6, tanh), BatchNorm(6), Dense(6, 2)), kBFloat16);
  auto [ps, st] = setup(Rng(0), model);
  auto [tuned, parts] = lora(model, ps, is_weight, {.rank = 2});
  const Tensor x = random::normal(Rng(1), {5, 3});
  EXPECT_SAME(apply<Tensor>(tuned, x, parts, st).first, model(x, ps, st).first);
}

TEST(Lora, KnowsItsBaseByTheNumbersPathsAndShapesOfIt) {
  const Chain model(Dense(3, 4, {.use_bias = false}), Dense(4, 3, {.use_bias = false}));
  const Tree ps = setup(Rng(0), model).first;
  const Lora plain(model, is_weight, {.rank = 2});
  EXPECT_EQ(plain.base_sha256(), "");
  const auto sha = [&](const Tree& base) { return plain.with_base(base).base_sha256(); };
  EXPECT_EQ(sha(ps).size(), 64U);
  EXPECT_EQ(sha(ps), sha(setup(Rng(0), model).first));
  EXPECT_EQ(sha(ps),
            sha(tree::map_tensors([](const Tensor& t) { return t.t().contiguous().t(); }, ps)));
  EXPECT_NE(sha(ps), sha(setup(Rng(1), model).first));
  EXPECT_NE(sha(ps), sha(tree::to(ps, kFloat64)));
}

// Checkpoints hold it, so it is the same in every version. By Python's hashlib.
TEST(Lora, HasTheDigestThatFilesHave) {
  const Tree base = named({{"weight", tensor({0.F, 1.F, 2.F, 3.F, 4.F, 5.F}).reshape({2, 3})},
                           {"bias", tensor({0.5F, -1.F})}});
  EXPECT_EQ(Lora(Dense(3, 2), is_weight, {.rank = 1}).with_base(base).base_sha256(),
            "868a9221f7f6b61c56a2f88310ba4441e0d1eae79bdb355651efaeb26d947ff7");
}

TEST(Lora, LetsALayerSettleItsStates) {
  const SpectralNorm model(Dense(3, 4), {"weight"});
  const Lora tuned(model, is_weight, {.rank = 2});
  const auto [plain, expected] = setup(Rng(4), model);
  EXPECT_SAME(setup(Rng(4), tuned).second, expected);
  EXPECT_SAME(setup(Rng(4), tuned.with_base(plain)).second, expected);
  // By the parameters of the base, in whatever dtype: the vectors keep theirs.
  EXPECT_SAME(setup(Rng(4), tuned.with_base(f64(plain))).second, expected);
  const Tree others = setup(Rng(5), model).first;
  EXPECT_FALSE(tree::equal(setup(Rng(4), tuned.with_base(others)).second, expected));
}

TEST(Lora, InsideAModelIsKnownByItsPath) {
  const Dense dense(3, 4);
  const Tree base = setup(Rng(0), dense).first, others = setup(Rng(1), dense).first;
  const Lora pairs(dense, is_weight, {.rank = 2});
  auto of = [&](const Tree& b) { return Chain(Dense(2, 3), pairs.with_base(b)); };
  const auto made = setup(Rng(2), of(base));
  const Tree &ps = made.first, &st = made.second;
  const auto path = CheckpointFolder(test::fresh_folder("lora_inside"))
                        .save(TrainState(of(base), ps, st, Adam(0.01)));
  TrainState other(of(others), ps, st, Adam(0.01));
  try {
    load_checkpoint(path).restore_(other);
    ADD_FAILURE() << "takes the pairs of another base";
  } catch (const TreeError& error) {
    EXPECT_NE(std::string(error.what()).find(" at layer_2. Pairs belong"), std::string::npos)
        << error.what();
  }
}

TEST(Lora, SaysWhatItRefuses) {
  const Chain model(Dense(3, 4), Dense(4, 2));
  const Tree ps = setup(Rng(0), model).first;
  EXPECT_ERROR(ArgumentError, lora(model, ps, [](const std::string&) { return false; }),
               "[lora] expected a predicate that picks parameters, got one that picks none. "
               "There are layer_1.weight, layer_1.bias, layer_2.weight, layer_2.bias.");
  EXPECT_ERROR(ShapeError, lora(model, ps, [](const std::string&) { return true; }, {.rank = 2}),
               "[lora] at layer_1.bias: expected a floating matrix (out, in) or (out, ...), got a "
               "float32 tensor of shape (4,). Pick other paths.");
  EXPECT_ERROR(ArgumentError, lora(model, ps, is_weight),
               "[lora] at layer_1.weight: expected .rank of at most 3 for this matrix of shape "
               "(4, 3), got 8.");
  EXPECT_ERROR(ArgumentError, Lora(model, is_weight, {.rank = 0}),
               "[lora] expected .rank of at least 1, got 0.");
  EXPECT_ERROR(ArgumentError, Lora(model, is_weight, {.rank = 1, .alpha = NAN}),
               "[lora] expected a finite .alpha, got nan.");
  EXPECT_ERROR(TreeError, lora(model, ps.without("layer_2"), is_weight, {.rank = 2}),
               "[lora] expected parameters with the model's structure, got missing "
               "layer_2. Are they of another model or version?");
  EXPECT_ERROR(TreeError, merge_lora(Lora(model, is_weight, {.rank = 2}), ps),
               "[merge_lora] expected parameters with the model's structure, got missing base, "
               "missing lora, unexpected layer_1, unexpected layer_2. Are they of another model or "
               "version?");
}

TEST(Lora, NamesThePlaceOfAnErrorInTheModel) {
  const Chain model(Dense(3, 4), Dense(4, 2));
  auto [ps, st] = setup(Rng(0), model);
  auto [tuned, parts] = lora(model, ps, is_weight, {.rank = 2});
  EXPECT_ERROR(ShapeError, apply(tuned, ones({5, 2}), parts, st),
               "[Dense] at layer_1: expected x of shape (..., 3), got (5, 2).");
}

}  // namespace
}  // namespace luxtorch::testing
