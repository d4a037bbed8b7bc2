// Modules within modules, shared parameters, several inputs and outputs, first values of a user's own.
#include <ATen/ops/eye.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/relu.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/any.h>
#include <torch/nn/modules/container/functional.h>
#include <torch/nn/modules/container/moduledict.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/parameterdict.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/rnn.h>

#include "interop/torch_module_cases.h"
#include "luxtorch/compact.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/torch_module.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

struct BlockImpl : nn::Cloneable<BlockImpl> {
  int64_t dims;
  nn::Linear linear{nullptr};
  nn::BatchNorm1d norm{nullptr};
  explicit BlockImpl(int64_t d) : dims(d) { reset(); }
  void reset() override {
    linear = register_module("linear", nn::Linear(dims, dims));
    norm = register_module("norm", nn::BatchNorm1d(dims));
  }
  Tensor forward(const Tensor& x) { return x + norm(linear(x)).tanh(); }
};
TORCH_MODULE(Block);

struct TowerImpl : nn::Cloneable<TowerImpl> {
  nn::ModuleList blocks;
  nn::ModuleDict heads;
  nn::Sequential tail;
  Tensor scale;
  TowerImpl() { reset(); }
  void reset() override {
    blocks = register_module("blocks", nn::ModuleList(Block(3), Block(3)));
    std::vector<std::pair<std::string, std::shared_ptr<nn::Module>>> parts{
        {"a", nn::Linear(3, 4).ptr()}};
    heads = register_module("heads", nn::ModuleDict(parts));
    tail = register_module("tail", nn::Sequential(nn::Tanh(), nn::Linear(4, 4), Block(4)));
    scale = register_parameter("scale", at::randn({4}));
  }
  Tensor forward(Tensor x) {
    for (const auto& block : *blocks) x = block->as<Block>()->forward(x);
    return tail->forward(heads[std::string("a")]->as<nn::Linear>()->forward(x)) * scale;
  }
};
TORCH_MODULE(Tower);

TEST(FunctionalNested, AModuleOfModulesEqualsItself) {
  expect_equal_to_its_module(Tower(), normal(1, {5, 3}));
  auto [ps, st] = setup(Rng(0), functional(Tower()));
  EXPECT_THAT(ps.keys(), ElementsAre("scale", "blocks", "heads", "tail"));
  EXPECT_TRUE(ps.contains("blocks.1.norm.weight"));
  EXPECT_TRUE(ps.contains("heads.a.bias"));
  EXPECT_TRUE(ps.contains("tail.1.weight"));
  EXPECT_TRUE(st.contains("tail.2.norm.running_mean"));
}

TEST(FunctionalNested, TrainAndEvalModeReachAllDepths) {
  Tower module;
  auto layer = functional(module, kKeep);
  auto [ps, st] = setup(Rng(0), layer);
  auto x = normal(1, {5, 3});
  module->eval();
  EXPECT_SAME(layer(x, ps, testmode(st)).first, module->forward(x).detach());
  module->train();
  EXPECT_SAME(layer(x, ps, st).first, module->forward(x).detach());
}

TEST(FunctionalNested, RunsInACompactLayer) {
  auto model =
      compact(field("tower", functional(Tower())), field("head", Dense(4, 1)))
          .forward([](const Tree& x, auto& tower, auto& head) { return head(tower(x).tensor()); });
  auto [ps, st] = setup(Rng(0), model);
  auto x = normal(1, {5, 3});
  auto [y, st2] = apply<Tensor>(model, Tree(x), ps, st);
  auto inner = functional(Tower());
  auto hidden = inner(x, ps["tower"], st["tower"]).first.tensor();
  EXPECT_SAME(y, Dense(4, 1)(hidden, ps["head"], st["head"]).first);
  auto batches = st2.at("tower.blocks.0.norm.num_batches_tracked");
  EXPECT_EQ(batches.tensor().item<int64_t>(), 1);
}

// First values that differ from what the parts would draw for themselves.
struct OwnValuesImpl : nn::Cloneable<OwnValuesImpl> {
  nn::Linear linear{nullptr};
  Tensor w;
  OwnValuesImpl() { reset(); }
  void reset() override {
    linear = register_module("linear", nn::Linear(3, 3));
    nn::init::orthogonal_(linear->weight);
    nn::init::constant_(linear->bias, 0.25);
    w = register_parameter("w", at::randn({3}));
  }
  Tensor forward(const Tensor& x) { return linear(x) * w; }
};
TORCH_MODULE(OwnValues);

