// Layers without parameters that move elements.
#include "luxtorch/layers/reshape.h"

#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_reshape_layer(+[] {
  auto x = input({4, 5, 3});
  return LayerRegistration{
      .name = "ReshapeLayer",
      .rows = {row("ReshapeLayer", ReshapeLayer({3, 1, 5}), x, {0, 0}),
               row("ReshapeLayerThatFindsASize", ReshapeLayer({-1, 5}), x, {0, 0})},
      .golden_in = "layers/containers_golden_test.cpp",
      .compared_in = "cases/layers.cpp",
      .digest = "1861bf1d032ff6c1"};
});

const Registration registered_flatten_layer(+[] {
  auto x = input({4, 5, 3});
  return LayerRegistration{
      .name = "FlattenLayer",
      .rows = {row("FlattenLayer", FlattenLayer(), x, {0, 0}),
               row("FlattenLayerOfTwo", FlattenLayer({.dims = 2}), input({4, 2, 3, 2}), {0, 0})},
      .golden_in = "layers/containers_golden_test.cpp",
      .compared_in = "cases/layers.cpp",
      .digest = "1861bf1d032ff6c1"};
});

const Registration registered_select_dim(+[] {
  auto x = input({4, 5, 3});
  auto of = [](const SelectDim& layer, const Tree& at) {
    return [=] { (void)apply(layer, at.tensor(), Tree(), Tree()); };
  };
  return LayerRegistration{
      .name = "SelectDim",
      .rows = {row("SelectDim", SelectDim(1, -1), x, {0, 0}),
               row("SelectDimOfFeatures", SelectDim(-1, 0), x, {0, 0}),
               row("SelectDimOfSeveral", SelectDim(1, {-1, 0, 2, -1}), x, {0, 0}),
               row("SelectDimOfAListOfOne", SelectDim(2, {1}), x, {0, 0})},
      .golden_in = "layers/containers_golden_test.cpp",
      .no_comparison = "torch.nn has no such module",
      .refusals = {refuses<ArgumentError>("[SelectDim] expected at least one index, got none.",
                                          [] { SelectDim(1, std::vector<int64_t>{}); }),
                   refuses<ShapeError>(
                       "[SelectDim] expected x with an index -6 in dimension 1, got (4, 5, 3).",
                       of(SelectDim(1, {0, -6}), x)),
                   refuses<ShapeError>(
                       "[SelectDim] expected x with an index 3 in dimension -1, got (4, 5, 3).",
                       of(SelectDim(-1, {3}), x)),
                   refuses<ShapeError>("[SelectDim] expected x with a dimension 3, got (4, 5, 3).",
                                       of(SelectDim(3, {0}), x))},
      .labels = {{"SelectDim(dim = 1, index = [0, -1])", SelectDim(1, {0, -1})},
                 {"SelectDim(dim = 1, index = [2])", SelectDim(1, {2})}},
      .digest = "2e3c46d356a8fc0e"};
});

const Registration registered_reverse_sequence(+[] {
  auto x = input({4, 5, 3});
  return LayerRegistration{
      .name = "ReverseSequence",
      .rows = {row("ReverseSequence", ReverseSequence(), x, {0, 0}),
               row("ReverseSequenceOfFeatures", ReverseSequence({.dim = -1}), x, {0, 0})},
      .golden_in = "layers/containers_golden_test.cpp",
      .no_comparison = "torch.nn has no such module",
      .digest = "1861bf1d032ff6c1"};
});

}  // namespace
}  // namespace luxtorch::testing
