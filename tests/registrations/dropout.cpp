// Dropout.
#include "luxtorch/layers/dropout.h"

#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_dropout(+[] {
  auto x = input({4, 3});
  return LayerRegistration{
      .name = "Dropout",
      .rows = {row("Dropout", Dropout(0.3), x, {0, 2}),
               row("DropoutOfRows", Dropout(0.5, {.dims = {0}}), input({4, 5, 3}), {0, 2}),
               row("DropoutOfNothing", Dropout(0), x, {0, 2})},
      .no_golden = "its draws are not those of PyTorch",
      .compared_in = "cases/layers.cpp",
      .digest = "068e5afd59b80d58"};
});

}  // namespace
}  // namespace luxtorch::testing
