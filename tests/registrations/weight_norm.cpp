// WeightNorm.
#include "luxtorch/layers/weight_norm.h"

#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/conv.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/recurrent.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_weight_norm(+[] {
  auto x = input({4, 3});
  auto of = [](const Layer& layer, std::vector<std::string> names,
               std::vector<int64_t> dims = {0}) {
    return [=] { WeightNorm(layer, names, {.dims = dims}); };
  };
  auto without_digest = [](std::string name, WeightNorm layer, const Tree& at, Counts counts) {
    return with_normals(row(std::move(name), std::move(layer), at, counts));
  };
  return LayerRegistration{
      .name = "WeightNorm",
      // Without a digest: the norms' last bits depend on the vector instructions that sum them up.
      .rows =
          {without_digest("WeightNorm", WeightNorm(Dense(3, 4, tanh), {"weight"}), x, {20, 0}),
           without_digest("WeightNormOfInputs", WeightNorm(Dense(3, 4), {"weight"}, {.dims = {-1}}),
                          x, {19, 0}),
           without_digest("WeightNormOfWholeArrays",
                          WeightNorm(Dense(3, 4), {"weight", "bias"}, {.dims = {}}), x, {18, 0}),
           without_digest("WeightNormOfBoth", WeightNorm(Dense(3, 4), {"bias", "weight"}), x,
                          {24, 0}),
           without_digest("WeightNormOfAConvolution",
                          WeightNorm(Conv({2, 3}, 2, 3, {.cross_correlation = false}), {"weight"}),
                          input({4, 2, 3, 4}), {42, 0}),
           without_digest("WeightNormOfACell",
                          WeightNorm(GRUCell(3, 2), {"weight_ih", "weight_hh"}), x, {54, 1}),
           without_digest("WeightNormWithStates", WeightNorm(BatchNorm(3), {"scale"}), x, {9, 7})},
      .golden = {{"linear", WeightNorm(Dense(3, 4, tanh), {"weight"})},
                 {"inputs",
                  WeightNorm(Dense(3, 4, {.use_bias = false}), {"weight"}, {.dims = {1}})},
                 {"whole", WeightNorm(Dense(3, 4), {"weight"}, {.dims = {}})},
                 {"conv", WeightNorm(Conv({3, 2}, 2, 4), {"weight"})},
                 {"transposed", WeightNorm(ConvTranspose({3}, 2, 3), {"weight"})},
                 {"both", WeightNorm(Dense(3, 4), {"weight", "bias"}, {.dims = {}})}},
      .no_comparison = "its time is that of the layer inside and of a few operators on a weight",
      .refusals =
          {refuses<ArgumentError>("[WeightNorm] expected the name of a parameter, got none.",
                                  of(Dense(3, 4), {})),
           refuses<ArgumentError>("[WeightNorm] expected different names, got weight twice.",
                                  of(Dense(3, 4), {"weight", "weight"})),
           refuses<ArgumentError>("[WeightNorm] expected the name of a parameter of Dense(3 => 4), "
                                  "which has weight, bias, got kernel.",
                                  of(Dense(3, 4), {"kernel"})),
           refuses<ArgumentError>(
               "[WeightNorm] expected the name of a parameter of Chain, which has "
               "none of its own, got layer_1.",
               of(Chain(Dense(3, 4)), {"layer_1"})),
           refuses<ArgumentError>(
               "[WeightNorm] expected dimensions of bias, which has the shape (4,), "
               "got 1.",
               of(Dense(3, 4), {"weight", "bias"}, {1})),
           refuses<ArgumentError>(
               "[WeightNorm] expected the initialiser of bias to give norms above "
               "0, got 0 among them.",
               [] {
                 (void)setup(Rng(0), WeightNorm(Dense(3, 4, {.init_bias = init::zeros}), {"bias"},
                                                {.dims = {}}));
               })},
      .labels = {{"WeightNorm(weight)", WeightNorm(Dense(3, 4), {"weight"})},
                 {"WeightNorm(weight, bias, dims=(-1))",
                  WeightNorm(Dense(3, 4), {"weight", "bias"}, {.dims = {-1}})}},
      .digest = "e3b0c44298fc1c14"};  // of nothing
});

}  // namespace
}  // namespace luxtorch::testing
