// The recurrent operators under torch's transforms: forward-mode derivatives and vmap.
#include <ATen/functorch/BatchedTensorImpl.h>
#include <ATen/functorch/DynamicLayer.h>
#include <ATen/ops/_make_dual.h>
#include <ATen/ops/_unpack_dual.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/forward_grad.h>

#include "luxtorch/autodiff/grad.h"
#include "ops/recurrent_kinds.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

constexpr RecurrentSizes kTransformed{.batch = 3, .time = 4, .in = 2, .out = 3};

struct InputCase {
  std::string name;
  Tensor x;
  ops::SequenceOptions options;
};
std::vector<InputCase> cases() {
  auto x = random::normal(Rng(5), {kTransformed.batch, kTransformed.time, kTransformed.in}, 0, 0.7,
                          kFloat64);
  return {{"lengths", x, {.lengths = tensor({2, 0, 4})}},
          {"lengths reversed", x, {.reverse = true, .lengths = tensor({3, 1, 0})}},
          {"tokens",
           tensor({0, 1, 1, 0, 1, 1, 0, 0, 0, 0, 1, 0})
               .reshape({kTransformed.batch, kTransformed.time}),
           {}}};
}

Tree run(const RecurrentKind& kind, const Tensor& x, const Tree& t,
         const ops::SequenceOptions& options) {
  return recurrent_output(
      kind.sequence(x, {t["h"].tensor(), t["c"].tensor()}, recurrent_weights(t), options));
}

TEST(RecurrentTransforms, ForwardModeAgreesWithFiniteDifferences) {
  for (const auto& kind : recurrent_kinds()) {
    for (const auto& [name, x, options] : cases()) {
      SCOPED_TRACE(kind.name + ", " + name);
      auto at =
          recurrent_inputs(kind.gates, true, kTransformed.batch, kTransformed.in, kTransformed.out);
      uint64_t i = 0;
      auto direction = tree::map_tensors(
          [&](const Tensor& t) { return random::normal(Rng(50 + i++), t.sizes(), 0, 1, kFloat64); },
          at);
      auto move = [&](double by) {
        return tree::zip(
            [&](const Tree& a, const Tree& d) { return Tree(a.tensor() + d.tensor() * by); }, at,
            direction);
      };
      constexpr double kStep = 1e-6;
      auto ahead = run(kind, x, move(kStep), options)[0].tensor();
      auto back = run(kind, x, move(-kStep), options)[0].tensor();

      auto level = torch::autograd::ForwardADLevel::get_next_idx();
      auto duals = tree::zip(
          [&](const Tree& a, const Tree& d) {
            return Tree(at::_make_dual(a.tensor(), d.tensor(), static_cast<int64_t>(level)));
          },
          at, direction);
      auto y = run(kind, x, duals, options)[0].tensor();
      auto tangent = std::get<1>(at::_unpack_dual(y, static_cast<int64_t>(level)));
      torch::autograd::ForwardADLevel::release_idx(level);
      ASSERT_TRUE(tangent.defined());
      EXPECT_CLOSE(tangent, (ahead - back) / (2 * kStep), 1e-7);
    }
  }
}

TEST(RecurrentTransforms, VmapOverModelsIsTheLoopOverThem) {
  constexpr int64_t kModels = 3;
  for (const auto& kind : recurrent_kinds()) {
    for (const auto& [name, x, options] : cases()) {
      SCOPED_TRACE(kind.name + ", " + name);
      auto one =
          recurrent_inputs(kind.gates, true, kTransformed.batch, kTransformed.in, kTransformed.out);
      auto many =
          tree::map_tensors([&](const Tensor& t) { return stack({t, t * 0.5, t * -1.5}); }, one);
      auto level = at::functorch::initAndPushDynamicLayer(
          at::functorch::TransformType::Vmap, kModels, at::functorch::RandomnessType::Error);
      auto mapped = tree::map_tensors(
          [&](const Tensor& t) { return at::functorch::makeBatched(t, 0, level); }, many);
      auto out = run(kind, x, mapped, options);
      auto unwrap = [&](const Tensor& t) {
        auto* batched = at::functorch::maybeGetBatchedImpl(t);
        return batched->value().movedim(batched->bdim(), 0);
      };
      auto all = tree::map_tensors(unwrap, out);
      at::functorch::popDynamicLayerAndDeleteMetadata();
      for (int64_t m = 0; m < kModels; ++m) {
        auto take = [&](const Tree& t) {
          return tree::map_tensors([&](const Tensor& leaf) { return leaf.select(0, m); }, t);
        };
        EXPECT_TREES_CLOSE(take(all), run(kind, x, take(many), options), kPlainFloat64);
      }
    }
  }
}

}  // namespace
}  // namespace luxtorch::testing
