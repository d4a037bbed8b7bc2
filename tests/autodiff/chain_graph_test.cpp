// A chain of nodes gives what torch's engine gives; everything else is left to the engine.
#include "autodiff/chain_graph.h"

#include <ATen/core/grad_mode.h>
#include <gmock/gmock.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/recurrent.h"
#include "luxtorch/losses/loss.h"
#include "luxtorch/rng.h"
#include "support/compare.h"
#include "support/error_text.h"

namespace luxtorch::testing {
namespace {

using ::testing::HasSubstr;

using detail::gradients_of_chain;

Tensor leaf(uint64_t seed, const Shape& shape) {
  return random::normal(Rng(seed), shape).to(kFloat64).requires_grad_(true);
}

// By both, which must agree bit for bit. `value` builds a new graph each time.
void expect_chain(const std::function<Tensor(const std::vector<Tensor>&)>& value,
                  const std::vector<Tensor>& inputs) {
  const auto found = gradients_of_chain(value(inputs), inputs);
  ASSERT_TRUE(found.has_value());
  const auto expected = torch::autograd::grad({value(inputs)}, inputs, {}, std::nullopt, false,
                                              /*allow_unused=*/true);
  ASSERT_EQ(found->size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ((*found)[i].defined(), expected[i].defined());
    if (expected[i].defined()) {
      EXPECT_SAME((*found)[i], expected[i]);
    }
  }
}

TEST(ChainGraph, GivesTheEnginesGradients) {
  const std::vector<Tensor> inputs{leaf(1, {3, 4}), leaf(2, {4}), leaf(3, {2})};
  expect_chain([](const auto& in) { return (in[0] * in[1]).sin().sum(); }, inputs);
  // One leaf at two places, and twice at one.
  expect_chain([](const auto& in) { return ((in[0] * in[0]) + in[0]).exp().mean(); }, inputs);
}

TEST(ChainGraph, GivesThoseOfModels) {
  const auto run = [](const Layer& model, const Tensor& x, const Tensor& y) {
    auto [ps, st] = setup(Rng(0), model);
    std::vector<Tensor> inputs;
    for (const Tensor& t : tree::tensors(ps)) inputs.push_back(t.detach().requires_grad_(true));
    expect_chain(
        [&, &ps = ps, &st = st](const auto& in) {
          const Tree with = tree::unflatten(ps, std::vector<Tree>(in.begin(), in.end()));
          return BinaryCrossEntropyLoss{}(apply<Tensor>(model, x, with, st).first.squeeze(-1), y);
        },
        inputs);
  };
  const Tensor y = arange(16).remainder(2).to(kFloat32);
  run(Chain(Dense(3, 8, luxtorch::tanh), Dense(8, 1, sigmoid)), random::normal(Rng(1), {16, 3}), y);
  run(Chain(Recurrence(LSTMCell(2, 8)), Dense(8, 1, sigmoid)), random::normal(Rng(1), {16, 5, 2}),
      y);
}

TEST(ChainGraph, LeavesOthersToTheEngine) {
  const Tensor a = leaf(1, {3}), b = leaf(2, {3}), c = leaf(3, {3});
  const std::vector<Tensor> inputs{a, b};
  // A branch that joins again, a leaf that nobody asked for, a value without a graph.
  EXPECT_FALSE(gradients_of_chain((a.sin() * a.cos()).sum(), inputs));
  EXPECT_FALSE(gradients_of_chain((a * c).sum(), inputs));
  EXPECT_FALSE(gradients_of_chain(zeros({}), inputs));
  const Tensor watched = a.sin();
  watched.register_hook([](const Tensor& g) { return g * 2; });
  EXPECT_FALSE(gradients_of_chain(watched.sum(), inputs));
  const Tensor kept = b.sin();
  kept.retain_grad();
  EXPECT_FALSE(gradients_of_chain(kept.sum(), inputs));
  const Tensor plain = b.cos();
  EXPECT_TRUE(gradients_of_chain(plain.sum(), inputs));
  b.register_hook([](const Tensor& g) { return g * 2; });
  EXPECT_FALSE(gradients_of_chain(b.cos().sum(), inputs));
}

TEST(ChainGraph, AnyOutputOfANode) {
  const std::vector<Tensor> inputs{leaf(1, {3})};
  for (const size_t k : {0, 1, 2})
    expect_chain([&](const auto& in) { return in[0].sin().unbind()[k]; }, inputs);
}

// A node whose backward pass takes a gradient itself.
struct AsksInBackward : torch::autograd::Function<AsksInBackward> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x) {
    context->save_for_backward({x});
    return x * x;
  }
  static std::vector<Tensor> backward(torch::autograd::AutogradContext* context,
                                      const std::vector<Tensor>& by_y) {
    const Tensor x = context->get_saved_variables()[0].detach();
    auto square = [](const Tree& t) { return (t.tensor() * t.tensor()).sum(); };
    return {grad(square, Tree(x), {.create_graph = false}).tensor() * by_y[0]};
  }
};

TEST(ChainGraph, InsideOfABackwardPass) {
  const Tensor x = leaf(1, {3});
  torch::autograd::backward({AsksInBackward::apply(x).sum()}, {});
  EXPECT_CLOSE(x.grad(), x.detach() * 2, kPlainFloat64);
  const std::vector<Tensor> inputs{leaf(1, {3})};
  expect_chain([](const auto& in) { return AsksInBackward::apply(in[0]).sum(); }, inputs);
}

TEST(ChainGraph, LetsGoOfWhatWasSaved) {
  const std::vector<Tensor> inputs{leaf(1, {3})};
  const Tensor value = inputs[0].sin().sum();
  EXPECT_TRUE(gradients_of_chain(value, inputs));
  EXPECT_THAT(text_of_any([&] { (void)gradients_of_chain(value, inputs); }),
              HasSubstr("second time"));
}

}  // namespace
}  // namespace luxtorch::testing
