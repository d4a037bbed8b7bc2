// Dense.
#include "luxtorch/layers/dense.h"

#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_dense(+[] {
  auto x = input({4, 3});
  return LayerRegistration{
      .name = "Dense",
      .rows = {row("Dense", Dense(3, 2), x, {8, 0}),
               row("DenseTanhNoBias", Dense(3, 2, tanh, {.use_bias = false}), x, {6, 0}),
               row("DenseOfASequence", Dense(3, 2, gelu), input({4, 5, 3}), {8, 0}),
               without_rows(row("DenseOfAVector", Dense(3, 2, sigmoid), input({3}), {8, 0}))},
      .golden_in = "layers/layers_golden_test.cpp",
      .compared_in = "cases/dense.cpp",
      .digest = "74bc5a797ed6f1f3"};
});

}  // namespace
}  // namespace luxtorch::testing
