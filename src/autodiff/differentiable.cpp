#include "autodiff/differentiable.h"

#include <ATen/core/grad_mode.h>
#include <ATen/functorch/DynamicLayer.h>
#include <ATen/ops/zeros_like.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/autograd.h>

#include "luxtorch/core/error.h"
#include "transforms.h"

namespace luxtorch::detail {

bool is_differentiable(const Tree& leaf) {
  return leaf.is_tensor() && leaf.tensor().defined() &&
         (leaf.tensor().is_floating_point() || leaf.tensor().is_complex());
}

std::string complaint_of_torch() {
  try {
    throw;
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  } catch (const TorchError& error) {
    return error.what();
  } catch (...) {
    return "";
  }
}

namespace {

[[noreturn]] void changes_in_place(const char* who, const std::string& more) {
  throw ArgumentError(who,
                      "expected a function that changes nothing in place, got one that does. Use "
                      "operators without a trailing underscore." +
                          more);
}

}  // namespace

void explain(const char* who) {
  const auto text = complaint_of_torch();
  const auto says = [&](const char* words) { return text.find(words) != std::string::npos; };
  const auto quoted = " (torch: " + text.substr(0, text.find('\n')) + ")";
  if (says("randomness error mode")) {
    throw ArgumentError(
        who,
        "expected a function that draws no random numbers, got one that does. State "
        ".randomness = Randomness::Same, one draw for all samples, or "
        "Randomness::Different." +
            quoted);
  }
  // Not "inplace" alone, which is part of modules' names.
  if (says("in-place") || says("inplace operation") || says("inplace arithmetic") ||
      says("mutate") || says("match the broadcast shape")) {
    changes_in_place(who, quoted);
  }
  if (says(".item()") || says("data-dependent control flow")) {
    throw ArgumentError(
        who,
        "expected a function that does not look at values, got one that does, by item() or a "
        "branch on a tensor. Use where() or masks." +
            quoted);
  }
  if (says("Inference tensors cannot be saved")) {
    throw ArgumentError(who,
                        "expected a function of tensors that were made outside of "
                        "c10::InferenceMode, got one that captures another. Make it outside, or "
                        "use its clone() made outside." +
                            quoted);
  }
  if (says("derivative for aten::") || says("forward AD with")) {
    if (transforms::active()) throw;  // a jvp outside may do without
    throw UnsupportedError(who,
                           "expected operators that torch can differentiate so often, got one "
                           "that it cannot. Put an operator with the same values in its place, or "
                           "take a derivative less." +
                               quoted);
  }
  try {
    throw;
  } catch (const c10::OutOfMemoryError&) {
    throw;
  } catch (const c10::Error&) {
    throw TorchError(who, text);
  }
}

void refuse_followed(const char* who, const Tree& t, const char* advice) {
  const bool recording = transforms::in_differentiated_function() && at::GradMode::is_enabled();
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (!leaf.is_tensor() || !leaf.tensor().defined()) return;
        const Tensor& x = leaf.tensor();
        const bool wrapped = transforms::active() && !transforms::underlying(x).is_same(x);
        if (!wrapped && !(recording && x.requires_grad()) && !x._fw_grad(0).defined()) return;
        ArgumentError error(
            who,
            std::string("expected a tensor that no derivative or transform follows, got one of "
                        "a function that is being differentiated or transformed; ") +
                advice);
        error.prepend_path_(path);
        throw error;
      },
      t);
}

Unchanged::Unchanged(const Tree& t) {
  for (const auto& tensor : tree::tensors(t)) {
    const Tensor inside = tensor.defined() ? transforms::underlying(tensor) : tensor;
    if (inside.defined() && !inside.is_inference())
      versions_.emplace_back(inside, inside._version());
  }
}

void Unchanged::check(const char* who) const {
  for (const auto& [tensor, version] : versions_)
    if (tensor._version() != version) changes_in_place(who, " What it was given has been changed.");
}

Tree gradients_by(const Tree& y, const std::vector<Tensor>& inputs, const Tree& v, const Tree& x) {
  std::vector<Tensor> outputs, weights;
  const auto values = tree::leaves(y), cotangents = tree::leaves(v);
  for (size_t i = 0; i < values.size(); ++i) {
    if (!is_differentiable(values[i]) || !values[i].tensor().requires_grad()) continue;
    outputs.push_back(values[i].tensor());
    weights.push_back(cotangents[i].tensor());
  }
  std::vector<Tensor> found(inputs.size());
  if (!outputs.empty()) {
    found = torch::autograd::grad(outputs, inputs, weights, /*retain_graph=*/true,
                                  at::GradMode::is_enabled(), /*allow_unused=*/true);
  }
  size_t next = 0;
  return tree::map(
      [&](const Tree& leaf) -> Tree {
        if (!is_differentiable(leaf)) return {};
        const Tensor& g = found[next++];
        return g.defined() ? at::functorch::unwrapIfDead(g) : at::zeros_like(leaf.tensor());
      },
      x);
}

}  // namespace luxtorch::detail
