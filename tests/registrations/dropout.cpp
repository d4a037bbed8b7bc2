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
               row("DropoutOfNothing", Dropout(0), x, {0, 2}),
               row("DropoutOfEverything", Dropout(1), x, {0, 2})},
      .no_golden = "its draws are not those of PyTorch",
      .compared_in = "cases/layers.cpp",
      .digest = "03c592cf2ad6ae87"};
});

const Registration registered_alpha_dropout(+[] {
  return LayerRegistration{
      .name = "AlphaDropout",
      .rows = {row("AlphaDropout", AlphaDropout(0.3), input({4, 3}), {0, 2}),
               row("AlphaDropoutOfEverything", AlphaDropout(1), input({4, 3}), {0, 2})},
      .no_golden = "its draws are not those of PyTorch",
      .no_comparison = "as Dropout, whose case it would repeat",
      .refusals = {refuses<ArgumentError>(
                       "[AlphaDropout] expected a probability from 0 to 1, got -0.5.",
                       [] { AlphaDropout(-0.5); }),
                   refuses<ShapeError>("[AlphaDropout] expected x of a floating dtype, got int64.",
                                       [] {
                                         AlphaDropout layer(0.5);
                                         (void)apply(layer, input({2}).tensor().to(kInt64), Tree(),
                                                     setup(Rng(0), layer).second);
                                       })},
      .labels = {{"AlphaDropout(0.5)", AlphaDropout(0.5)}},
      .digest = "1f9f627562209232"};
});

const Registration registered_drop_path(+[] {
  auto call = [](const Tensor& x) {
    return [=] {
      DropPath layer(0.5);
      (void)apply(layer, x, Tree(), setup(Rng(0), layer).second);
    };
  };
  return LayerRegistration{
      .name = "DropPath",
      .rows = {row("DropPath", DropPath(0.5), input({4, 3, 2}), {0, 2})},
      .no_golden = "torch.nn has no such module",
      .no_comparison = "torch.nn has no such module",
      .refusals = {refuses<ArgumentError>("[DropPath] expected a probability from 0 to 1, got 2.",
                                          [] { DropPath(2); }),
                   refuses<ShapeError>("[DropPath] expected x of a floating dtype, got int64.",
                                       call(input({2}).tensor().to(kInt64))),
                   refuses<ShapeError>("[DropPath] expected x of shape (batch, ...), got ().",
                                       call(input({}).tensor()))},
      .labels = {{"DropPath(0.2)", DropPath(0.2)}},
      .digest = "679b8b3366c800f6"};
});

const Registration registered_variational_hidden_dropout(+[] {
  auto x = input({4, 3});
  auto twice = [](VariationalHiddenDropoutOptions options, const Tree& first,
                  const Tensor& second) {
    return [=] {
      const VariationalHiddenDropout layer(0.5, options);
      const Tree st = setup(Rng(0), layer).second;
      (void)apply(layer, second, Tree(), apply(layer, first.tensor(), Tree(), st).second);
    };
  };
  return LayerRegistration{
      .name = "VariationalHiddenDropout",
      .rows = {row("VariationalHiddenDropout", VariationalHiddenDropout(0.3), x, {0, 4}),
               row("VariationalHiddenDropoutOfFeatures",
                   VariationalHiddenDropout(0.5, {.dims = {-1}}), input({4, 5, 3}), {0, 4}),
               row("VariationalHiddenDropoutOfNothing", VariationalHiddenDropout(0), x, {0, 4}),
               row("VariationalHiddenDropoutOfEverything", VariationalHiddenDropout(1), x, {0, 4})},
      .no_golden = "torch.nn has no such module",
      .no_comparison = "torch.nn has no such module",
      .refusals =
          {refuses<ArgumentError>(
               "[VariationalHiddenDropout] expected a probability from 0 to 1, got -1.",
               [] { VariationalHiddenDropout(-1); }),
           refuses<ShapeError>(
               "[VariationalHiddenDropout] expected x of a floating dtype, got int64.",
               twice({}, input({2}).tensor().to(kInt64), input({2}).tensor())),
           refuses<ArgumentError>(
               "[VariationalHiddenDropout] expected .dims within x of shape (4, 3), got 2.",
               twice({.dims = {2}}, x, x.tensor())),
           refuses<ShapeError>(
               "[VariationalHiddenDropout] expected x that fits the kept mask of shape (4, 3), got "
               "(3, 3). update_state(st, \"update_mask\", true) draws another mask.",
               twice({}, x, x.tensor().narrow(0, 0, 3)))},
      .labels = {{"VariationalHiddenDropout(0.5, dims=(1))",
                  VariationalHiddenDropout(0.5, {.dims = {1}})}},
      .digest = "8cbc0ed42d17dcfd"};
});

}  // namespace
}  // namespace luxtorch::testing
