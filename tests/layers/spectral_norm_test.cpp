// What SpectralNorm is for, and its precision.
#include "luxtorch/layers/spectral_norm.h"

#include <ATen/ops/linalg_svdvals.h>
#include <gtest/gtest.h>

#include "luxtorch/core/ops.h"
#include "luxtorch/layers/alternate_precision.h"
#include "luxtorch/layers/dense.h"
#include "support/compare.h"
#include "support/normal.h"

namespace luxtorch::testing {
namespace {

TEST(SpectralNorm, ComputesWithAWeightWhoseLargestSingularValueIsOne) {
  const SpectralNorm model(Dense(6, 4, {.use_bias = false}), {"weight"});
  auto [ps, st] = setup(Rng(0), model);
  const Tensor unit = eye(6);
  for (int call = 0; call < 200; ++call) st = model(unit, ps, st).second;
  const Tensor weight = model(unit, ps, testmode(st)).first.tensor().t();
  const Tensor values = at::linalg_svdvals(ps["weight"].tensor());
  EXPECT_CLOSE(weight, ps["weight"].tensor() / values[0], kPlainFloat32);
}

TEST(SpectralNorm, OfHalfPrecisionHasVectorsInFloat32) {
  const SpectralNorm layer(Dense(6, 4, {.use_bias = false}), {"weight"});
  const auto model = mixed(layer, kBFloat16);
  const auto [ps, st] = setup(Rng(0), model);
  const Tensor x = normal(1, {5, 6}, kFloat32);
  const auto [y, st2] = layer(x, ps, st);
  const auto [y_half, st2_half] = model(x, ps, st);
  EXPECT_CLOSE(y_half.tensor(), y.tensor(), 2e-2);
  EXPECT_TREES_CLOSE(st2_half["vectors"], st2["vectors"], 2e-2);
}

}  // namespace
}  // namespace luxtorch::testing
