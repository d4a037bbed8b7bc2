// Containers and utility layers compared with Python PyTorch: outputs and all gradients.
#include "layers/as_torch.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/layers/dense.h"
#include "luxtorch/layers/function.h"
#include "luxtorch/layers/parallel.h"
#include "luxtorch/layers/reshape.h"
#include "support/golden.h"

namespace luxtorch::testing {
namespace {

// The case of this name; x: what of the inputs the layer takes.
void expect_layer_as_torch(const char* name, const Layer& layer,
                           const std::function<Tree(const Tree& in)>& x) {
  static const Tree golden = load_golden("containers");
  SCOPED_TRACE(name);
  const auto& expected = golden[name];
  EXPECT_EQ(mismatches(layer.initial_parameters(Rng(0)), expected["inputs"]["ps"]), "");
  auto st = layer.initial_states(Rng(0));
  expect_as_torch(expected, [&](const Tree& in) -> std::pair<Tensor, Tree> {
    return {layer(x(in), in["ps"], st).first.tensor(), tuple({})};
  });
}
Tree only_x(const Tree& in) { return in["x"]; }

Tensor product(const Tensor& a, const Tensor& b) { return a * b; }

TEST(ContainersGolden, BranchLayer) {
  auto fuse = [](const Tensor& a, const Tensor& b, const Tensor& c) { return a * b + c; };
  expect_layer_as_torch(
      "branches", BranchLayer(Dense(4, 4, tanh), Dense(4, 4, tanh), Dense(4, 4, tanh)).fusion(fuse),
      only_x);
}

TEST(ContainersGolden, PairwiseFusion) {
  expect_layer_as_torch(
      "pairs", PairwiseFusion(product, Dense(4, 4, tanh), Dense(4, 4, tanh), Dense(4, 4, tanh)),
      [](const Tree& in) { return tuple({in["x1"], in["x2"], in["x3"], in["x4"]}); });
}

TEST(ContainersGolden, Maxout) {
  expect_layer_as_torch("greatest", Maxout([] { return Dense(4, 4); }, 3), only_x);
}

TEST(ContainersGolden, RepeatedLayer) {
  expect_layer_as_torch("again", RepeatedLayer(Dense(4, 4, tanh), {.repeats = 5}), only_x);
}

TEST(ContainersGolden, RepeatedLayerWithItsInputInjected) {
  struct DenseOfBoth {
    Dense dense;
    LUXTORCH_WRAPS(dense)
    Out<Tensor> operator()(const Tensor& y, const Tensor& x, const Tree& ps, const Tree& st) const {
      return dense(cat({y, x}, -1), ps, st);
    }
  };
  expect_layer_as_torch(
      "again_injected",
      RepeatedLayer(DenseOfBoth{Dense(8, 4, tanh)}, {.repeats = 4, .input_injection = true}),
      only_x);
}

TEST(ContainersGolden, ReshapingLayers) {
  Chain model(Dense(4, 12), ReshapeLayer({2, 6}), ReverseSequence(),
              WrappedFunction("transpose", [](const Tensor& x) { return x.transpose(1, 2); }),
              SelectDim(-1, -1), FlattenLayer());
  auto with_names = [](const Tree& ps) {
    std::vector<Tree::Item> parts{{"layer_1", ps}};
    for (int i = 2; i <= 6; ++i) parts.emplace_back("layer_" + std::to_string(i), named({}));
    return named(std::move(parts));
  };
  auto st = initial_states(model, Rng(0));
  expect_as_torch(load_golden("containers")["turned"],
                  [&](const Tree& in) -> std::pair<Tensor, Tree> {
                    return {model(in["x"], with_names(in["ps"]), st).first.tensor(), tuple({})};
                  });
}

}  // namespace
}  // namespace luxtorch::testing
