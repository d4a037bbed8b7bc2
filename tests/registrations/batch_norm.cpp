// BatchNorm.
#include "luxtorch/layers/norm.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_batch_norm(+[] {
  auto x = input({4, 3});
  return LayerRegistration{
      .name = "BatchNorm",
      .rows = {row("BatchNorm", BatchNorm(3), x, {6, 7}),
               row("BatchNormOfASequence", BatchNorm(5, tanh, {.epsilon = 1e-3, .momentum = 0.4}),
                   input({4, 5, 3}), {10, 11}),
               row("BatchNormNotAffine", BatchNorm(3, {.affine = false}), x, {0, 7}),
               without_rows(
                   row("BatchNormUntracked", BatchNorm(3, {.track_stats = false}), x, {6, 1}))},
      .golden = {{"training", BatchNorm(3, tanh, {.epsilon = 1e-3, .momentum = 0.3})},
                 {"test", BatchNorm(3)},
                 {"plain", BatchNorm(3, {.affine = false, .track_stats = false})}},
      .compared_in = "cases/layers.cpp",
      .refusals = {refuses<ShapeError>("[BatchNorm] expected x of a floating dtype, got int64.",
                                       [x] {
                                         const BatchNorm layer(
                                             3, {.affine = false, .track_stats = false});
                                         auto [ps, st] = setup(Rng(0), layer);
                                         (void)apply(layer, x.tensor().to(kInt64), ps, st);
                                       })},
      .digest = "3b55c10cd5e71de6"};
});

}  // namespace
}  // namespace luxtorch::testing
