// What the losses promise beside their numbers, which loss_golden_test.cpp compares.
#include "luxtorch/losses/loss.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numbers>

#include "autodiff/float64.h"
#include "luxtorch/autodiff/grad.h"
#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch::testing {
namespace {

std::vector<std::pair<std::string, std::function<Tensor(const Tensor&, const Tensor&)>>>
all_losses() {
  return {{"BinaryCrossEntropyLoss", BinaryCrossEntropyLoss{}},
          {"CrossEntropyLoss", CrossEntropyLoss{}},
          {"BinaryFocalLoss", BinaryFocalLoss{}},
          {"FocalLoss", FocalLoss{}},
          {"KLDivergenceLoss", KLDivergenceLoss{}},
          {"MSELoss", MSELoss{}},
          {"MAELoss", MAELoss{}},
          {"HuberLoss", HuberLoss{}},
          {"MSLELoss", MSLELoss{}},
          {"PoissonLoss", PoissonLoss{}},
          {"HingeLoss", HingeLoss{}},
          {"SquaredHingeLoss", SquaredHingeLoss{}},
          {"DiceCoeffLoss", DiceCoeffLoss{}},
          {"TverskyLoss", TverskyLoss{}},
          {"SiameseContrastiveLoss", SiameseContrastiveLoss{}},
          {"GenericLossFunction",
           GenericLossFunction{[](const Tensor& a, const Tensor& b) { return (a - b).abs(); }}}};
}

// The values of Lux's own documentation.
TEST(Loss, BinaryCrossEntropyGivesTheDocumentedValues) {
  const Tensor y = tensor({1., 0., 1.}), logits = tensor({2., -1., std::numbers::pi});
  EXPECT_CLOSE(BinaryCrossEntropyLoss{.logits = true}(logits, y), full({}, 0.160832), 2e-6);
  EXPECT_CLOSE(BinaryCrossEntropyLoss{}(logits.sigmoid(), y), full({}, 0.16083185), 2e-7);
}

TEST(Loss, CrossEntropyGivesTheDocumentedValues) {
  const Tensor y =
      tensor({1., 0., 0., 0., 1., 0., 0., 0., 1., 0., 1., 0., 1., 0., 0.}).reshape({5, 3});
  const Tensor y_hat = linspace(-7, 7, 15).reshape({5, 3}).softmax(-1);
  EXPECT_CLOSE(CrossEntropyLoss{}(y_hat, y), full({}, 1.6076053), 2e-7);
  EXPECT_CLOSE(CrossEntropyLoss{.label_smoothing = 0.15}(y_hat, y), full({}, 1.5776052), 2e-7);
  EXPECT_CLOSE(CrossEntropyLoss{}(y_hat, tensor(std::vector<int64_t>{0, 1, 2, 1, 0})),
               full({}, 1.6076053), 2e-7);
  EXPECT_CLOSE(CrossEntropyLoss{.dim = 0}(y_hat.t(), y.t()), full({}, 1.6076053), 2e-7);
}

TEST(Loss, AFunctionMayAggregate) {
  const Tensor y_hat = tensor({1., 4., 2.}, kDouble), y = tensor({1., 1., 1.}, kDouble);
  auto largest = [](const Tensor& losses) { return losses.max(); };
  EXPECT_SAME(MSELoss{.agg = largest}(y_hat, y), full({}, 9, kDouble));
  EXPECT_SAME(HuberLoss{.agg = largest}(y_hat, y), full({}, 2.5, kDouble));
  const Tensor p = tensor({0.5, 0.25}, kDouble), ones_ = ones({2}, kDouble);
  EXPECT_CLOSE((BinaryCrossEntropyLoss{.agg = largest, .epsilon = 0}(p, ones_)),
               full({}, std::log(4), kDouble), 1e-15);
  EXPECT_SAME((BinaryCrossEntropyLoss{.agg = largest, .logits = true}(p * 0, ones_)),
              full({}, std::log(2), kDouble));
}

TEST(Loss, ShapesMustAgreeExactly) {
  EXPECT_ERROR(ShapeError, BinaryCrossEntropyLoss{}(ones({128, 1}), ones({128})),
               "[BinaryCrossEntropyLoss] expected y_hat and y of one shape, got y_hat (128, 1) and "
               "y (128,). Squeeze the "
               "dimension of size 1: y_hat.squeeze(-1).");
  EXPECT_ERROR(ShapeError, MSELoss{}(ones({128}), ones({128, 1})),
               "[MSELoss] expected y_hat and y of one shape, got y_hat (128,) and y (128, 1). "
               "Squeeze the dimension of "
               "size 1: y.squeeze(-1).");
  for (const auto& [name, loss] : all_losses()) {
    EXPECT_ERROR(
        ShapeError, loss(ones({4, 3}), ones({4, 2})),
        "[" + name + "] expected y_hat and y of one shape, got y_hat (4, 3) and y (4, 2).");
  }
}

TEST(Loss, AnotherFloatingDtypeIsAnErrorThatNamesBoth) {
  for (const auto& [name, loss] : all_losses()) {
    EXPECT_ERROR(ShapeError, loss(ones({4, 3}), ones({4, 3}, kDouble)),
                 "[" + name +
                     "] expected y_hat and y of one dtype, got float32 and float64. Convert one of "
                     "them with "
                     ".to(dtype).");
    EXPECT_ERROR(
        ShapeError, loss(ones({4, 3}, {.dtype = kInt64}), ones({4, 3})),
        "[" + name +
            "] expected y_hat to be a floating tensor, got an int64 tensor of shape (4, 3).");
    EXPECT_THROW(loss(Tensor(), ones({4})), ShapeError);
    EXPECT_THROW(loss(ones({4}), Tensor()), ShapeError);
  }
}

TEST(Loss, IntegerAndBooleanTargetsAreConverted) {
  const Tensor y_hat = full({2, 3}, 0.3), y = tensor({1., 0., 1., 0., 0., 1.}).reshape({2, 3});
  for (const auto& [name, loss] : all_losses()) {
    SCOPED_TRACE(name);
    const Tensor expected = loss(y_hat, y);
    EXPECT_SAME(loss(y_hat, y.to(kInt64)), expected);
    EXPECT_SAME(loss(y_hat, y.to(kBool)), expected);
  }
}

TEST(Loss, TheMeanOfAnEmptyBatchIsAnErrorAndItsSumIsZero) {
  for (const auto& [name, loss] : all_losses()) {
    EXPECT_ERROR(ShapeError, loss(ones({0, 3}), ones({0, 3})),
                 "[" + name +
                     "] expected at least one element, got y_hat of shape (0, 3): the mean of "
                     "nothing is not a "
                     "number.");
  }
  EXPECT_SAME(MSELoss{.agg = Agg::sum}(ones({0, 3}), ones({0, 3})), zeros({}));
  EXPECT_SAME(BinaryCrossEntropyLoss{.agg = Agg::sum}(ones({0, 3}), ones({0, 3})), zeros({}));
  const CrossEntropyLoss cross{.agg = Agg::sum, .logits = true};
  EXPECT_SAME(cross(ones({0, 3}), ones({0, 3})), zeros({}));
  EXPECT_SAME(cross(ones({3, 0}), ones({3, 0})), zeros({}));
  EXPECT_SAME(cross(ones({0, 3}), zeros({0}, {.dtype = kInt64})), zeros({}));
}

TEST(Loss, TargetsGetNoGradient) {
  const Tensor y = full({2, 3}, 0.7).requires_grad_();
  for (const auto& [name, loss] : all_losses()) {
    EXPECT_FALSE(loss(full({2, 3}, 0.4), y).requires_grad()) << name;
  }
}

TEST(Loss, ProbabilitiesOfZeroAndOneGiveFiniteLossesAndGradients) {
  const Tensor y_hat = tensor({0., 1., 0., 1.}).reshape({2, 2}),
               y = tensor({1., 0., 0., 1.}).reshape({2, 2});
  const std::pair<const char*, std::function<Tensor(const Tensor&, const Tensor&)>> losses[] = {
      {"bce", BinaryCrossEntropyLoss{}},
      {"ce", CrossEntropyLoss{}},
      {"binary focal", BinaryFocalLoss{}},
      {"binary focal, gamma 1.5", BinaryFocalLoss{.gamma = 1.5}},
      {"focal", FocalLoss{}},
      {"focal, gamma 1.5", FocalLoss{.gamma = 1.5}},
      {"kl", KLDivergenceLoss{}},
      {"poisson", PoissonLoss{}},
      {"dice", DiceCoeffLoss{}}};
  for (const auto& [name, loss] : losses) {
    auto [value, grads] = value_and_grad([&](const Tree& x) { return loss(x.tensor(), y); }, y_hat);
    EXPECT_TRUE(std::isfinite(value.item<double>())) << name;
    EXPECT_TRUE(grads.tensor().isfinite().all().item<bool>()) << name;
  }
}

TEST(Loss, ALabelOutsideTheClassesIsAnError) {
  const Tensor y_hat = ones({2, 3});
  for (bool logits : {false, true}) {
    const CrossEntropyLoss loss{.logits = logits};
    EXPECT_ERROR(ArgumentError, loss(y_hat, tensor(std::vector<int64_t>{0, 3})),
                 "[CrossEntropyLoss] expected labels in [0, 3), got 3.");
    EXPECT_ERROR(ArgumentError, loss(y_hat, tensor(std::vector<int64_t>{-100, 1})),
                 "[CrossEntropyLoss] expected labels in [0, 3), got -100.");
  }
  EXPECT_ERROR(
      ShapeError, CrossEntropyLoss{}(y_hat, tensor(std::vector<int64_t>{0, 1, 2})),
      "[CrossEntropyLoss] expected labels of y_hat's shape without its classes, (2,), got (3,).");
}

TEST(Loss, OptionsOutsideTheirRangeAreErrors) {
  const Tensor x = full({2, 3}, 0.5);
  EXPECT_ERROR(ArgumentError, BinaryCrossEntropyLoss{.label_smoothing = 1.5}(x, x),
               "[BinaryCrossEntropyLoss] expected label_smoothing in [0, 1], got 1.5.");
  EXPECT_THROW(CrossEntropyLoss{.label_smoothing = -0.1}(x, x), ArgumentError);
  EXPECT_THROW(CrossEntropyLoss{.label_smoothing = 2}(x, zeros({2}, {.dtype = kInt64})),
               ArgumentError);
  EXPECT_ERROR(ArgumentError, CrossEntropyLoss{.dim = 2}(x, x),
               "[CrossEntropyLoss] expected dim to name a dimension of y_hat (2, 3), got 2.");
  EXPECT_THROW(FocalLoss{.dim = -3}(x, x), ArgumentError);
  EXPECT_THROW(KLDivergenceLoss{.dim = 7}(x, x), ArgumentError);
  EXPECT_ERROR(ArgumentError, HuberLoss{.delta = 0}(x, x),
               "[HuberLoss] expected delta > 0, got 0.");
  EXPECT_THROW(SiameseContrastiveLoss{.margin = -1}(x, x), ArgumentError);
  EXPECT_ERROR(ArgumentError, TverskyLoss{.beta = -1}(x, x),
               "[TverskyLoss] expected alpha >= 0 and beta >= 0, got 0.3 and -1.");
  EXPECT_THROW(GenericLossFunction{}(x, x), ArgumentError);
}

TEST(Loss, HalfPrecisionHasItsOwnEpsilon) {
  for (Dtype dtype : {Dtype::Half, Dtype::BFloat16}) {
    const Tensor y_hat = zeros({3}, {.dtype = dtype}), y = ones({3}, {.dtype = dtype});
    const Tensor loss = BinaryCrossEntropyLoss{}(y_hat, y);
    EXPECT_EQ(loss.scalar_type(), dtype);
    const double expected = dtype == Dtype::Half ? 10 * std::numbers::ln2 : 7 * std::numbers::ln2;
    EXPECT_NEAR(loss.item<double>(), expected, 0.01 * expected);
  }
}

struct Doubling {
  Out<Tensor> operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
    return {x * ps["w"].tensor(), st.with("calls", st["calls"].scalar<int64_t>() + 1)};
  }
};

