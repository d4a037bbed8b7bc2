// GroupNorm.
#include "luxtorch/layers/norm.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_group_norm(+[] {
  auto of = [](const Tensor& x, bool affine = true) {
    return [=] {
      GroupNorm layer(4, 2, {.affine = affine});
      auto [ps, st] = setup(Rng(0), layer);
      (void)apply(layer, x, ps, st);
    };
  };
  return LayerRegistration{
      .name = "GroupNorm",
      .rows = {row("GroupNorm", GroupNorm(6, 2, tanh), input({4, 6}), {12, 0}),
               row("GroupNormOfAnImage", GroupNorm(4, 2, {.epsilon = 1e-2}), input({4, 4, 3, 2}),
                   {8, 0}),
               row("GroupNormOfOneGroup", GroupNorm(4, 1), input({4, 4, 5}), {8, 0}),
               row("GroupNormOfEachChannel", GroupNorm(3, 3, gelu), input({4, 3, 5}), {6, 0}),
               row("GroupNormNotAffine", GroupNorm(4, 2, {.affine = false}), input({4, 4, 5}),
                   {0, 0})},
      .golden = {{"matrix", GroupNorm(6, 2, tanh)},
                 {"image", GroupNorm(6, 3, {.epsilon = 1e-2})},
                 {"one_group", GroupNorm(4, 1)},
                 {"plain", GroupNorm(4, 2, {.affine = false})}},
      .compared = [] { return GroupNorm(16, 4); },
      .refusals = {refuses<ArgumentError>("[GroupNorm] expected channels of at least 1, got 0.",
                                          [] { GroupNorm(0, 1); }),
                   refuses<ArgumentError>("[GroupNorm] expected groups of at least 1, got -2.",
                                          [] { GroupNorm(4, -2); }),
                   refuses<ArgumentError>(
                       "[GroupNorm] expected channels divisible by groups, got 4 channels "
                       "and 3 groups.",
                       [] { GroupNorm(4, 3); }),
                   refuses<ArgumentError>("[GroupNorm] expected .epsilon of at least 0, got -1.",
                                          [] { GroupNorm(4, 2, {.epsilon = -1}); }),
                   refuses<ShapeError>(
                       "[GroupNorm] expected x of shape (batch, 4, ...), got (3, 5).",
                       of(input({3, 5}).tensor())),
                   refuses<ShapeError>("[GroupNorm] expected x of shape (batch, 4, ...), got (4,).",
                                       of(input({4}).tensor())),
                   refuses<ShapeError>(
                       "[GroupNorm] expected x of dtype float32 like the parameters, got "
                       "float64. Convert one of them: x.to(...) or tree::to(ps, ...).",
                       of(input({3, 4}).tensor().to(kFloat64))),
                   refuses<ShapeError>("[GroupNorm] expected x of a floating dtype, got int64.",
                                       of(input({3, 4}).tensor().to(kInt64), false))},
      .labels = {{"GroupNorm(8, 4, relu)", GroupNorm(8, 4, relu)},
                 {"GroupNorm(8, 4, affine=false)", GroupNorm(8, 4, {.affine = false})}},
      .digest = "16d411bfe3e5dcda"};
});

}  // namespace
}  // namespace luxtorch::testing
