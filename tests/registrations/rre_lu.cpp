// RReLU.
#include "luxtorch/layers/rrelu.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_rrelu(+[] {
  return LayerRegistration{
      .name = "RReLU",
      .rows = {row("RReLU", RReLU(), input({4, 3}), {0, 2}),
               row("RReLUWithNumbers", RReLU(-0.5, 2), input({4, 3, 2}), {0, 2})},
      .golden = {{"test", RReLU()}, {"numbers", RReLU(0.1, 0.7)}},
      .no_comparison = "as leakyrelu, which has a case, and the draws of Dropout",
      .refusals = {refuses<ArgumentError>(
                       "[RReLU] expected a lower slope that is not above the upper one, "
                       "got 2 and 1.",
                       [] { RReLU(2, 1); }),
                   refuses<ShapeError>("[RReLU] expected x of a floating dtype, got int64.",
                                       [] {
                                         const RReLU layer;
                                         (void)apply(layer, input({2}).tensor().to(kInt64), Tree(),
                                                     setup(Rng(0), layer).second);
                                       })},
      .labels = {{"RReLU()", RReLU()}, {"RReLU(0.1, 0.3)", RReLU(0.1, 0.3)}},
      .digest = "1f9f627562209232"};
});

}  // namespace
}  // namespace luxtorch::testing