const Tree kPs = named({{"w", full({}, 2, kDouble)}}), kSt = named({{"calls", 4}});

TEST(Objective, EveryLossIsOneForBatchesOfXAndY) {
  const Tree batch = tuple({tensor({1., 2.}, kDouble), tensor({2., 1.}, kDouble)});
  const LossOut out = MSELoss{}(Doubling{}, kPs, kSt, batch);
  EXPECT_SAME(out.loss, full({}, 4.5, kDouble));
  EXPECT_SAME(out.st, named({{"calls", 5}}));
  EXPECT_SAME(out.stats, named({}));
  for (const auto& [name, loss] : all_losses()) {
    EXPECT_EQ(Objective(loss)(Doubling{}, kPs, kSt, batch).st["calls"].scalar<int64_t>(), 5)
        << name;
  }
  EXPECT_SAME(Objective(MAELoss{})(Doubling{}, kPs, kSt, batch).loss, full({}, 1.5, kDouble));
}

TEST(Objective, IsMadeFromFunctionsOfEitherKind) {
  const Tree batch = tuple({tensor({1., 2.}, kDouble), tensor({2., 1.}, kDouble)});
  const Objective of_outputs = [](const Tensor& y_hat, const Tensor& y) {
    return (y_hat - y).sum();
  };
  EXPECT_SAME(of_outputs(Doubling{}, kPs, kSt, batch).loss, full({}, 3, kDouble));
  const Objective of_models = [](const Layer& model, const Tree& ps, const Tree& st,
                                 const Tree& x) -> LossOut {
    auto [y, st2] = apply<Tensor>(model, x[0], ps, st);
    return {y.sum(), st2, named({{"n", y.numel()}})};
  };
  const LossOut out = of_models(Doubling{}, kPs, kSt, batch);
  EXPECT_SAME(out.loss, full({}, 6, kDouble));
  EXPECT_SAME(out.stats, named({{"n", 2}}));
}

