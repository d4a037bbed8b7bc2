// Ten steps of every optimiser against Python PyTorch and NumPy (tools/golden/optim.py).
#include <gtest/gtest.h>

#include <limits>

#include "luxtorch/optim/optim.h"
#include "support/compare.h"
#include "support/golden.h"

namespace luxtorch {
namespace {

using testing::kGoldenFloat32;
using testing::kGoldenFloat64;
using testing::load_golden;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<std::pair<std::string, Optimizer>> golden_optimizers() {
  return {
      {"descent", Descent()},
      {"momentum", Momentum()},
      {"nesterov", Nesterov()},
      {"rmsprop", RMSProp()},
      {"rmsprop_centred", RMSProp(0.001, {.centred = true})},
      {"rprop", Rprop()},
      {"rprop_options", Rprop(0.02, {.ell = {0.3, 1.5}, .gamma = {0.01, 0.04}})},
      {"adam", Adam(0.01)},
      {"adam_options", Adam(0.02, {.beta = {0.7, 0.95}, .epsilon = 1e-3})},
      {"adamw", AdamW(0.01, {.lambda = 0.02})},
      {"adamw_no_decay", AdamW(0.01)},
      {"adamw_decoupled", AdamW(0.01, {.lambda = 0.02, .couple = false})},
      {"adamax", AdaMax(0.01)},
      {"nadam", NAdam(0.01)},
      {"radam", RAdam(0.01)},
      {"oadam", OAdam(0.01)},
      {"amsgrad", AMSGrad(0.01)},
      {"adabelief", AdaBelief(0.01)},
      {"adagrad", AdaGrad()},
      {"adadelta", AdaDelta()},
      {"lion", Lion(0.01, {.beta = {0.9, 0.99}})},
      {"adam_with_l2", OptimiserChain(WeightDecay(0.05), Adam(0.01))},
      {"sign_decay", OptimiserChain(SignDecay(0.03), Descent(0.1))},
      {"clip_grad", OptimiserChain(ClipGrad(0.5), Descent(0.1))},
      {"clip_norm", OptimiserChain(ClipNorm(1.0), Descent(0.1))},
      {"clip_norm_1", OptimiserChain(ClipNorm(2.0, {.p = 1}), Descent(0.1))},
      {"clip_norm_3", OptimiserChain(ClipNorm(1.0, {.p = 3}), Descent(0.1))},
      {"clip_norm_inf", OptimiserChain(ClipNorm(0.7, {.p = kInfinity}), Descent(0.1))},
      {"clip_global_norm", OptimiserChain(ClipGlobalNorm(1.5), Adam(0.01))},
      {"clip_global_norm_inf", OptimiserChain(ClipGlobalNorm(0.7, {.p = kInfinity}), Descent(0.1))},
      {"clip_last", OptimiserChain(Adam(0.01), ClipNorm(0.03))},
      {"decay_clip_adam", OptimiserChain(WeightDecay(0.05), ClipNorm(1.0), Adam(0.01))},
      {"accumulate", OptimiserChain(AccumGrad(3), Descent(0.1))},
  };
}

void expect_golden_steps(const char* dtype, double tolerance) {
  const Tree golden = load_golden("optim")[dtype];
  auto all = golden_optimizers();
  ASSERT_EQ(all.size(), golden["cases"].size());
  for (const auto& [name, optimizer] : all) {
    SCOPED_TRACE(name);
    ASSERT_EQ(golden["cases"][name].size(), 3u);
    Tree ps = golden["start"], state = optimizer.init(ps);
    for (size_t t = 0; t < golden["gradients"].size(); ++t) {
      SCOPED_TRACE(t);
      std::tie(ps, state) = optimizer.update(golden["gradients"][t], state, ps);
      auto after = "after_" + std::to_string(t + 1);
      if (golden["cases"][name].contains(after)) {
        EXPECT_TREES_CLOSE(ps, golden["cases"][name][after], tolerance);
      }
    }
  }
}

TEST(OptimGolden, TenStepsOfEveryOptimiserInDoublePrecision) {
  expect_golden_steps("float64", kGoldenFloat64);
}
TEST(OptimGolden, TenStepsOfEveryOptimiserInSinglePrecision) {
  expect_golden_steps("float32", kGoldenFloat32);
}

}  // namespace
}  // namespace luxtorch
