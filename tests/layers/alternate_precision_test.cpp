#include "luxtorch/layers/alternate_precision.h"

#include <gtest/gtest.h>

#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/checkpoint/checkpoint.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/lux_layout.h"
#include "luxtorch/interop/state_dict.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/conv.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/embedding.h"
#include "luxtorch/layers/layer_norm.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/layers/reshape.h"
#include "luxtorch/layers/rms_norm.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/optim/loss_scale.h"
#include "luxtorch/train/train_state.h"
#include "support/compare.h"
#include "support/files.h"
#include "support/golden.h"

namespace luxtorch::testing {
namespace {

constexpr std::pair<const char*, Dtype> kHalves[] = {{"float16", kFloat16},
                                                     {"bfloat16", kBFloat16}};

Chain small_model() {
  return Chain(Dense(3, 16, tanh), LayerNorm(16), Dense(16, 16, relu), Dense(16, 2));
}

// A user's own container, which names its layers' types.
struct OwnModel {
  Conv conv;
  BatchNorm norm;
  Dense head;
  LUXTORCH_LAYERS(conv, norm, head)

  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    auto a = conv(x, ps["conv"], st["conv"]).first;
    auto [b, st_norm] = norm(a, ps["norm"], st["norm"]);
    return {head(b.mean(-1), ps["head"], st["head"]).first, st.with("norm", st_norm)};
  }
};
OwnModel own_model() { return {Conv({3}, 2, 4), BatchNorm(4, relu), Dense(4, 3)}; }

TEST(AlternatePrecision, ComputesWhatTheLayerComputesOfConvertedNumbers) {
  const Dense layer(3, 2, tanh);
  auto [ps, st] = setup(Rng(0), layer);
  const Tensor x = random::normal(Rng(1), {5, 3});
  for (const auto& [name, dtype] : kHalves) {
    const auto y = apply<Tensor>(AlternatePrecision(layer, dtype), x, ps, st).first;
    EXPECT_SAME(y, layer(x.to(dtype), tree::to(ps, dtype), st).first.to(kFloat32)) << name;
    EXPECT_GT(relative_difference(y, layer(x, ps, st).first), 1e-5) << name;
  }
}

TEST(AlternatePrecision, GivesYInTheDtypeOfXOrOfTheParametersForTokens) {
  const Chain model(Embedding(7, 3), Dense(3, 2));
  auto [ps, st] = setup(Rng(0), model);
  const AlternatePrecision half(model, kBFloat16);
  const Tensor tokens = tensor({0, 3, 6});
  EXPECT_EQ(apply<Tensor>(half, tokens, ps, st).first.scalar_type(), kFloat32);
  EXPECT_EQ(apply<Tensor>(half, tokens, f64(ps), st).first.scalar_type(), kFloat64);
  const Tensor x = ones({2, 3}, {.dtype = kFloat64});
  const AlternatePrecision dense(Dense(3, 2), kBFloat16);
  EXPECT_EQ(apply<Tensor>(dense, x, ps["layer_2"], st["layer_2"]).first.scalar_type(), kFloat64);
}

TEST(AlternatePrecision, ConvertsStatesForFloat64AndBack) {
  const BatchNorm layer(3);
  auto [ps, st] = setup(Rng(0), layer);
  const Tensor x = random::normal(Rng(1), {5, 3});
  auto [y, st2] = apply<Tensor>(AlternatePrecision(layer, kFloat64), x, ps, st);
  auto [wide, st_wide] = layer(x.to(kFloat64), f64(ps), f64(st));
  EXPECT_SAME(y, wide.to(kFloat32));
  EXPECT_SAME(st2, f32(st_wide));
}

TEST(Mixed, GivesWhatPyTorchGivesInHalfPrecision) {
  const std::pair<const char*, Layer> models[] = {
      {"dense", Chain(Dense(6, 16), LayerNorm(16), gelu, Dense(16, 3))},
      {"conv", Chain(Conv({3, 3}, 2, 4), BatchNorm(4), relu, FlattenLayer(), Dense(64, 3))},
      {"tokens", Chain(Embedding(7, 8), RMSNorm({8}, {.epsilon = 1e-6}), Dense(8, 4), softmax)}};
  const Tree golden = load_golden("precision");
  for (const auto& [name, dtype] : kHalves) {
    // A product's sum may round otherwise where its terms are added in another order.
    const double tolerance = dtype == kFloat16 ? 2e-3 : 2e-2;
    for (const auto& [key, plain] : models) {
      SCOPED_TRACE(std::string(name) + " " + key);
      const Tree& expected = golden[name][key];
      const Layer model = mixed(plain, dtype);
      auto [ps, st] = from_torch(model, expected["state_dict"]);
      auto [loss, grads, y_st] = value_and_grad(
          [&, &st = st](const Tree& p) {
            auto out = model(expected["x"], p, st);
            return std::pair(out.first.tensor().square().mean(), tuple({out.first, out.second}));
          },
          ps);
      EXPECT_CLOSE(y_st[0].tensor(), expected["y"].tensor(), tolerance);
      EXPECT_CLOSE(loss, expected["loss"].tensor(), tolerance);
      const Tree theirs = to_torch(model, grads, y_st[1]);
      tree::for_each(
          [&](const std::string& path, const Tree& grad) {
            EXPECT_CLOSE(theirs.at(path).tensor(), grad.tensor(), tolerance) << path;
          },
          expected["grads"]);
      tree::for_each(
          [&](const std::string& path, const Tree& statistic) {
            if (path.ends_with("num_batches_tracked")) return;
            EXPECT_CLOSE(theirs.at(path).tensor(), statistic.tensor(), tolerance) << path;
          },
          expected["st"]);
    }
  }
}

TEST(Mixed, LeavesNormalizationsAndStatisticsInFloat32InAUsersContainer) {
  const OwnModel model = own_model();
  auto [ps, st] = setup(Rng(0), model);
  // A scale that bfloat16 rounds to 1.
  const Tree p = ps.with("norm.scale", full({4}, 1.0038));
  const Tensor x = random::normal(Rng(1), {4, 2, 7});
  auto [y, st2] = apply<Tensor>(mixed(model, kBFloat16), x, p, st);
  const Tree low = bf16(p);
  const Tensor a = model.conv(x.to(kBFloat16), low["conv"], st["conv"]).first;
  auto [b, st_norm] = model.norm(a.to(kFloat32), p["norm"], st["norm"]);
  const Tensor b_low = b.to(kBFloat16);
  EXPECT_SAME(y, model.head(b_low.mean(-1), low["head"], st["head"]).first.to(kFloat32));
  EXPECT_SAME(st2, st.with("norm", st_norm));
}

TEST(Mixed, GivesGradientsOfTheParametersDtype) {
  const OwnModel model = own_model();
  auto [ps, st] = setup(Rng(0), model);
  const Tensor x = random::normal(Rng(1), {4, 2, 7});
  auto loss_of = [&, &st = st](const Layer& layer) {
    return [&, layer](const Tree& p) { return layer(x, p, st).first.tensor().square().mean(); };
  };
  for (const auto& [name, dtype] : kHalves) {
    const Tree grads = grad(loss_of(mixed(model, dtype)), ps);
    EXPECT_EQ(tree::difference(grads, ps), "") << name;
    EXPECT_LT(relative_difference(grads["head"], grad(loss_of(model), ps)["head"]), 0.05) << name;
  }
}

TEST(Mixed, HasSecondDerivatives) {
  const Chain model(Dense(3, 8, tanh), LayerNorm(8), Dense(8, 1));
  auto [ps, st] = setup(Rng(0), model);
  const Tensor x = random::normal(Rng(1), {6, 3});
  auto penalty_of = [&, &st = st](const Layer& layer) {
    return [&, layer](const Tree& p) {
      auto loss = [&](const Tree& q) { return layer(x, q, st).first.tensor().square().mean(); };
      Tensor sum = zeros({});
      for (const auto& g : tree::tensors(value_and_grad(loss, p, {.create_graph = true}).grads))
        sum = sum + g.square().sum();
      return sum;
    };
  };
  const Tree exact = grad(penalty_of(model), ps);
  const Tree half = grad(penalty_of(mixed(model, kBFloat16)), ps);
  for (const auto& path : tree::paths(exact)) {
    EXPECT_LT(relative_difference(half.at(path), exact.at(path)), 0.1) << path;
    EXPECT_EQ(half.at(path).tensor().scalar_type(), kFloat32);
  }
}

TEST(Mixed, HasForwardDerivatives) {
  const Dense layer(3, 2, tanh);
  auto [ps, st] = setup(Rng(0), layer);
  const Layer model = mixed(layer, kBFloat16);
  const Tensor x = random::normal(Rng(1), {4, 3}), v = random::normal(Rng(2), {4, 3});
  auto f = [&, &ps = ps, &st = st](const Tensor& t) { return model(t, ps, st).first.tensor(); };
  auto exact = [&, &ps = ps, &st = st](const Tensor& t) { return layer(t, ps, st).first; };
  EXPECT_CLOSE(jvp(f, x, v).dy, jvp(exact, x, v).dy, 0.02);
}

double trained(const Layer& model, const Tree& ps, const Tree& st, Optimizer optimizer) {
  TrainState ts(model, ps, st, std::move(optimizer));
  const Tensor x = random::normal(Rng(3), {64, 3});
  const Tree batch = tuple({x, x.narrow(1, 0, 2).sin()});
  double first = 0, last = 0;
  for (int i = 0; i < 150; ++i) {
    last = single_train_step_(MSELoss{}, batch, ts).loss.item<double>();
    if (i == 0) first = last;
  }
  for (const auto& t : tree::tensors(ts.parameters())) EXPECT_EQ(t.scalar_type(), kFloat32);
  for (const auto& t : tree::tensors(ts.optimizer_state())) EXPECT_NE(t.scalar_type(), kBFloat16);
  return last / first;
}

TEST(Mixed, TrainsFloat32ParametersNearlyAsFloat32Does) {
  auto [ps, st] = setup(Rng(0), small_model());
  const double exact = trained(small_model(), ps, st, Adam(5e-3));
  const double half = trained(mixed(small_model(), kBFloat16), ps, st, Adam(5e-3));
  const double scaled =
      trained(mixed(small_model(), kFloat16), ps, st, OptimiserChain(LossScale(), Adam(5e-3)));
  EXPECT_LT(exact, 0.05);
  EXPECT_LT(half, 0.06);
  EXPECT_LT(scaled, 0.06);
}

TEST(Mixed, KeepsStructureNamesAndShapesOfTheModel) {
  const OwnModel plain = own_model();
  const auto model = mixed(plain, kBFloat16);
  auto [ps, st] = setup(Rng(5), model);
  auto [ps_plain, st_plain] = setup(Rng(5), plain);
  EXPECT_SAME(ps, ps_plain);
  EXPECT_SAME(st, st_plain);
  EXPECT_SAME(to_torch(model, ps, st), to_torch(plain, ps, st));
  EXPECT_SAME(to_lux(model, ps, st).first, to_lux(plain, ps, st).first);
  EXPECT_EQ(outputsize(model, {4, 2, 7}), (Shape{4, 3}));
  EXPECT_EQ(summary(model, {4, 2, 7}).rows[0].output, "(4, 3)");
  EXPECT_EQ(show(mixed(Dense(3, 2), kFloat16)).substr(0, 31), "AlternatePrecision{Float16}(\n  ");
}

TEST(Mixed, IsResumedFromACheckpointThatThePlainModelTakesToo) {
  auto [ps, st] = setup(Rng(0), small_model());
  const Tensor x = random::normal(Rng(3), {8, 3});
  const Tree batch = tuple({x, x.narrow(1, 0, 2)});
  auto fresh = [&, &ps = ps, &st = st](const Layer& model) {
    return TrainState(model, ps, st, OptimiserChain(LossScale(), Adam()));
  };
  const Layer half = mixed(small_model(), kFloat16);
  TrainState ts = fresh(half), again = fresh(half), plain = fresh(small_model());
  for (int i = 0; i < 3; ++i) single_train_step_(MSELoss{}, batch, ts);
  const Checkpoint saved = load_checkpoint(CheckpointFolder(test::fresh_folder("mixed")).save(ts));
  saved.restore_(again), saved.restore_(plain);
  EXPECT_SAME(plain.parameters(), ts.parameters());
  const Tensor loss = single_train_step_(MSELoss{}, batch, ts).loss;
  EXPECT_SAME(single_train_step_(MSELoss{}, batch, again).loss, loss);
  EXPECT_FALSE(tree::equal(Tree(single_train_step_(MSELoss{}, batch, plain).loss), Tree(loss)));
  EXPECT_SAME(again.parameters(), ts.parameters());
}

TEST(Mixed, RunsASequenceAndKeepsItsCarry) {
  const Layer cells = StatefulRecurrentCell(LSTMCell(3, 4));
  auto [ps, st] = setup(Rng(0), cells);
  const Layer half = mixed(cells, kBFloat16);
  const Tensor x = random::normal(Rng(1), {2, 3});
  auto [y1, st1] = half(x, ps, st);
  auto [y2, st2] = half(x, ps, st1);
  EXPECT_EQ(y2.tensor().scalar_type(), kFloat32);
  auto [z1, sz1] = cells(x, ps, st);
  EXPECT_LT(relative_difference(y2.tensor(), cells(x, ps, sz1).first.tensor()), 0.02);
}

TEST(ToHalf, LeavesNormalizationsInFloat32) {
  const OwnModel model = own_model();
  auto [ps, st] = setup(Rng(0), model);
  const Tree low = to_half(model, ps, kBFloat16);
  EXPECT_EQ(low["conv"]["weight"].tensor().scalar_type(), kBFloat16);
  EXPECT_SAME(low["norm"], ps["norm"]);
  const Tensor x = random::normal(Rng(1), {4, 2, 7});
  EXPECT_SAME(model(x.to(kBFloat16), low, st).first.to(kFloat32),
              apply<Tensor>(mixed(model, kBFloat16), x, ps, st).first);
  EXPECT_ERROR(
      TreeError, to_half(model, ps.without("head"), kFloat16),
      "[to_half] expected parameters with the model's structure, got missing head. Are they of "
      "another model or version?");
}

TEST(ToHalf, HasShortNamesForWholeTrees) {
  const Tree t = named({{"w", ones({2})}, {"n", tensor({1, 2})}});
  EXPECT_EQ(f16(t)["w"].tensor().scalar_type(), kFloat16);
  EXPECT_EQ(bf16(t)["w"].tensor().scalar_type(), kBFloat16);
  EXPECT_EQ(f64(t)["w"].tensor().scalar_type(), kFloat64);
  EXPECT_SAME(f32(f16(t)), t);
}

// What `mixed` says of softmax: torch sums in float32.
TEST(ToHalf, SoftmaxOfHalfPrecisionComputesInFloat32) {
  const Tensor x = random::normal(Rng(0), {3, 300}, 0, 4);
  for (const auto& [name, dtype] : kHalves)
    EXPECT_SAME(softmax(x.to(dtype)), softmax(x.to(dtype).to(kFloat32)).to(dtype)) << name;
}

}  // namespace
}  // namespace luxtorch::testing
