// RMSNorm.
#include "luxtorch/layers/rms_norm.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_rms_norm(+[] {
  auto call = [](const RMSNorm& layer, const Tensor& x) {
    return [=] {
      auto [ps, st] = setup(Rng(0), layer);
      (void)apply(layer, x, ps, st);
    };
  };
  auto x = input({4, 5});
  return LayerRegistration{
      .name = "RMSNorm",
      .rows = {row("RMSNorm", RMSNorm(5), x, {5, 0}),
               row("RMSNormOfAnImage", RMSNorm({3, 2}, {.epsilon = 1e-2}), input({4, 2, 3, 2}),
                   {6, 0}),
               row("RMSNormNotAffine", RMSNorm(5, {.affine = false}), x, {0, 0})},
      .golden = {{"matrix", RMSNorm(5)},
                 {"image", RMSNorm({3, 2}, {.epsilon = 1e-2})},
                 {"vector", RMSNorm(5)},
                 {"plain", RMSNorm(4, {.affine = false})}},
      .compared = [] { return RMSNorm(64); },
      .refusals =
          {refuses<ArgumentError>("[RMSNorm] expected shape of at least one size, got none.",
                                  [] { RMSNorm(std::vector<int64_t>{}); }),
           refuses<ArgumentError>("[RMSNorm] expected sizes in shape of at least 1, got -4.",
                                  [] { RMSNorm(-4); }),
           refuses<ArgumentError>("[RMSNorm] expected .epsilon of at least 0, got -0.1.",
                                  [] { RMSNorm(4, {.epsilon = -0.1}); }),
           refuses<ShapeError>("[RMSNorm] expected x of shape (..., 4, 5), got (3, 5, 4).",
                               call(RMSNorm({4, 5}), input({3, 5, 4}).tensor())),
           refuses<ShapeError>("[RMSNorm] expected x of shape (..., 5), got ().",
                               call(RMSNorm(5), input({}).tensor())),
           refuses<ShapeError>(
               "[RMSNorm] expected x of dtype float32 like the parameters, got float64. Convert "
               "one of them: x.to(...) or tree::to(ps, ...).",
               call(RMSNorm(5), x.tensor().to(kFloat64))),
           refuses<ShapeError>("[RMSNorm] expected x of a floating dtype, got int64.",
                               call(RMSNorm(5, {.affine = false}), x.tensor().to(kInt64)))},
      .labels = {{"RMSNorm((64,))", RMSNorm(64)},
                 {"RMSNorm((4, 5), affine=false)", RMSNorm({4, 5}, {.affine = false})}},
      .digest = "69a0f09b0b7e4dd3"};
});

}  // namespace
}  // namespace luxtorch::testing