TEST(Objective, GivesValueGradientAndStatesInOneCall) {
  const Objective objective = MSELoss{};
  const Tree batch = tuple({tensor({1., 2.}, kDouble), tensor({2., 1.}, kDouble)});
  auto [value, grads, out] =
      value_and_grad([&](const Tree& ps) { return objective(Doubling{}, ps, kSt, batch); }, kPs);
  EXPECT_SAME(value, full({}, 4.5, kDouble));
  EXPECT_SAME(grads["w"], full({}, 6, kDouble));
  EXPECT_SAME(out.st, named({{"calls", 5}}));
}

TEST(Objective, ABatchThatIsNoPairIsAnError) {
  EXPECT_ERROR(TreeError, Objective(MSELoss{})(Doubling{}, kPs, kSt, tensor({1., 2.})),
               "[Objective] expected a batch (x, y) or (x, y, mask) with tensors y and mask, got a "
               "float32 tensor of shape (2,). Make it with "
               "tuple({x, y}), or train with a function of (model, ps, st, batch).");
  EXPECT_THROW(Objective(MSELoss{})(Doubling{}, kPs, kSt, tuple({tensor({1., 2.}), 3})), TreeError);
}

TEST(Objective, AModelWithSeveralOutputsNeedsAnObjectiveOfItsOwn) {
  const Layer two = [](const Tensor& x) { return std::pair{x, x}; };
  EXPECT_ERROR(TreeError, MSELoss{}(two, named({}), named({}), tuple({ones({2}), ones({2})})),
               "[Objective] expected the model to return one tensor, got a tuple of 2. Train with "
               "a function of (model, "
               "ps, st, batch).");
}

}  // namespace
}  // namespace luxtorch::testing
