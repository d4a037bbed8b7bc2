// LayerNorm.
#include "luxtorch/layers/layer_norm.h"

#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_layer_norm(+[] {
  auto call = [](const LayerNorm& layer, const Tensor& x) {
    return [=] {
      auto [ps, st] = setup(Rng(0), layer);
      (void)apply(layer, x, ps, st);
    };
  };
  auto x = input({4, 5});
  return LayerRegistration{
      .name = "LayerNorm",
      .rows = {row("LayerNorm", LayerNorm(5, tanh), x, {10, 0}),
               row("LayerNormOfAnImage", LayerNorm({3, 2}, {.epsilon = 1e-2}), input({4, 2, 3, 2}),
                   {12, 0}),
               row("LayerNormNotAffine", LayerNorm(5, {.affine = false}), x, {0, 0}),
               row("LayerNormNoBias", LayerNorm(5, {.use_bias = false}), x, {5, 0}),
               row("LayerNormOfChannels", LayerNorm({2, 3}, gelu, {.epsilon = 0.1, .dims = {-2}}),
                   input({4, 2, 3}), {12, 0}),
               without_rows(
                   row("LayerNormOverTheBatch", LayerNorm(5, {.dims = {0, 1}}), x, {10, 0}))},
      .golden = {{"matrix", LayerNorm(5, tanh)},
                 {"image", LayerNorm({3, 2}, {.epsilon = 1e-2})},
                 {"vector", LayerNorm(5)},
                 {"plain", LayerNorm(4, {.affine = false})},
                 {"no_bias", LayerNorm(5, {.use_bias = false})},
                 {"all", LayerNorm(5, {.dims = {0, 1}})}},
      .compared = [] { return LayerNorm(64); },
      .refusals =
          {refuses<ArgumentError>("[LayerNorm] expected shape of at least one size, got none.",
                                  [] { LayerNorm(std::vector<int64_t>{}); }),
           refuses<ArgumentError>("[LayerNorm] expected sizes in shape of at least 1, got 0.",
                                  [] { LayerNorm({4, 0}); }),
           refuses<ArgumentError>("[LayerNorm] expected .epsilon of at least 0, got -1.",
                                  [] { LayerNorm(4, {.epsilon = -1}); }),
           refuses<ShapeError>("[LayerNorm] expected x of shape (..., 4, 5), got (3, 5, 4).",
                               call(LayerNorm({4, 5}), input({3, 5, 4}).tensor())),
           refuses<ShapeError>("[LayerNorm] expected x of shape (..., 4, 5), got (5,).",
                               call(LayerNorm({4, 5}), input({5}).tensor())),
           refuses<ArgumentError>(
               "[LayerNorm] expected .dims that differ, within x of shape (4, 5), got (0, 2).",
               call(LayerNorm(5, {.dims = {0, 2}}), x.tensor())),
           refuses<ArgumentError>(
               "[LayerNorm] expected .dims that differ, within x of shape (4, 5), got (1, -1).",
               call(LayerNorm(5, {.dims = {1, -1}}), x.tensor())),
           refuses<ShapeError>(
               "[LayerNorm] expected x of dtype float32 like the parameters, got float64. Convert "
               "one of them: x.to(...) or tree::to(ps, ...).",
               call(LayerNorm(5), x.tensor().to(kFloat64))),
           refuses<ShapeError>(
               "[LayerNorm] expected x of dtype float32 like the parameters, got int64. Convert "
               "one of them: x.to(...) or tree::to(ps, ...).",
               call(LayerNorm(5), x.tensor().to(kInt64))),
           refuses<ShapeError>("[LayerNorm] expected x of a floating dtype, got int64.",
                               call(LayerNorm(5, {.affine = false}), x.tensor().to(kInt64)))},
      .labels = {{"LayerNorm((4, 5), relu)", LayerNorm({4, 5}, relu)},
                 {"LayerNorm((5,), use_bias=false)", LayerNorm(5, {.use_bias = false})},
                 {"LayerNorm((64,), affine=false, dims=(0, -1))",
                  LayerNorm(64, {.dims = {0, -1}, .affine = false})}},
      .digest = "72d8669bd9994e36"};
});

}  // namespace
}  // namespace luxtorch::testing
