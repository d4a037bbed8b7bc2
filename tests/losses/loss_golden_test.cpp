// Every loss and option against Python PyTorch or the formula in float64: tools/golden/losses.py.
#include <gmock/gmock.h>

#include <map>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/losses/loss.h"
#include "support/compare.h"
#include "support/finite_differences.h"
#include "support/golden.h"

namespace luxtorch::testing {
namespace {

using Function = std::function<Tensor(const Tensor&, const Tensor&)>;

const std::map<std::string, Function>& losses() {
  using BCE = BinaryCrossEntropyLoss;
  using CE = CrossEntropyLoss;
  static const std::map<std::string, Function> all{
      {"bce", BCE{}},
      {"bce_hard", BCE{}},
      {"bce_sum", BCE{.agg = Agg::sum}},
      {"bce_none", BCE{.agg = Agg::none}},
      {"bce_smoothed", BCE{.label_smoothing = 0.1}},
      {"bce_epsilon", BCE{.epsilon = 1e-3}},
      {"bce_edges", BCE{}},
      {"bce_logits", BCE{.logits = true}},
      {"bce_logits_sum", BCE{.agg = Agg::sum, .logits = true}},
      {"bce_logits_none", BCE{.agg = Agg::none, .logits = true}},
      {"bce_logits_smoothed", BCE{.label_smoothing = 0.2, .logits = true}},
      {"bce_logits_extreme", BCE{.logits = true}},
      {"ce", CE{}},
      {"ce_sum", CE{.agg = Agg::sum}},
      {"ce_none", CE{.agg = Agg::none}},
      {"ce_smoothed", CE{.label_smoothing = 0.15}},
      {"ce_dim", CE{.dim = 1}},
      {"ce_edges", CE{}},
      {"ce_logits", CE{.logits = true}},
      {"ce_logits_none", CE{.agg = Agg::none, .logits = true}},
      {"ce_logits_smoothed", CE{.label_smoothing = 0.1, .logits = true}},
      {"ce_logits_dim", CE{.dim = 1, .logits = true}},
      {"ce_logits_extreme", CE{.logits = true}},
      {"ce_labels", CE{}},
      {"ce_labels_smoothed", CE{.label_smoothing = 0.15}},
      {"ce_labels_logits", CE{.logits = true}},
      {"ce_labels_logits_sum", CE{.agg = Agg::sum, .logits = true}},
      {"ce_labels_logits_none", CE{.agg = Agg::none, .logits = true}},
      {"ce_labels_logits_smoothed", CE{.label_smoothing = 0.1, .logits = true}},
      {"ce_labels_logits_dim", CE{.dim = 1, .logits = true}},
      {"ce_labels_logits_extreme", CE{.logits = true}},
      {"binary_focal", BinaryFocalLoss{}},
      {"binary_focal_gamma", BinaryFocalLoss{.gamma = 1.5}},
      {"focal", FocalLoss{}},
      {"focal_gamma_dim", FocalLoss{.gamma = 1.5, .dim = 1}},
      {"kl", KLDivergenceLoss{}},
      {"kl_none", KLDivergenceLoss{.agg = Agg::none}},
      {"kl_smoothed", KLDivergenceLoss{.label_smoothing = 0.1}},
      {"mse", MSELoss{}},
      {"mse_sum", L2Loss{.agg = Agg::sum}},
      {"mse_none", MSELoss{.agg = Agg::none}},
      {"mae", MAELoss{}},
      {"huber", HuberLoss{}},
      {"huber_delta", HuberLoss{.delta = 2.5}},
      {"msle", MSLELoss{}},
      {"poisson", PoissonLoss{}},
      {"hinge", HingeLoss{}},
      {"squared_hinge", SquaredHingeLoss{}},
      {"dice", DiceCoeffLoss{}},
      {"dice_vector", DiceCoeffLoss{}},
      {"dice_smooth", DiceCoeffLoss{.smooth = 0.3}},
      {"tversky", TverskyLoss{}},
      {"tversky_vector", TverskyLoss{.alpha = 0.6, .beta = 0.2, .smooth = 0.5}},
      {"tversky_iou", TverskyLoss{.alpha = 1, .beta = 1}},
      {"siamese", SiameseContrastiveLoss{}},
      {"siamese_margin", SiameseContrastiveLoss{.margin = 0.7}},
  };
  return all;
}

// The gradient of sum(seed * loss) by y_hat; the value on the way.
ValueAndGradAux<Tensor> run(const Function& loss, const Tree& golden, GradOptions options = {}) {
  auto f = [&](const Tree& y_hat) {
    const Tensor value = loss(y_hat.tensor(), golden["y"].tensor());
    return std::pair{(value * golden["seed"].tensor()).sum(), value};
  };
  return value_and_grad(f, golden["y_hat"], options);
}

void compare(const std::string& dtype, double tolerance) {
  const Tree cases = load_golden("losses")[dtype];
  EXPECT_EQ(cases.size(), losses().size());
  for (const auto& [name, golden] : cases.items()) {
    SCOPED_TRACE(dtype + " " + name);
    auto [sum, grad, value] = run(losses().at(name), golden);
    EXPECT_CLOSE(value, golden["value"].tensor(), tolerance);
    EXPECT_CLOSE(grad.tensor(), golden["grad"].tensor(), tolerance);
  }
}

TEST(LossGolden, EveryLossAndItsGradientAgreeInFloat64) { compare("float64", kGoldenFloat64); }
TEST(LossGolden, EveryLossAndItsGradientAgreeInFloat32) { compare("float32", kGoldenFloat32); }

TEST(LossGolden, GradientsAndTheirGradientsAgreeWithFiniteDifferences) {
  const Tree cases = load_golden("losses")["float64"];
  for (const auto& [name, golden] : cases.items()) {
    // Their slopes change faster than any step of finite differences.
    if (name.find("edges") != std::string::npos || name.find("extreme") != std::string::npos)
      continue;
    SCOPED_TRACE(name);
    const auto& loss = losses().at(name);
    auto value = [&, &golden = golden](const Tree& y_hat) {
      return (loss(y_hat.tensor(), golden["y"].tensor()) * golden["seed"].tensor()).sum();
    };
    EXPECT_TRUE(gradients_match(value, golden["y_hat"], grad(value, golden["y_hat"])));
    if (name == "mae" || name == "hinge") continue;  // their gradients are constants
    auto slope = [&, &golden = golden](const Tree& y_hat) {
      const Tensor weights = golden["y_hat"].tensor().cos();
      return (grad(value, y_hat, {.create_graph = true}).tensor() * weights).sum();
    };
    EXPECT_TRUE(gradients_match(slope, golden["y_hat"], grad(slope, golden["y_hat"]),
                                {.tolerance = 1e-6, .elements = 6}));
  }
}

TEST(LossGolden, ATensorWithGapsGivesTheSameNumbers) {
  const Tree cases = load_golden("losses")["float64"];
  for (const auto& [name, golden] : cases.items()) {
    SCOPED_TRACE(name);
    auto spread = [](const Tensor& t) { return stack({t, t * 0}, -1).select(-1, 0); };
    const Tree other = golden.with("y_hat", spread(golden["y_hat"].tensor()))
                           .with("y", spread(golden["y"].tensor()));
    EXPECT_CLOSE(run(losses().at(name), other).aux, golden["value"].tensor(), kGoldenFloat64);
    EXPECT_CLOSE(run(losses().at(name), other).grads.tensor(), golden["grad"].tensor(),
                 kGoldenFloat64);
  }
}

}  // namespace
}  // namespace luxtorch::testing
