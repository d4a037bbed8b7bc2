// Scale.
#include "luxtorch/layers/scale.h"

#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_scale(+[] {
  auto x = input({4, 3});
  return LayerRegistration{
      .name = "Scale",
      .rows = {row("Scale", Scale(3, tanh), x, {6, 0}),
               row("ScaleOfAMatrix", Scale({5, 3}), input({4, 5, 3}), {30, 0}),
               row("ScaleNoBias", Scale({2, 1}, {.use_bias = false}), input({4, 2, 3}), {2, 0})},
      .golden = {{"vector", Scale(3, tanh)},
                 {"broadcast", Scale({2, 1})},
                 {"no_bias", Scale({5, 3}, {.use_bias = false})}},
      .no_comparison = "torch.nn has no such module",
      .digest = "62522bf9869898f8"};
});

}  // namespace
}  // namespace luxtorch::testing
