#include "luxtorch/autodiff/derivatives.h"

#include <ATen/core/grad_mode.h>
#include <ATen/functorch/DynamicLayer.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <optional>

#include "autodiff/differentiable.h"
#include "autodiff/forward_rules.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/error.h"
#include "text.h"
#include "transforms.h"

namespace luxtorch::detail {

namespace {

// What keeps v from being a direction at x, or a cotangent of y: its leaves must be those of `at`.
void check_direction(const char* who, const char* what, const Tree& at, const Tree& v) {
  const auto values =
      tree::map([](const Tree& leaf) { return is_differentiable(leaf) ? leaf : Tree(); }, at);
  const auto directions = tree::map(
      [&](const std::string& path, const Tree& leaf) {
        return values.contains(path) && values.at(path).is_none() ? Tree() : leaf;
      },
      v);
  const auto wrong = tree::difference(values, directions);
  if (wrong.empty()) return;
  throw ArgumentError(
      who, std::string("expected ") + what +
               " of the same structure, shapes and dtypes, got a difference: " + wrong + ".");
}

void check_result(const char* who, const Tree& y) {
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (leaf.is_none() || is_differentiable(leaf)) return;
        ArgumentError error(who, "expected f to return floating tensors, got " +
                                     describe_kind(leaf) + ". Return it by another way.");
        error.prepend_path_(path);
        throw error;
      },
      y);
}

void check_input(const char* who, const Tree& x) {
  for (const auto& leaf : tree::leaves(x))
    if (is_differentiable(leaf)) return;
  throw ArgumentError(who, "expected x with a floating tensor, got " + describe_kind(x) + ".");
}

// Torch's words for an operator that has no forward mode.
bool has_no_forward_mode(const std::string& text) {
  return text.find("forward AD with") != std::string::npos ||
         text.find("jvp is not implemented") != std::string::npos;
}

// Nothing where f met rules that do not give this derivative, or its own derivatives where there are to be some.
std::optional<Jvp<Tree>> by_forward_mode(const TreeFunction& f, const Tree& x, const Tree& dx) {
  const bool differentiated = transforms::differentiated();
  const ForwardRulesMet rules;
  const transforms::ForwardLevel level;
  auto duals = tree::zip(
      [&](const Tree& a, const Tree& d) {
        return is_differentiable(a) ? Tree(level.dual(a.tensor(), d.tensor())) : a;
      },
      x, dx);
  const Tree y = f(duals);
  check_result("jvp", y);
  std::vector<Tree> values, tangents;
  for (const auto& leaf : tree::leaves(y)) {
    if (!leaf.is_tensor()) {
      values.push_back(leaf), tangents.push_back(leaf);
      continue;
    }
    auto [value, tangent] = level.parts(leaf.tensor());
    tangents.push_back(tangent.defined() ? tangent : level.unwrap(at::zeros_like(value)));
    values.push_back(value);
  }
  auto recorded = [](const Tree& t) {
    return t.is_tensor() && transforms::underlying(t.tensor()).requires_grad();
  };
  const bool again = differentiated || std::any_of(tangents.begin(), tangents.end(), recorded);
  switch (rules.worst()) {
    case ForwardRules::Right:
      break;
    case ForwardRules::WrongTwice:
      if (again) return {};
      break;
    case ForwardRules::Wrong:
      return {};
    case ForwardRules::RefusedTwice:
      if (!again) break;
      throw UnsupportedError(
          "jvp",
          "expected operators whose forward mode can be differentiated again, got a batch_norm or "
          "layer_norm of torch's, whose rule gives wrong numbers then (pytorch/pytorch issues "
          "196699 "
          "and 196700). Take this derivative by hessian, hvp or grad of grad, or use luxtorch's "
          "BatchNorm.");
  }
  return Jvp<Tree>{tree::unflatten(y, values), tree::unflatten(y, tangents)};
}

// v -> v' J is linear, so its own Jacobian, transposed twice, is J.
Jvp<Tree> by_two_reverse_modes(const TreeFunction& f, const Tree& x, const Tree& dx) {
  const Tree y = f(x);
  auto zeros = tree::map_tensors([](const Tensor& t) { return at::zeros_like(t); }, y);
  auto pull = vjp([&](const Tree& v) { return vjp(f, x).pull(v); }, zeros).pull;
  return {y, pull(dx)};
}

// dx with nothing in the place of constants.
Tree directions(const Tree& x, const Tree& dx) {
  return tree::zip([](const Tree& a, const Tree& d) { return is_differentiable(a) ? d : Tree(); },
                   x, dx);
}

}  // namespace

Vjp<Tree, Tree> vjp(const TreeFunction& f, const Tree& x) {
  check_input("vjp", x);
  return explaining_torch_errors("vjp", [&]() -> Vjp<Tree, Tree> {
    const c10::InferenceMode normal_tensors(false);
    const transforms::GradientLevel level;
    const at::AutoGradMode recording(true);
    std::vector<Tensor> inputs;
    auto wrapped = tree::map(
        [&](const Tree& leaf) -> Tree {
          if (!is_differentiable(leaf)) return leaf;
          return inputs.emplace_back(level.wrap(leaf.tensor()).requires_grad_());
        },
        x);
    const Tree recorded = f(wrapped);
    check_result("vjp", recorded);
    auto pull = [=, y = Tree(recorded)](const Tree& v) {
      return explaining_torch_errors("vjp", [&] {
        const c10::InferenceMode normal_tensors(false);
        check_direction("vjp", "a cotangent like y", y, v);
        return gradients_by(y, inputs, v, x);
      });
    };
    return {tree::map_tensors([&](const Tensor& t) { return level.unwrap(t); }, recorded), pull};
  });
}

Jvp<Tree> jvp(const TreeFunction& f, const Tree& x, const Tree& dx) {
  check_input("jvp", x);
  check_direction("jvp", "dx like x", x, dx);
  return explaining_torch_errors("jvp", [&] {
    const c10::InferenceMode normal_tensors(false);
    const Unchanged unchanged(tuple({x, dx}));
    std::optional<Jvp<Tree>> result;
    try {
      result = by_forward_mode(f, x, directions(x, dx));
    } catch (const std::exception&) {
      if (!has_no_forward_mode(complaint_of_torch())) throw;
    }
    if (!result) result = by_two_reverse_modes(f, x, directions(x, dx));
    unchanged.check("jvp");
    return *result;
  });
}

Tree hvp(const TreeFunction& f, const Tree& x, const Tree& v) {
  return jvp([&](const Tree& at) { return grad([&](const Tree& p) { return f(p).tensor(); }, at); },
             x, v)
      .dy;
}

}  // namespace luxtorch::detail
