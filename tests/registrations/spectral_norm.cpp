// SpectralNorm.
#include "luxtorch/layers/spectral_norm.h"

#include "luxtorch/layers/conv.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/recurrent.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

// The layer in test mode, also where it is given states for training.
struct InTestMode {
  SpectralNorm layer;
  LUXTORCH_WRAPS(layer)
  Out<Tree> operator()(const Tree& x, const Tree& ps, const Tree& st) const {
    return {layer(x, ps, testmode(st)).first, st};
  }
};
CorpusRow in_test_mode(std::string name, SpectralNorm layer, const Tree& x, Counts counts) {
  return with_normals(not_reporting(row(std::move(name), InTestMode{std::move(layer)}, x, counts)));
}

const Registration registered_spectral_norm(+[] {
  auto x = input({4, 3});
  auto of = [](std::vector<std::string> names, SpectralNormOptions options = {}) {
    return [=] { SpectralNorm(Dense(3, 4), names, options); };
  };
  return LayerRegistration{
      .name = "SpectralNorm",
      // In training u and v are constants of derivatives though they depend on the weight, so that finite
      // differences give others, but where the weight is a number.
      .rows = {in_test_mode("SpectralNormInTestMode", SpectralNorm(Dense(3, 4, tanh), {"weight"}),
                            x, {16, 8}),
               with_normals(row("SpectralNorm", SpectralNorm(Dense(1, 1), {"weight"}),
                                input({4, 1}), {2, 3})),
               in_test_mode("SpectralNormOfAConvolution",
                            SpectralNorm(Conv({2, 3}, 2, 3), {"weight"}, {.iterations = 2}),
                            input({4, 2, 3, 4}), {39, 16}),
               in_test_mode("SpectralNormOfACell",
                            SpectralNorm(GRUCell(3, 2), {"weight_ih", "weight_hh"}), x, {42, 19})},
      .golden = {{"training", SpectralNorm(Dense(3, 4, tanh), {"weight"})},
                 {"test", SpectralNorm(Dense(3, 4), {"weight"})},
                 {"steps", SpectralNorm(Conv({3, 2}, 2, 4), {"weight"}, {.iterations = 3})},
                 {"transposed", SpectralNorm(ConvTranspose({3}, 2, 3), {"weight"})},
                 {"columns",
                  SpectralNorm(Dense(3, 4, {.use_bias = false}), {"weight"}, {.dim = -1})}},
      .no_comparison = "its time is that of the layer inside and of a few operators on a weight",
      .refusals = {refuses<ArgumentError>(
                       "[SpectralNorm] expected the name of a parameter, got none.", of({})),
                   refuses<ArgumentError>(
                       "[SpectralNorm] expected the name of a parameter of Dense(3 => 4), "
                       "which has weight, bias, got v.",
                       of({"v"})),
                   refuses<ArgumentError>(
                       "[SpectralNorm] expected a parameter of two dimensions or more, got "
                       "bias of shape (4,).",
                       of({"weight", "bias"})),
                   refuses<ArgumentError>(
                       "[SpectralNorm] expected dimensions of weight, which has the shape "
                       "(4, 3), got 2.",
                       of({"weight"}, {.dim = 2})),
                   refuses<ArgumentError>(
                       "[SpectralNorm] expected .iterations of at least 1, got 0.",
                       of({"weight"}, {.iterations = 0})),
                   refuses<ArgumentError>("[SpectralNorm] expected .epsilon above 0, got 0.",
                                          of({"weight"}, {.epsilon = 0})),
                   refuses<ShapeError>(
                       "[SpectralNorm] expected vectors of dtype float64 like the "
                       "parameters, got float32. Convert one of them: vectors.to(...) or "
                       "tree::to(ps, ...).",
                       [] {
                         const SpectralNorm layer(Dense(3, 4), {"weight"});
                         auto [ps, st] = setup(Rng(0), layer);
                         (void)layer(input({4, 3}), tree::to(ps, kFloat64), st);
                       })},
      .labels = {{"SpectralNorm(weight)", SpectralNorm(Dense(3, 4), {"weight"})},
                 {"SpectralNorm(weight, iterations=3)",
                  SpectralNorm(Dense(3, 4), {"weight"}, {.iterations = 3})}},
      .digest = "e3b0c44298fc1c14"};  // of nothing: all rows draw normals
});

}  // namespace
}  // namespace luxtorch::testing
