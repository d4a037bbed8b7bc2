// What the tests of functional() share: ps with other numbers, a loss, and the comparison of a layer
// with the module that it was made from.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <string>
#include <vector>

#include "luxtorch/core/ops.h"
#include "luxtorch/interop/torch_module.h"
#include "support/compare.h"

namespace luxtorch {

namespace nn = torch::nn;
using luxtorch::testing::kPlainFloat32;
using luxtorch::testing::kPlainFloat64;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

inline constexpr FunctionalOptions kKeep{.keep_values = true};

inline Tensor normal(uint64_t seed, Shape shape) { return random::normal(Rng(seed), shape); }

/// ps with other numbers, since setup gives a BatchNorm the same ones for every seed.
inline Tree drawn(const Tree& ps, uint64_t seed) {
  return tree::map(
      [&](const std::string& path, const Tree& p) {
        return Tree(random::normal(Rng(seed).fold_in(path), p.tensor().sizes()));
      },
      ps);
}
inline Tree leaves_with_gradients(const Tree& ps) {
  return tree::map_tensors([](const Tensor& t) { return t.detach().clone().requires_grad_(); }, ps);
}
inline Tree gradients(const Tree& ps) {
  return tree::map_tensors([](const Tensor& t) { return t.grad(); }, ps);
}
/// A number that depends on every element of y in another way.
inline Tensor loss_of(const Tree& y) {
  auto loss = zeros({});
  for (const auto& t : tree::tensors(y))
    loss = loss + (t * normal(99, t.sizes()).to(t.scalar_type())).sum();
  return loss;
}
inline Tree snapshot(const nn::Module& m) {
  std::vector<Tree> tensors;
  for (const auto& t : m.parameters()) tensors.push_back(t.detach().clone());
  for (const auto& t : m.buffers()) tensors.push_back(t.detach().clone());
  return tuple(std::move(tensors));
}
template <class F>
std::string message(F f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "nothing was thrown";
}

// forward(x) of the module itself, with gradients of the loss in the order of its parameters and x.
template <class M>
std::pair<Tree, std::vector<Tensor>> reference(M& module, const Tensor& x) {
  auto input = x.detach().clone().requires_grad_();
  auto y = to_tree(module->forward(input));
  auto sources = module->parameters();
  sources.push_back(input);
  return {y, torch::autograd::grad({loss_of(y)}, sources)};
}

// A layer made from the module gives the same bits and the same gradients, for ps other than the module's own, too.
template <class M>
void expect_equal_to_its_module(M module, const Tensor& x) {
  auto before = snapshot(*module);
  auto layer = functional(module);
  auto [ps, st] = setup(Rng(3), layer);
  ps = leaves_with_gradients(ps);
  auto input = x.detach().clone().requires_grad_();
  auto [y, st2] = layer(input, ps, st);
  loss_of(y).backward();
  EXPECT_SAME(snapshot(*module), before);
  for (const auto& p : module->parameters()) EXPECT_FALSE(p.grad().defined());

  {
    torch::NoGradGuard no_grad;
    auto own = module->parameters();
    auto values = tree::tensors(ps);
    ASSERT_EQ(own.size(), values.size());
    for (size_t i = 0; i < own.size(); ++i) own[i].copy_(values[i]);
  }
  auto [expected, expected_gradients] = reference(module, x);
  EXPECT_SAME(tree::map_tensors([](const Tensor& t) { return t.detach(); }, y),
              tree::map_tensors([](const Tensor& t) { return t.detach(); }, expected));
  auto found = tree::tensors(gradients(ps));
  found.push_back(input.grad());
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_CLOSE(found[i], expected_gradients[i], kPlainFloat32) << i;
}

}  // namespace luxtorch
