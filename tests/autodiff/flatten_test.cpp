#include "luxtorch/autodiff/flatten.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "autodiff/float64.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "support/compare.h"
#include "support/error_text.h"

namespace luxtorch::testing {
namespace {

using ::testing::HasSubstr;

Tree mixed_parameters() {
  return named({{"w", arange(6, {.dtype = kFloat64}).reshape({2, 3}).t()},
                {"n", 3},
                {"rest", tuple({numbers({7, 8}), Tree(), numbers({9}).squeeze()})}});
}

TEST(Flatten, PutsTensorsEndToEndInTheTreesOrder) {
  EXPECT_CLOSE(flatten(mixed_parameters()).flat, numbers({0, 3, 1, 4, 2, 5, 7, 8, 9}), 0);
}

TEST(Flatten, RebuildGivesTheTreeBack) {
  const auto [flat, rebuild] = flatten(mixed_parameters());
  EXPECT_TRUE(tree::equal(rebuild(flat), mixed_parameters()));
  const Tree doubled = rebuild(flat * 2);
  EXPECT_CLOSE(doubled["w"].tensor(), mixed_parameters()["w"].tensor() * 2, 0);
  EXPECT_EQ(doubled["n"].scalar<int64_t>(), 3);
}

TEST(Flatten, RebuildIsDifferentiableAndMapsOverVectors) {
  const auto flattened = flatten(mixed_parameters());
  const auto& rebuild = flattened.rebuild;
  auto f = [&](const Tensor& v) {
    const Tree ps = rebuild(v);
    return (ps["w"].tensor().pow(2).sum() + ps["rest"][0].tensor().sum() * ps["rest"][2].tensor());
  };
  const Tensor slope = numbers({0, 6, 2, 8, 4, 10, 9, 9, 15});
  EXPECT_CLOSE(grad(f)(flattened.flat), slope, 1e-12);
  EXPECT_CLOSE(vmap(grad(f))(stack({flattened.flat, flattened.flat}))[1], slope, 1e-12);
}

TEST(Flatten, RefusesMixedKindsAndVectorsOfAnotherLength) {
  EXPECT_THAT(text_of([] { flatten(named({{"a", zeros({2})}, {"b", numbers({1})}})); }),
              HasSubstr("[flatten] at b: expected tensors of one dtype"));
  EXPECT_THAT(text_of([] { flatten(named({{"n", 1}})); }), HasSubstr("a floating tensor"));
  const auto rebuild = flatten(mixed_parameters()).rebuild;
  EXPECT_THAT(text_of([&] { rebuild(zeros({9})); }), HasSubstr("a float64 vector of shape (9,)"));
  EXPECT_THAT(text_of([&] { rebuild(numbers({1, 2})); }), HasSubstr("shape (2,)"));
}

}  // namespace
}  // namespace luxtorch::testing