TEST(FunctionalNested, AUsersModuleDrawsItsFirstValuesAsItsResetDoes) {
  auto layer = functional(OwnValues());
  auto ps = setup(Rng(3), layer).first;
  const auto& w = ps.at("linear.weight").tensor();
  EXPECT_CLOSE(w.matmul(w.t()), at::eye(3), 1e-5);
  EXPECT_SAME(ps.at("linear.bias").tensor(), full({3}, 0.25));
  EXPECT_SAME(setup(Rng(3), functional(OwnValues())).first, ps);
  EXPECT_FALSE(tree::equal(setup(Rng(4), layer).first["w"], ps["w"]));
}

TEST(FunctionalNested, FirstValuesKeepTheModulesDtype) {
  OwnValues module;
  module->to(c10::kDouble);
  auto layer = functional(module);
  auto [ps, st] = setup(Rng(3), layer);
  EXPECT_EQ(ps["w"].tensor().scalar_type(), c10::kDouble);
  EXPECT_SAME(ps, tree::to(setup(Rng(3), functional(OwnValues())).first, c10::kDouble));
  EXPECT_EQ(layer(normal(1, {5, 3}).to(c10::kDouble), ps, st).first.tensor().scalar_type(),
            c10::kDouble);
}

// One module under two names.
struct TwiceImpl : nn::Cloneable<TwiceImpl> {
  nn::Linear first{nullptr}, second{nullptr};
  TwiceImpl() { reset(); }
  void reset() override {
    first = register_module("first", nn::Linear(3, 3));
    second = register_module("second", first);
  }
  Tensor forward(const Tensor& x) { return second(first(x).tanh()); }
};
// One parameter under two names, in a module and in its part.
struct TiedImpl : nn::Cloneable<TiedImpl> {
  nn::Embedding embedding{nullptr};
  Tensor weight;
  TiedImpl() { reset(); }
  void reset() override {
    embedding = register_module("embedding", nn::Embedding(7, 4));
    weight = register_parameter("weight", embedding->weight);
  }
  Tensor forward(const Tensor& x) { return embedding(x).matmul(weight.t()); }
};

TEST(FunctionalNested, ASharedParameterIsOne) {
  {
    auto module = std::make_shared<TwiceImpl>();
    auto layer = functional(module, kKeep);
    auto [initial, st] = setup(Rng(0), layer);
    EXPECT_THAT(tree::paths(initial), ElementsAre("first.weight", "first.bias"));
    auto ps = leaves_with_gradients(initial);
    auto x = normal(1, {5, 3});
    auto y = layer(x, ps, st).first;
    auto [expected, expected_gradients] = reference(module, x);
    EXPECT_SAME(tree::detach(y), tree::detach(expected));
    loss_of(y).backward();
    EXPECT_CLOSE(ps.at("first.weight").tensor().grad(), expected_gradients[0], kPlainFloat32);
  }
  {
    auto module = std::make_shared<TiedImpl>();
    auto layer = functional(module, kKeep);
    auto [initial, st] = setup(Rng(0), layer);
    EXPECT_THAT(tree::paths(initial), ElementsAre("weight"));
    auto ps = leaves_with_gradients(initial);
    auto x = arange(5).to(c10::kLong);
    auto y = layer(x, ps, st).first;
    auto expected = module->forward(x);
    EXPECT_SAME(tree::detach(y), Tree(expected.detach()));
    loss_of(y).backward();
    loss_of(expected).backward();
    EXPECT_CLOSE(ps["weight"].tensor().grad(), module->weight.grad(), kPlainFloat32);
  }
}

// Three inputs, of which one may be left out or undefined, and outputs of all kinds.
struct ManyImpl : nn::Cloneable<ManyImpl> {
  Tensor w;
  ManyImpl() { reset(); }
  void reset() override { w = register_parameter("w", ones({3})); }
  std::tuple<Tensor, std::pair<Tensor, std::vector<Tensor>>> forward(const Tensor& a, Tensor b,
                                                                     const Tensor& c = {}) {
    auto sum = a * w + b;
    if (c.defined()) sum = sum + c;
    return {sum, {Tensor(), {a, w}}};
  }
};

