#include "luxtorch/layers/function.h"

#include <gtest/gtest.h>

#include "luxtorch/core/ops.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/parallel.h"
#include "luxtorch/ops/activation.h"
#include "support/compare.h"
#include "support/tensor_functions.h"
#include "support/tiny_layers.h"

namespace luxtorch::testing {
namespace {

TEST(NoOpLayer, GivesWhateverItIsGiven) {
  NoOpLayer layer;
  for (const Tree& x : {Tree(ones({2})), tuple({ones({2}), 3}), named({{"a", "b"}}), Tree()})
    EXPECT_SAME(apply(layer, x, kNone, kNone).first, x);
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_SAME(tuple({ps, st}), tuple({kNone, kNone}));
  EXPECT_EQ(show(layer), "NoOpLayer()");
}

TEST(NoOpLayer, LetsAPartOfATupleBy) {
  Parallel model(nullptr, [](const Tensor& x) { return x * 2; }, NoOpLayer());
  auto [ps, st] = setup(Rng(0), model);
  auto x = tuple({ones({2}), tensor({3, 4})});
  EXPECT_SAME(apply(model, x, ps, st).first, tuple({full({2}, 2), tensor({3, 4})}));
}

TEST(WrappedFunction, CallsAFunctionOfATensorAsALayer) {
  WrappedFunction layer([](const Tensor& x) { return x + 1; });
  auto [y, st] = layer(ones({2}), kNone, kNone);
  EXPECT_SAME(y, full({2}, 2));
  EXPECT_SAME(st, kNone);
  EXPECT_SAME(apply<Tensor>(Layer(layer), ones({2}), kNone, kNone).first, y);
}

TEST(WrappedFunction, CallsAFunctionOfSeveralTensorsOrOfATree) {
  auto one = ones({2}), ten = full({2}, 10);
  EXPECT_SAME(WrappedFunction(minus)(ten, one, kNone, kNone).first, full({2}, 9));
  EXPECT_SAME(apply<Tensor>(Chain(WrappedFunction(minus)), tuple({ten, one}),
                            named({{"layer_1", kNone}}), named({{"layer_1", kNone}}))
                  .first,
              full({2}, 9));
  WrappedFunction three(
      [](const Tensor& a, const Tensor& b, const Tensor& c) { return a + b + c; });
  EXPECT_SAME(apply<Tensor>(Layer(three), tuple({one, one, ten}), kNone, kNone).first,
              full({2}, 12));
  WrappedFunction four([](const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& d) {
    return std::pair{a + b, c + d};
  });
  EXPECT_SAME(apply(Layer(four), tuple({one, one, ten, ten}), kNone, kNone).first,
              tuple({full({2}, 2), full({2}, 20)}));
  WrappedFunction second([](const Tree& x) { return x["b"].tensor(); });
  EXPECT_SAME(apply<Tensor>(Layer(second), named({{"a", 1}, {"b", one}}), kNone, kNone).first, one);
}

TEST(WrappedFunction, TakesGenericFunctionsEverywhere) {
  auto layer = [](const auto& f) { return WrappedFunction(f); };
  Chain model(layer([](const auto& x) { return x * 2; }),
              SkipConnection(layer([](const auto& x) { return x + 1; }),
                             layer([](const auto& a, const auto& b) { return a - b; })));
  auto [ps, st] = setup(Rng(0), model);
  EXPECT_SAME(apply<Tensor>(model, ones({2}), ps, st).first, ones({2}));
}

TEST(WrappedFunction, IsPrintedWithItsName) {
  EXPECT_EQ(show(WrappedFunction("last step", [](const Tensor& x) { return x.select(1, -1); })),
            "WrappedFunction(last step)");
  EXPECT_EQ(show(WrappedFunction(relu)), "WrappedFunction(relu)");
  EXPECT_EQ(show(WrappedFunction(minus)), "WrappedFunction(Function)");
}

TEST(WrappedFunction, SaysWhereItWasGivenSomethingElse) {
  Chain model(field("head", WrappedFunction(minus)));
  auto [ps, st] = setup(Rng(0), model);
  EXPECT_ERROR(
      TreeError, apply(model, ones({2}), ps, st),
      "[WrappedFunction] at head: takes a tuple of 2 tensors, got a float32 tensor of shape "
      "(2,).");
}

}  // namespace
}  // namespace luxtorch::testing
