// The ResNet-20 of the tutorial images, made in Python: the same logits, gradients, statistics and state dict here.
#include "images/models.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/functions.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/interop/state_dict.h"
#include "luxtorch/losses/loss.h"
#include "support/compare.h"
#include "support/golden.h"

namespace luxtorch::testing {
namespace {

// The numbers of values(*shape, seed, scale, shift) in tools/golden/generate.py, in the same operations.
Tensor formula(const Shape& shape, int64_t seed, double scale = 1, double shift = 0) {
  auto k = arange(zeros(shape).numel(), {.dtype = kInt64}).to(kFloat64) + 1;
  auto angle = k * 1.7 + static_cast<double>(seed) * 0.61 + k * 0.003 * k;
  return (angle.sin() * scale + shift).reshape(ShapeView(shape));
}

struct Resnet20Golden : ::testing::Test {
  Tree golden = load_golden("resnet20");
  Layer model = make_model("resnet20", 3, 5);
  Tree state = state_dict();
  Tensor x = formula({3, 3, 32, 32}, 100), labels = golden["labels"].tensor();

  Tree state_dict() const {
    std::vector<Tree::Item> items;
    int64_t seed = 0;
    for (const auto& entry : golden["state"].elements()) {
      auto name = entry["name"].scalar<std::string>();
      Shape shape;
      for (const auto& size : entry["shape"].elements()) shape.push_back(size.scalar<int64_t>());
      items.emplace_back(name, name.ends_with("num_batches_tracked")
                                   ? zeros({}, {.dtype = kInt64})
                                   : formula(shape, seed, entry["scale"].scalar<double>(),
                                             entry["shift"].scalar<double>()));
      ++seed;
    }
    return tree::nest(items);
  }
};

TEST_F(Resnet20Golden, LoadedItGivesTheLogitsOfPython) {
  auto [ps, st] = from_torch(model, state);
  EXPECT_CLOSE(predict<Tensor>(model, x, ps, st), golden["y"].tensor(), kGoldenFloat64);
  auto [ps_32, st_32] = from_torch(model, tree::to(state, kFloat32));
  EXPECT_CLOSE(predict<Tensor>(model, x.to(kFloat32), ps_32, st_32),
               golden["y"].tensor().to(kFloat32), kGoldenFloat32);
}

TEST_F(Resnet20Golden, TheWayBackGivesTheStateDictAgain) {
  auto [ps, st] = from_torch(model, state);
  EXPECT_SAME(to_torch(model, ps, st), state);
}

TEST_F(Resnet20Golden, AStepOfTrainingGivesTheGradientsAndStatisticsOfPython) {
  auto [ps, st] = from_torch(model, state);
  const Tree& expected = golden["training"];
  Tensor y;
  auto [loss, grads, st_new] = value_and_grad(
      [&](const Tree& ps) {
        auto [logits, st_new] = apply<Tensor>(model, x, ps, st);
        y = logits.detach();
        return std::pair{CrossEntropyLoss{.logits = true}(logits, labels), st_new};
      },
      ps);
  EXPECT_CLOSE(y, expected["y"].tensor(), kGoldenFloat64);
  const Tree in_torch = to_torch(model, grads, st_new);
  for (const auto& entry : expected["gradients"].elements()) {
    auto name = entry["name"].scalar<std::string>();
    SCOPED_TRACE(name);
    const Tensor& gradient = in_torch.at(name).tensor();
    const double norm = entry["norm"].scalar<double>();
    EXPECT_NEAR(gradient.norm().item<double>(), norm, kGoldenFloat64 * norm);
    EXPECT_LE((gradient.flatten().narrow(0, 0, 4) - entry["first"].tensor()).norm().item<double>(),
              kGoldenFloat64 * norm);
  }
  tree::for_each(
      [&](const std::string& path, const Tree& statistic) {
        SCOPED_TRACE(path);
        EXPECT_CLOSE(in_torch.at(path).tensor(), statistic.tensor(), kGoldenFloat64);
      },
      expected["statistics"]);
}

}  // namespace
}  // namespace luxtorch::testing
