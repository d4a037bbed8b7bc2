// Weights, ignored labels and losses of several inputs against Python PyTorch:
// tools/golden/weighted_losses.py.
#include <gmock/gmock.h>

#include <map>

#include "luxtorch/autodiff/derivatives.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/losses/ctc.h"
#include "luxtorch/losses/several.h"
#include "support/compare.h"
#include "support/finite_differences.h"
#include "support/golden.h"

namespace luxtorch::testing::weighted_losses {
namespace {

using Function = std::function<Tensor(const Tree& inputs, const Tree& golden)>;

template <class Loss>
Function of_one(Loss loss) {
  return [loss](const Tree& x, const Tree& g) { return loss(x[0].tensor(), g["y"].tensor()); };
}
Function weighted(CrossEntropyLoss loss) {
  loss.logits = true;
  return [loss](const Tree& x, const Tree& g) mutable {
    loss.class_weights = g["weights"].tensor();
    return loss(x[0].tensor(), g["y"].tensor());
  };
}
Function weighted(BinaryCrossEntropyLoss loss) {
  return [loss](const Tree& x, const Tree& g) mutable {
    loss.pos_weight = g["weights"].tensor();
    return loss(x[0].tensor(), g["y"].tensor());
  };
}
Function of(GaussianNLLLoss loss) {
  return [loss](const Tree& x, const Tree& g) {
    return loss(x[0].tensor(), g["y"].tensor(), x[1].tensor());
  };
}
Function of(CosineEmbeddingLoss loss) {
  return [loss](const Tree& x, const Tree& g) {
    return loss(x[0].tensor(), x[1].tensor(), g["y"].tensor());
  };
}
Function of(TripletMarginLoss loss) {
  return [loss](const Tree& x, const Tree&) {
    return loss(x[0].tensor(), x[1].tensor(), x[2].tensor());
  };
}
Function of(CTCLoss loss) {
  return [loss](const Tree& x, const Tree& g) {
    return loss(x[0].tensor(), g["y"].tensor(), g["lengths"].tensor(), g["label_lengths"].tensor());
  };
}

const std::map<std::string, Function>& losses() {
  using BCE = BinaryCrossEntropyLoss;
  using CE = CrossEntropyLoss;
  static const std::map<std::string, Function> all{
      {"bce_logits_weighted", weighted(BCE{.logits = true})},
      {"bce_logits_weighted_none", weighted(BCE{.agg = Agg::none, .logits = true})},
      {"bce_weighted", weighted(BCE{})},
      {"ce_weighted", weighted(CE{})},
      {"ce_weighted_sum", weighted(CE{.agg = Agg::sum})},
      {"ce_weighted_none", weighted(CE{.agg = Agg::none})},
      {"ce_weighted_smoothed", weighted(CE{.label_smoothing = 0.2})},
      {"ce_weighted_soft", weighted(CE{})},
      {"ce_weighted_soft_smoothed", weighted(CE{.label_smoothing = 0.2})},
      {"ce_weighted_soft_sum", weighted(CE{.agg = Agg::sum})},
      {"ce_ignored", of_one(CE{.logits = true, .ignore_index = -100})},
      {"ce_ignored_sum", of_one(CE{.agg = Agg::sum, .logits = true, .ignore_index = -100})},
      {"ce_ignored_none", of_one(CE{.agg = Agg::none, .logits = true, .ignore_index = -100})},
      {"ce_ignored_smoothed",
       of_one(CE{.label_smoothing = 0.2, .logits = true, .ignore_index = -100})},
      {"ce_ignored_class", of_one(CE{.logits = true, .ignore_index = 1})},
      {"ce_ignored_weighted_smoothed", weighted(CE{.label_smoothing = 0.2, .ignore_index = -100})},
      {"ce_ignored_weighted_dim", weighted(CE{.dim = 1, .ignore_index = -1})},
      {"gaussian", of(GaussianNLLLoss{})},
      {"gaussian_full_sum", of(GaussianNLLLoss{.full = true, .agg = Agg::sum})},
      {"gaussian_per_row", of(GaussianNLLLoss{.agg = Agg::none})},
      {"gaussian_clamped", of(GaussianNLLLoss{.epsilon = 0.1})},
      {"cosine", of(CosineEmbeddingLoss{})},
      {"cosine_margin_none", of(CosineEmbeddingLoss{.margin = -0.5, .agg = Agg::none})},
      {"triplet", of(TripletMarginLoss{})},
      {"triplet_l1_margin", of(TripletMarginLoss{.margin = 2.5, .p = 1, .agg = Agg::none})},
      {"triplet_swap", of(TripletMarginLoss{.margin = 3, .swap = true, .agg = Agg::sum})},
      {"ctc", of(CTCLoss{})},
      {"ctc_sum", of(CTCLoss{.agg = Agg::sum})},
      {"ctc_none", of(CTCLoss{.agg = Agg::none})},
      {"ctc_empty", of(CTCLoss{})},
      {"ctc_zero_infinity", of(CTCLoss{.zero_infinity = true})},
  };
  return all;
}

void compare(const std::string& dtype, double tolerance) {
  const Tree cases = load_golden("weighted_losses")[dtype];
  EXPECT_EQ(cases.size(), losses().size());
  for (const auto& [name, golden] : cases.items()) {
    SCOPED_TRACE(dtype + " " + name);
    auto f = [&, &name = name, &golden = golden](const Tree& inputs) {
      const Tensor value = losses().at(name)(inputs, golden);
      return std::pair{(value * golden["seed"].tensor()).sum(), value};
    };
    auto [sum, grads, value] = value_and_grad(f, golden["inputs"]);
    EXPECT_CLOSE(value, golden["value"].tensor(), tolerance);
    EXPECT_TREES_CLOSE(grads, golden["grads"], tolerance);
  }
}

TEST(WeightedLosses, AgreeWithPyTorchInFloat64) { compare("float64", kGoldenFloat64); }
TEST(WeightedLosses, AgreeWithPyTorchInFloat32) { compare("float32", kGoldenFloat32); }

TEST(WeightedLosses, GradientsAndTheirGradientsAgreeWithFiniteDifferences) {
  const Tree cases = load_golden("weighted_losses")["float64"];
  for (const auto& [name, golden] : cases.items()) {
    // The gradient passes a clamp; a loss of 0 and no gradient is no derivative.
    if (name == "gaussian_clamped" || name == "ctc_zero_infinity") continue;
    SCOPED_TRACE(name);
    auto value = [&, &name = name, &golden = golden](const Tree& inputs) {
      return (losses().at(name)(inputs, golden) * golden["seed"].tensor()).sum();
    };
    const Tree inputs = golden["inputs"];
    EXPECT_TRUE(gradients_match(value, inputs, grad(value, inputs), {.elements = 12}));
    if (name.starts_with("triplet_l1")) continue;  // its gradients are constants
    auto slope = [&](const Tree& x) {
      Tensor sum = zeros({}, {.dtype = kFloat64});
      const Tree slopes = grad(value, x, {.create_graph = true});
      for (const Tensor& g : tree::tensors(slopes)) sum = sum + (g * g).sum();
      return sum;
    };
    EXPECT_TRUE(
        gradients_match(slope, inputs, grad(slope, inputs), {.tolerance = 1e-6, .elements = 6}));
  }
}

TEST(WeightedLosses, ForwardDerivativesAreThoseOfGradients) {
  const Tree cases = load_golden("weighted_losses")["float64"];
  for (const auto& [name, golden] : cases.items()) {
    SCOPED_TRACE(name);
    auto value = [&, &name = name, &golden = golden](const Tensor& x) {
      const auto given = golden["inputs"].elements();
      std::vector<Tree> inputs(given.begin(), given.end());
      inputs[0] = x;
      return (losses().at(name)(tuple(inputs), golden) * golden["seed"].tensor()).sum();
    };
    const Tensor x = golden["inputs"][0].tensor(), direction = x.cos();
    EXPECT_CLOSE(jvp(value, x, direction).dy, (golden["grads"][0].tensor() * direction).sum(),
                 kGoldenFloat64);
  }
}

}  // namespace
}  // namespace luxtorch::testing::weighted_losses
