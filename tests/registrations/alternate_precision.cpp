// AlternatePrecision.
#include "luxtorch/layers/alternate_precision.h"

#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/dropout.h"
#include "luxtorch/layers/norm.h"
#include "luxtorch/layers/recurrent.h"
#include "support/registration.h"

namespace luxtorch::testing {
namespace {

// Rows in float64, whose derivatives finite differences can see.
const Registration registered_alternate_precision(+[] {
  auto x = input({4, 3});
  return LayerRegistration{
      .name = "AlternatePrecision",
      .rows =
          {row("AlternatePrecision", AlternatePrecision(Dense(3, 2, tanh), kFloat64), x, {8, 0}),
           row("AlternatePrecisionInAChain",
               Chain(AlternatePrecision(Chain(Dense(3, 4), Dropout(0.4)), kFloat64), Dense(4, 2)),
               x, {26, 2}),
           without_rows(row("AlternatePrecisionWithStatistics",
                            AlternatePrecision(Chain(Dense(3, 4), BatchNorm(4, tanh)), kFloat64), x,
                            {24, 9})),
           row("AlternatePrecisionOfASequence",
               AlternatePrecision(Recurrence(LSTMCell(3, 2)), kFloat64), input({4, 5, 3}),
               {56, 1})},
      .golden_in = "layers/alternate_precision_test.cpp",
      .no_comparison = "torch.nn has no such module",
      .refusals = {refuses<ArgumentError>(
                       "[AlternatePrecision] expected a floating dtype, kFloat16, kBFloat16, "
                       "kFloat32 or kFloat64, got int64.",
                       [] { AlternatePrecision(Dense(3, 2), kInt64); }),
                   refuses<ArgumentError>(
                       "[mixed] expected kFloat16 or kBFloat16, got float32. AlternatePrecision "
                       "and tree::to take other floating dtypes.",
                       [] { (void)mixed(Dense(3, 2), kFloat32); }),
                   refuses<ArgumentError>("[to_half] expected kFloat16 or kBFloat16, got bool.",
                                          [] { (void)to_half(Dense(3, 2), named({}), kBool); })},
      .labels = {{"AlternatePrecision{Float16}", AlternatePrecision(Dense(3, 2), kFloat16)},
                 {"AlternatePrecision{BFloat16}", mixed(Dense(3, 2), kBFloat16)},
                 {"AlternatePrecision{Float32}", AlternatePrecision(Dense(3, 2), kFloat32)},
                 {"AlternatePrecision{Float64}", AlternatePrecision(Dense(3, 2), kFloat64)}},
      .digest = "2b7f61e436299d29"};
});

}  // namespace
}  // namespace luxtorch::testing
