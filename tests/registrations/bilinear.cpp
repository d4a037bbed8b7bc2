// Bilinear.
#include "luxtorch/layers/bilinear.h"

#include "support/registration.h"

namespace luxtorch::testing {
namespace {

const Registration registered_bilinear(+[] {
  Tree x1 = input({4, 2}), x2 = input({4, 3}, 1);
  auto of = [](const Bilinear& layer, const Tree& x) {
    return [=] {
      auto [ps, st] = setup(Rng(0), layer);
      (void)apply<Tree>(layer, x, ps, st);
    };
  };
  return LayerRegistration{
      .name = "Bilinear",
      .rows = {row("Bilinear", Bilinear(2, 3, 4, tanh), tuple({x1, x2}), {28, 0}),
               row("BilinearNoBias", Bilinear(2, 3, 4, {.use_bias = false}), tuple({x1, x2}),
                   {24, 0}),
               row("BilinearOfSequences", Bilinear(2, 3, 1),
                   tuple({input({4, 5, 2}), input({4, 5, 3}, 1)}), {7, 0}),
               row("BilinearOfOneInput", Bilinear(3, 3, 2, gelu), input({4, 3}), {20, 0}),
               without_rows(row("BilinearOfVectors", Bilinear(2, 3, 4),
                                tuple({input({2}), input({3}, 1)}), {28, 0}))},
      .golden = {{"pair", Bilinear(3, 2, 4, tanh)},
                 {"sequence", Bilinear(2, 3, 4, {.use_bias = false})},
                 {"twice", Bilinear(3, 3, 2)}},
      .compared = [] { return Bilinear(32, 32, 10); },
      .refusals =
          {refuses<ArgumentError>("[Bilinear] expected in1_dims of at least 1, got 0.",
                                  [] { Bilinear(0, 3, 4); }),
           refuses<ArgumentError>("[Bilinear] expected in2_dims of at least 1, got -1.",
                                  [] { Bilinear(2, -1, 4); }),
           refuses<ArgumentError>("[Bilinear] expected out_dims of at least 1, got 0.",
                                  [] { Bilinear(2, 3, 0); }),
           refuses<ShapeError>("[Bilinear] expected (x1, x2) of shapes (..., 2) and (..., 3) with "
                               "equal leading sizes, got (4, 3) and (4, 2).",
                               of(Bilinear(2, 3, 4), tuple({x2, x1}))),
           refuses<ShapeError>("[Bilinear] expected (x1, x2) of shapes (..., 2) and (..., 3) with "
                               "equal leading sizes, got (4, 2) and (1, 3).",
                               of(Bilinear(2, 3, 4), tuple({x1, x2.tensor().narrow(0, 0, 1)}))),
           refuses<ShapeError>("[Bilinear] expected (x1, x2) of shapes (..., 2) and (..., 3) with "
                               "equal leading sizes, got (4, 2) and (4, 2).",
                               of(Bilinear(2, 3, 4), x1)),
           refuses<ShapeError>("[Bilinear] expected x2 of dtype float32 like the parameters, got "
                               "float64. Convert one of them: x2.to(...) or tree::to(ps, ...).",
                               of(Bilinear(2, 3, 4), tuple({x1, x2.tensor().to(kFloat64)})))},
      .labels = {{"Bilinear((2, 3) => 4, tanh)", Bilinear(2, 3, 4, tanh)},
                 {"Bilinear((2, 3) => 4, use_bias=false)", Bilinear(2, 3, 4, {.use_bias = false})}},
      .digest = "ae4255aaf3c09d0f"};
});

}  // namespace
}  // namespace luxtorch::testing
