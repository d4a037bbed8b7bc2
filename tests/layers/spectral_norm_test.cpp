// What SpectralNorm is for, and its precision.
#include "luxtorch/layers/spectral_norm.h"

#include <ATen/ops/linalg_svdvals.h>
#include <gtest/gtest.h>

#include "luxtorch/core/functions.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/alternate_precision.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/parallel.h"
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

// The vectors that are drawn, and after 15 steps of the power method.
Tree turned(const Tree& drawn, const Tensor& w) {
  Tensor u = drawn["u"].tensor(), v = drawn["v"].tensor();
  for (int step = 0; step < 15; ++step) {
    u = matmul(w, v), u = u / u.norm();
    v = matmul(w.t(), u), v = v / v.norm();
  }
  return named({{"u", u}, {"v", v}});
}

TEST(SpectralNorm, HasFifteenStepsBehindItAfterSetup) {
  const SpectralNorm model(Dense(6, 4), {"weight"});
  const auto [ps, st] = setup(Rng(0), model);
  const Tree drawn = initial_states(model, Rng(0).fold_in("states"));
  const Tensor w = ps["weight"].tensor();
  EXPECT_TREES_CLOSE(st["vectors"]["weight"], turned(drawn["vectors"]["weight"], w), kPlainFloat32);
  EXPECT_GT(relative_difference(st["vectors"]["weight"]["u"].tensor(),
                                drawn["vectors"]["weight"]["u"].tensor()),
            1e-2);
  EXPECT_SAME(st.without("vectors"), drawn.without("vectors"));
}

TEST(SpectralNorm, HasThemInsideContainersAndWrappersToo) {
  const SpectralNorm inner(Dense(6, 4, {.use_bias = false}), {"weight"});
  const Chain model(Dense(6, 6), Chain(mixed(inner, kBFloat16)), Parallel(nullptr, inner));
  const auto [ps, st] = setup(Rng(0), model);
  const Tree drawn = initial_states(model, Rng(0).fold_in("states"));
  for (const std::string place : {"layer_2.layer_1", "layer_3.layer_1"}) {
    const auto path = place + ".vectors.weight";
    EXPECT_TREES_CLOSE(st.at(path), turned(drawn.at(path), ps.at(place + ".weight").tensor()),
                       kPlainFloat32);
  }
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
