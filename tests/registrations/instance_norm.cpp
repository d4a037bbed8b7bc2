// InstanceNorm.
#include "luxtorch/layers/norm.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_instance_norm(+[] {
  auto call = [](const InstanceNorm& layer, const Tensor& x, bool training = true) {
    return [=] {
      auto [ps, st] = setup(Rng(0), layer);
      (void)apply(layer, x, ps, training ? st : testmode(st));
    };
  };
  auto x = input({4, 3, 5});
  const InstanceNorm tracked(3, {.affine = true, .track_stats = true});
  return LayerRegistration{
      .name = "InstanceNorm",
      .rows = {row("InstanceNorm", InstanceNorm(3), x, {0, 1}),
               row("InstanceNormOfAnImage",
                   InstanceNorm(3, tanh, {.affine = true, .epsilon = 1e-2}), input({4, 3, 3, 2}),
                   {6, 1}),
               row("InstanceNormTracked",
                   InstanceNorm(3, {.affine = true, .track_stats = true, .momentum = 0.4}), x,
                   {6, 7})},
      .golden = {{"image", InstanceNorm(3, tanh)},
                 {"affine", InstanceNorm(3, {.affine = true, .epsilon = 1e-2})},
                 {"training",
                  InstanceNorm(3, {.affine = true, .track_stats = true, .momentum = 0.3})},
                 {"test", tracked}},
      .compared = [] { return InstanceNorm(16, {.affine = true}); },
      .refusals =
          {refuses<ArgumentError>("[InstanceNorm] expected channels of at least 1, got 0.",
                                  [] { InstanceNorm(0); }),
           refuses<ArgumentError>("[InstanceNorm] expected .epsilon of at least 0, got -1.",
                                  [] { InstanceNorm(3, {.epsilon = -1}); }),
           refuses<ArgumentError>("[InstanceNorm] expected .momentum from 0 to 1, got 1.5.",
                                  [] { InstanceNorm(3, {.momentum = 1.5}); }),
           refuses<ShapeError>(
               "[InstanceNorm] expected x of shape (batch, 3, ...) with a dimension "
               "behind the channels, got (4, 3).",
               call(InstanceNorm(3), input({4, 3}).tensor())),
           refuses<ShapeError>(
               "[InstanceNorm] expected x of shape (batch, 3, ...) with a dimension "
               "behind the channels, got (4, 2, 5).",
               call(InstanceNorm(3), input({4, 2, 5}).tensor())),
           refuses<ShapeError>("[InstanceNorm] expected more than one value per channel of a "
                               "sample, got x of shape (4, 3, 1).",
                               call(InstanceNorm(3), input({4, 3, 1}).tensor(), false)),
           refuses<ShapeError>("[InstanceNorm] expected more than one value per channel of a "
                               "sample in training, got x of shape (4, 3, 1). In test mode, "
                               "testmode(st), one is enough.",
                               call(tracked, input({4, 3, 1}).tensor())),
           refuses<ShapeError>(
               "[InstanceNorm] expected x of dtype float32 like the parameters, got float64. "
               "Convert one of them: x.to(...) or tree::to(ps, ...).",
               call(tracked, x.tensor().to(kFloat64))),
           refuses<ShapeError>(
               "[InstanceNorm] expected x of dtype float32 on cpu like the states, got float64 on "
               "cpu. Move or convert the states too: tree::to(st, ...).",
               call(InstanceNorm(3, {.track_stats = true}), x.tensor().to(kFloat64))),
           refuses<ShapeError>("[InstanceNorm] expected x of a floating dtype, got int64.",
                               call(InstanceNorm(3), x.tensor().to(kInt64)))},
      .labels = {{"InstanceNorm(8, relu)", InstanceNorm(8, relu)},
                 {"InstanceNorm(3, affine=true, track_stats=true)", tracked}},
      .digest = "c491ed6eb42fecb7"};
});

}  // namespace
}  // namespace luxtorch::testing
