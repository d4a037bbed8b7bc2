// Frequencies of sinusoidal positions, which the registration does not say.
#include "luxtorch/layers/positions.h"

#include <gtest/gtest.h>

#include <cmath>

#include "luxtorch/core/values.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

TEST(SinusoidalPositions, HaveLuxsFrequenciesOrVaswanis) {
  const auto [ps, st] = setup(Rng(0), SinusoidalPositionalEmbedding(8));
  EXPECT_CLOSE(st["sigmas"].tensor(), tensor({1.0, 0.046416, 0.0021544, 1e-4}).to(kFloat32), 1e-5);
  const SinusoidalPositionalEmbedding vaswani(8, {.layout = SinusoidalLayout::Vaswani});
  const auto [ps2, st2] = setup(Rng(0), vaswani);
  EXPECT_CLOSE(st2["sigmas"].tensor(), tensor({1.0, 0.1, 0.01, 0.001}).to(kFloat32), 1e-6);
  const Tensor y = apply(vaswani, tensor({3}), ps2, st2).first;
  EXPECT_EQ(y.scalar_type(), kFloat32);
  EXPECT_NEAR(y[0][2].item<double>(), std::sin(0.3), 1e-6);
  EXPECT_NEAR(y[0][3].item<double>(), std::cos(0.3), 1e-6);
}

}  // namespace
}  // namespace luxtorch::testing
