// What functional() refuses, and how it says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/container/any.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include "interop/torch_module_cases.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/torch_module.h"
#include "luxtorch/layers/containers.h"
#include "luxtorch/layers/dense.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

TEST(FunctionalErrors, ListMissingUnexpectedAndMisshapedNamesTogether) {
  auto layer = functional(nn::Sequential(nn::Linear(3, 4), nn::Linear(4, 2)));
  auto [ps, st] = setup(Rng(0), layer);
  auto wrong = ps.without("0.bias").with("1.weight", zeros({2, 5})).with("1.scale", zeros({1}));
  auto text = message([&] { layer(ones({5, 3}), wrong, st); });
  EXPECT_THAT(text, HasSubstr("missing 0.bias"));
  EXPECT_THAT(text, HasSubstr("1.weight of shape (2, 5) in place of (2, 4)"));
  EXPECT_THAT(text, HasSubstr("unexpected 1.scale"));
  EXPECT_THROW(layer(ones({5, 3}), wrong, st), TreeError);
  EXPECT_THROW(layer(ones({5, 3}), Tree(), st), TreeError);
  EXPECT_THAT(message([&] { layer(ones({5, 3}), ps, named({})); }), HasSubstr("missing training"));
  EXPECT_THAT(message([&] { layer(ones({5, 3}), ps, st.with("more", 1)); }),
              HasSubstr("unexpected more"));
}

TEST(FunctionalErrors, TakeParametersInAnyOrder) {
  auto layer = functional(nn::Linear(3, 4));
  auto [ps, st] = setup(Rng(0), layer);
  auto turned = named({{"bias", ps["bias"]}, {"weight", ps["weight"]}});
  EXPECT_SAME(layer(ones({5, 3}), turned, st).first, layer(ones({5, 3}), ps, st).first);
}

TEST(FunctionalErrors, SayWhereTorchComplains) {
  Layer model = Chain(functional(nn::Linear(3, 4)), functional(nn::Linear(5, 2)));
  auto [ps, st] = setup(Rng(0), model);
  auto text = message([&] { model(ones({6, 3}), ps, st); });
  EXPECT_THAT(text, HasSubstr("layer_2"));
  EXPECT_THAT(text, HasSubstr("mat1 and mat2"));
}

TEST(FunctionalErrors, RefuseTensorsWithoutNumbersWithASentence) {
  Layer model = Chain(Dense(2, 3), functional(nn::Linear(3, 4)));
  EXPECT_ERROR(
      UnsupportedError, outputsize(model, {5, 2}),
      "[FunctionalModule] at layer_2: expected tensors with numbers, which a torch::nn "
      "module needs, got some on the meta device. Use summary(model, ps, st, x), or call it "
      "in a layer with a member Shape output_size(Shape x) const.");
  auto [ps, st] = setup(Rng(0), model);
  EXPECT_EQ(summary(model, ps, st, ones({5, 2})).rows[2].output, "(5, 4)");
}

TEST(FunctionalErrors, AnExceptionLeavesTheLayerUsable) {
  auto layer = functional(nn::Linear(3, 4));
  auto [initial, st] = setup(Rng(0), layer);
  auto ps = leaves_with_gradients(initial);
  auto expected = layer(ones({2, 3}), initial, st).first;
  EXPECT_THROW(layer(ones({2, 7}), ps, st), TorchError);
  EXPECT_THAT(
      message([&] { layer(ones({2, 7}), ps, st); }),
      AllOf(HasSubstr("torch::nn::Linear"), HasSubstr("mat1 and mat2"), Not(HasSubstr("frame #"))));
  EXPECT_EQ(ps["weight"].tensor().storage().use_count(), 1u);
  EXPECT_SAME(layer(ones({2, 3}), initial, st).first, expected);
}

TEST(FunctionalErrors, RefuseInputsThatTheModuleDoesNotTake) {
  auto layer = functional(nn::Linear(3, 4));
  auto [ps, st] = setup(Rng(0), layer);
  EXPECT_THAT(message([&] { layer(tuple({ones({2, 3}), ones({2, 3})}), ps, st); }),
              HasSubstr("got a tuple of 2"));
  EXPECT_THAT(message([&] { layer(Tree(1), ps, st); }), HasSubstr("torch::nn::Linear"));
  EXPECT_THROW(functional(nn::Linear(nullptr)), ArgumentError);
  EXPECT_THROW(functional(nn::AnyModule()), ArgumentError);
}

TEST(FunctionalErrors, RefuseABufferNamedTraining) {
  struct OddImpl : nn::Module {
    OddImpl() { register_buffer("training", zeros({1})); }
    Tensor forward(const Tensor& x) { return x; }
  };
  EXPECT_THROW(functional(std::make_shared<OddImpl>()), ArgumentError);
}

}  // namespace
}  // namespace luxtorch
