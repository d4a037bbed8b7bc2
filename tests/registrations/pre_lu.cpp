// PReLU.
#include "luxtorch/layers/prelu.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_prelu(+[] {
  auto call = [](const PReLU& layer, const Tensor& x) {
    return [=] {
      auto [ps, st] = setup(Rng(0), layer);
      (void)apply(layer, x, ps, st);
    };
  };
  return LayerRegistration{
      .name = "PReLU",
      .rows = {row("PReLU", PReLU({.init_weight = init::rand}), input({4, 3}), {1, 0}),
               row("PReLUOfChannels", PReLU(3, {.init_weight = init::rand}), input({4, 3, 5}),
                   {3, 0})},
      .golden = {{"one", PReLU()}, {"channels", PReLU(3)}},
      .compared = [] { return PReLU(16); },
      .refusals = {refuses<ArgumentError>("[PReLU] expected channels of at least 1, got 0.",
                                          [] { PReLU(0); }),
                   refuses<ShapeError>("[PReLU] expected x of shape (batch, 3, ...), got (4, 2).",
                                       call(PReLU(3), input({4, 2}).tensor())),
                   refuses<ShapeError>("[PReLU] expected x of shape (batch, 3, ...), got (3,).",
                                       call(PReLU(3), input({3}).tensor())),
                   refuses<ShapeError>(
                       "[PReLU] expected x of dtype float32 like the parameters, got "
                       "float64. Convert one of them: x.to(...) or tree::to(ps, ...).",
                       call(PReLU(), input({3}).tensor().to(kFloat64)))},
      .labels = {{"PReLU()", PReLU()}, {"PReLU(8)", PReLU(8)}},
      .digest = "533026be6aa6c3b1"};
});

}  // namespace
}  // namespace luxtorch::testing