TEST(FunctionalNested, TakesAndGivesSeveralTensors) {
  auto layer = functional(std::make_shared<ManyImpl>());
  auto [ps, st] = setup(Rng(0), layer);
  auto a = normal(1, {3}), b = normal(2, {3}), c = normal(3, {3});
  auto two = layer(tuple({a, b}), ps, st).first;
  EXPECT_SAME(two[0].tensor(), a + b);
  EXPECT_FALSE(two[1][0].tensor().defined());
  EXPECT_SAME(two[1][1][0].tensor(), a);
  EXPECT_SAME(two[1][1][1].tensor(), ones({3}));
  EXPECT_SAME(layer(tuple({Tree(a), Tree(b), Tree()}), ps, st).first[0].tensor(), a + b);
  EXPECT_SAME(layer(tuple({a, b, c}), ps, st).first[0].tensor(), a + b + c);
  EXPECT_THAT(message([&] { layer(a, ps, st); }), HasSubstr("takes in its forward"));

  Layer erased = layer;  // as a Chain holds it
  EXPECT_SAME(erased(tuple({a, b, c}), ps, st).first[0].tensor(), a + b + c);
}

// Asks for no weights, so the second output is undefined; without clone(), too.
struct AttentionImpl : nn::Module {
  nn::MultiheadAttention attention{nullptr};
  AttentionImpl() { attention = register_module("attention", nn::MultiheadAttention(4, 2)); }
  std::tuple<Tensor, Tensor> forward(const Tensor& x) {
    return attention->forward(x, x, x, /*key_padding_mask=*/{}, /*need_weights=*/false);
  }
};
struct CloneableAttentionImpl : nn::Cloneable<CloneableAttentionImpl> {
  nn::MultiheadAttention attention{nullptr};
  CloneableAttentionImpl() { reset(); }
  void reset() override { attention = register_module("attention", nn::MultiheadAttention(4, 2)); }
  std::tuple<Tensor, Tensor> forward(const Tensor& x) {
    return attention->forward(x, x, x, /*key_padding_mask=*/{}, /*need_weights=*/false);
  }
};

TEST(FunctionalNested, AnOutputMayBeUndefined) {
  auto x = normal(1, {5, 3, 4});
  auto run = [&](const FunctionalModule& layer) {
    auto [initial, st] = setup(Rng(0), layer);
    auto ps = leaves_with_gradients(initial);
    auto y = layer(x, ps, st).first;
    EXPECT_FALSE(y[1].tensor().defined());
    y[0].tensor().pow(2).sum().backward();
    return gradients(ps);
  };
  auto with_clone = run(functional(std::make_shared<CloneableAttentionImpl>()));
  auto without = run(functional(std::make_shared<AttentionImpl>()));
  EXPECT_EQ(tree::difference(with_clone, without), "");
  EXPECT_GT(with_clone.at("attention.in_proj_weight").tensor().abs().max().item<double>(), 0.0);
  EXPECT_GT(without.at("attention.in_proj_weight").tensor().abs().max().item<double>(), 0.0);
}

// How a Sequential goes into a Sequential, which torch's own cannot. Its clone() is of another type: it takes turns.
struct StackImpl : nn::SequentialImpl {
  using SequentialImpl::SequentialImpl;
  Tensor forward(const Tensor& x) { return SequentialImpl::forward(x); }
};
TORCH_MODULE(Stack);

TEST(FunctionalNested, ASequentialHoldsASequential) {
  Stack inner(nn::Linear(4, 3), nn::Tanh());
  expect_equal_to_its_module(nn::Sequential(nn::Linear(3, 4), inner, nn::Linear(3, 2)),
                             normal(1, {5, 3}));
  expect_equal_to_its_module(inner, normal(1, {5, 4}));
}

TEST(FunctionalNested, ASequentialHoldsFunctions) {
  auto layer = functional(nn::Sequential(nn::Linear(3, 4), nn::Functional(at::relu)), kKeep);
  auto [ps, st] = setup(Rng(0), layer);
  auto x = normal(1, {5, 3});
  auto expected = at::relu(x.matmul(ps["0"]["weight"].tensor().t()) + ps["0"]["bias"].tensor());
  EXPECT_CLOSE(layer(x, ps, st).first.tensor(), expected, kPlainFloat32);
}

TEST(FunctionalNested, WeightsOfAnLstmStayOneAfterOtherParameters) {
  nn::LSTM lstm(nn::LSTMOptions(2, 4).num_layers(2));
  auto layer = functional(lstm, kKeep);
  auto [ps, st] = setup(Rng(0), layer);
  auto x = normal(1, {6, 3, 2});
  auto expected = layer(x, ps, st).first;
  layer(x, drawn(ps, 5), st);
  EXPECT_SAME(layer(x, ps, st).first, expected);
  EXPECT_SAME(expected, tree::detach(to_tree(lstm->forward(x))));
  EXPECT_EQ(lstm->all_weights().size(), 8u);
}

}  // namespace
}  // namespace luxtorch
