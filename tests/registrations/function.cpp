// Functions as layers.
#include "luxtorch/layers/function.h"

#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_no_op_layer(+[] {
  auto x = input({4, 5, 3});
  return LayerRegistration{
      .name = "NoOpLayer",
      .rows = {row("NoOpLayer", NoOpLayer(), x, {0, 0}),
               row("NoOpLayerOfATuple", NoOpLayer(), tuple({x, input({4, 2}, 1)}), {0, 0})},
      .golden_in = "layers/embedding_golden_test.cpp",
      .no_comparison = "it gives its input",
      .digest = "1861bf1d032ff6c1"};
});

const Registration registered_wrapped_function(+[] {
  auto x = input({4, 5, 3});
  return LayerRegistration{
      .name = "WrappedFunction",
      .rows = {row("WrappedFunction",
                   WrappedFunction("sine", [](const Tensor& t) { return t.sin(); }), x, {0, 0}),
               row("WrappedFunctionOfTwo",
                   WrappedFunction([](const Tensor& a, const Tensor& b) { return a * b; }),
                   tuple({x, input({4, 5, 3}, 1)}), {0, 0})},
      .golden_in = "layers/containers_golden_test.cpp",
      .no_comparison = "torch.nn has no such module",
      .digest = "1861bf1d032ff6c1"};
});

}  // namespace
}  // namespace luxtorch::testing
