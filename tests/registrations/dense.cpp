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
               row("DenseLeakyreluOfASlope", Dense(3, 2, leakyrelu(0.2)), x, {8, 0}),
               without_rows(row("DenseOfAVector", Dense(3, 2, sigmoid), input({3}), {8, 0}))},
      .golden_in = "layers/layers_golden_test.cpp",
      .compared_in = "cases/dense.cpp",
      .labels = {{"Dense(3 => 2, leakyrelu)", Dense(3, 2, leakyrelu)},
                 {"Dense(3 => 2, leakyrelu(0.2))", Dense(3, 2, leakyrelu(0.2))},
                 {"Dense(3 => 2, hardtanh(-2, 0.5))", Dense(3, 2, hardtanh(-2, 0.5))}},
      .digest = "07158cd012263f09"};
});

}  // namespace
}  // namespace luxtorch::testing
