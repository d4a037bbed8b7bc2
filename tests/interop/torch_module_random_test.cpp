// Modules that draw random numbers: replayed from st, alone with torch's generator, on many threads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/nn/functional/dropout.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include <thread>

#include "interop/torch_module_cases.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/torch_module.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

at::Generator torchs_generator() { return at::globalContext().defaultGenerator(at::kCPU); }

// A net without clone() that drops units.
struct DroppingImpl : nn::Module {
  nn::Linear in{nullptr}, out{nullptr};
  nn::Dropout dropout{nullptr};
  DroppingImpl() {
    in = register_module("in", nn::Linear(6, 16));
    dropout = register_module("dropout", nn::Dropout(0.4));
    out = register_module("out", nn::Linear(16, 2));
  }
  Tensor forward(const Tensor& x) { return out(dropout(in(x).tanh())); }
};
TORCH_MODULE(Dropping);

// 8 threads, each with parameters and states of its own, give the bits that one thread gives.
void expect_equal_bits_on_threads(const FunctionalModule& layer) {
  constexpr uint64_t kThreads = 8;
  auto x = normal(1, {32, 6});
  auto st = setup(Rng(0), layer).second;
  auto run = [&](uint64_t seed) {
    auto ps = leaves_with_gradients(setup(Rng(seed), layer).first);
    auto state = st.with("rng", Rng(seed));
    std::vector<Tree> seen;
    for (int step = 0; step < 3; ++step) {
      auto [y, next] = layer(x, ps, state);
      loss_of(y).backward();
      seen.push_back(tree::detach(y));
      state = next;
    }
    seen.push_back(gradients(ps));
    return tuple(std::move(seen));
  };
  std::vector<Tree> expected;
  for (uint64_t i = 0; i < kThreads; ++i) expected.push_back(run(i));
  EXPECT_FALSE(tree::equal(expected[0], expected[1]));
  auto before = torchs_generator().get_state();
  std::vector<int> wrong(kThreads, 0);
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 20; ++k) wrong[i] += !tree::equal(run(i), expected[i]);
    });
  }
  for (auto& t : threads) t.join();
  EXPECT_THAT(wrong, ::testing::Each(0));
  EXPECT_SAME(torchs_generator().get_state(), before);
}

TEST(FunctionalRandom, GivesTheBitsOfOneThreadOnEight) {
  expect_equal_bits_on_threads(functional(
      nn::Sequential(nn::Linear(6, 16), nn::Tanh(), nn::Dropout(0.4), nn::Linear(16, 2))));
}
TEST(FunctionalRandom, GivesTheBitsOfOneThreadOnEightWithoutClone) {
  expect_equal_bits_on_threads(functional(Dropping()));
}

// Draws, and then fails.
struct FailingImpl : nn::Cloneable<FailingImpl> {
  nn::Dropout dropout;
  FailingImpl() { reset(); }
  void reset() override { dropout = register_module("dropout", nn::Dropout()); }
  Tensor forward(const Tensor& x) {
    if (dropout(x).size(0) > 2) throw std::runtime_error("too many rows");
    return dropout(x);
  }
};
struct FailingWithoutCloneImpl : nn::Module {
  nn::Dropout dropout;
  FailingWithoutCloneImpl() { register_module("dropout", dropout); }
  Tensor forward(const Tensor& x) {
    if (dropout(x).size(0) > 2) throw std::runtime_error("too many rows");
    return dropout(x);
  }
};

TEST(FunctionalRandom, LeavesTorchsGeneratorAloneWhenForwardThrows) {
  for (const auto& layer : {functional(std::make_shared<FailingImpl>()),
                            functional(std::make_shared<FailingWithoutCloneImpl>())}) {
    auto st = setup(Rng(0), layer).second;
    auto before = torchs_generator().get_state();
    EXPECT_THROW(layer(ones({3, 4}), named({}), st), std::runtime_error);
    EXPECT_SAME(torchs_generator().get_state(), before);
    // And the turn is over: another thread gets its own.
    std::thread([&] { layer(ones({2, 4}), named({}), st); }).join();
    EXPECT_SAME(torchs_generator().get_state(), before);
  }
}

// Calls dropout as a function, which nobody can see from outside, and draws in test mode too.
struct HiddenImpl : nn::Cloneable<HiddenImpl> {
  void reset() override {}
  Tensor forward(const Tensor& x) {
    auto y =
        nn::functional::dropout(x, nn::functional::DropoutFuncOptions().training(is_training()));
    return y + at::rand_like(y);
  }
};

TEST(FunctionalRandom, TakesTheWordOfWhoeverKnowsThatAModuleDraws) {
  auto layer = functional(std::make_shared<HiddenImpl>(), {.random = true});
  auto st = setup(Rng(0), layer).second;
  EXPECT_TRUE(st.contains("rng"));
  auto x = normal(1, {8, 8});
  auto before = torchs_generator().get_state();
  auto [y, st2] = layer(x, named({}), st);
  EXPECT_SAME(layer(x, named({}), st).first, y);
  EXPECT_FALSE(tree::equal(layer(x, named({}), st2).first, y));
  auto [test, st3] = layer(x, named({}), testmode(st));
  EXPECT_SAME(layer(x, named({}), testmode(st)).first, test);
  EXPECT_SAME(st3, testmode(st));
  EXPECT_SAME(torchs_generator().get_state(), before);
  EXPECT_FALSE(setup(Rng(0), functional(std::make_shared<HiddenImpl>())).second.contains("rng"));
}

TEST(FunctionalRandom, KnowsTheModulesThatDraw) {
  auto draws = [](const auto& module, Shape shape) {
    auto layer = functional(module);
    auto [ps, st] = setup(Rng(0), layer);
    EXPECT_TRUE(st.contains("rng"));
    auto x = normal(1, shape);
    auto before = torchs_generator().get_state();
    auto y = layer(x, ps, st).first;
    EXPECT_SAME(layer(x, ps, st).first, y);
    bool differs = !tree::equal(layer(x, ps, layer(x, ps, st).second).first, y);
    layer(x, ps, testmode(st));
    EXPECT_SAME(torchs_generator().get_state(), before);
    return differs;
  };
  EXPECT_TRUE(draws(nn::RReLU(), {8, 8}));
  EXPECT_TRUE(draws(nn::AlphaDropout(), {8, 8}));
  EXPECT_TRUE(draws(nn::FeatureAlphaDropout(), {8, 8, 4}));
  EXPECT_TRUE(draws(nn::Dropout2d(), {8, 8, 4, 4}));
  EXPECT_TRUE(draws(nn::Dropout3d(), {8, 8, 4, 2, 2}));
  EXPECT_TRUE(draws(nn::FractionalMaxPool2d(nn::FractionalMaxPool2dOptions(2).output_ratio(
                        std::vector<double>{.5, .5})),
                    {2, 3, 13, 13}));
  EXPECT_FALSE(setup(Rng(0), functional(nn::Sequential(nn::Linear(3, 3), nn::ReLU())))
                   .second.contains("rng"));
}

}  // namespace
}  // namespace luxtorch
