// Losses of which a mask or ignore_index leaves some out.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "luxtorch/autodiff/grad.h"
#include "luxtorch/autodiff/vmap.h"
#include "luxtorch/core/index.h"
#include "luxtorch/core/ops.h"
#include "luxtorch/losses/loss.h"
#include "support/compare.h"

namespace luxtorch::testing::loss_masks {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
const TensorOptions kDouble{.dtype = kFloat64};

using Loss = std::function<Tensor(const Tensor&, const Tensor&)>;
using Masked = std::function<Tensor(const Tensor&, const Tensor&, const Tensor&)>;
enum class Of { elements, classes, sums };
struct Case {
  std::string name;
  Loss loss;
  Masked masked;
  Of of = Of::elements;
};

template <class L>
Case make(const std::string& name, L loss, Of of = Of::elements) {
  return {name, loss, loss, of};
}

std::vector<Case> cases(Agg agg = Agg::mean) {
  return {make("BinaryCrossEntropyLoss", BinaryCrossEntropyLoss{.agg = agg}),
          make("BinaryCrossEntropyLoss", BinaryCrossEntropyLoss{.agg = agg, .logits = true}),
          make("BinaryFocalLoss", BinaryFocalLoss{.agg = agg}),
          make("MSELoss", MSELoss{agg}),
          make("MAELoss", MAELoss{agg}),
          make("HuberLoss", HuberLoss{.agg = agg}),
          make("MSLELoss", MSLELoss{.agg = agg}),
          make("PoissonLoss", PoissonLoss{.agg = agg}),
          make("HingeLoss", HingeLoss{agg}),
          make("SquaredHingeLoss", SquaredHingeLoss{agg}),
          make("SiameseContrastiveLoss", SiameseContrastiveLoss{.agg = agg}),
          make("GenericLossFunction",
               GenericLossFunction{[](const Tensor& a, const Tensor& b) { return (a - b).abs(); },
                                   agg}),
          make("CrossEntropyLoss", CrossEntropyLoss{.agg = agg}, Of::classes),
          make("CrossEntropyLoss", CrossEntropyLoss{.agg = agg, .logits = true}, Of::classes),
          make("FocalLoss", FocalLoss{.agg = agg}, Of::classes),
          make("KLDivergenceLoss", KLDivergenceLoss{.agg = agg}, Of::classes),
          make("DiceCoeffLoss", DiceCoeffLoss{.agg = agg}, Of::sums),
          make("TverskyLoss", TverskyLoss{.agg = agg}, Of::sums)};
}

struct Data {
  Tensor y_hat = random::uniform(Rng(0), {4, 3}, 0.1, 0.9, kFloat64);
  Tensor y = random::uniform(Rng(1), {4, 3}, 0, 1, kFloat64);
  Tensor rows = tensor({true, false, true, true});
  Tensor elements =
      tensor({true, true, false, false, true, false, true, true, true, false, false, true})
          .reshape({4, 3});
  const Tensor& mask(Of of) const { return of == Of::classes ? rows : elements; }
};

TEST(LossMasks, WhatIsFalseLeavesSumAndCount) {
  const Data d;
  for (Agg agg : {Agg(Agg::mean), Agg(Agg::sum), Agg([](const Tensor& x) { return x.max(); })}) {
    for (const auto& [name, loss, masked, of] : cases(agg)) {
      if (of == Of::sums) continue;
      SCOPED_TRACE(name);
      auto left = [&, of = of](const Tensor& x) {
        return of == Of::classes ? index(x, {d.rows}) : x.masked_select(d.elements);
      };
      EXPECT_CLOSE(masked(d.y_hat, d.y, d.mask(of)), loss(left(d.y_hat), left(d.y)), 1e-12);
    }
  }
}

TEST(LossMasks, OfSumsAreZerosInThem) {
  const Data d;
  for (const auto& [name, loss, masked, of] : cases()) {
    if (of != Of::sums) continue;
    SCOPED_TRACE(name);
    EXPECT_CLOSE(masked(d.y_hat, d.y, d.elements), loss(d.y_hat * d.elements, d.y * d.elements),
                 1e-12);
  }
}

TEST(LossMasks, WithoutSmoothingASampleOfNothingHasTheLossZero) {
  const Data d;
  for (Agg agg : {Agg(Agg::mean), Agg(Agg::none)}) {
    const DiceCoeffLoss dice{.smooth = 0, .agg = agg};
    const TverskyLoss tversky{.smooth = 0, .agg = agg};
    Tensor mask = d.elements.clone();
    mask.select(0, 1).fill_(false);
    for (const auto& masked :
         {std::function<Tensor(const Tensor&)>([&](const Tensor& x) { return dice(x, d.y, mask); }),
          std::function<Tensor(const Tensor&)>(
              [&](const Tensor& x) { return tversky(x, d.y, mask); })}) {
      EXPECT_TRUE(masked(d.y_hat).isfinite().all().item<bool>());
      if (agg.kind() == Agg::none) {
        EXPECT_EQ(masked(d.y_hat)[1].item<double>(), 0);
      }
      const Tensor slope =
          grad([&](const Tree& x) { return masked(x.tensor()).sum(); }, d.y_hat).tensor();
      EXPECT_TRUE(slope.isfinite().all().item<bool>());
      EXPECT_SAME(slope[1], zeros({3}, {.dtype = kFloat64}));
    }
  }
}

TEST(LossMasks, AFunctionSeesBothTermsOfTheDivergenceAlsoUnderAMask) {
  const Tensor y = tensor({1., 0., 0.5, 0.5}).reshape({2, 2}),
               y_hat = tensor({0.9, 0.1, 0.05, 0.95}).reshape({2, 2});
  const KLDivergenceLoss loss{.agg = Agg([](const Tensor& x) { return x.max(); })};
  EXPECT_CLOSE(loss(y_hat, y, tensor({true, true})), loss(y_hat, y), 1e-7);
}

TEST(LossMasks, NoneGivesZerosWhereTheMaskIsFalse) {
  const Data d;
  for (const auto& [name, loss, masked, of] : cases(Agg::none)) {
    if (of == Of::sums) continue;
    SCOPED_TRACE(name);
    const Tensor& mask = d.mask(of);
    EXPECT_CLOSE(masked(d.y_hat, d.y, mask), loss(d.y_hat, d.y) * mask, 1e-12);
  }
}

TEST(LossMasks, AnUndefinedMaskLeavesOutNothing) {
  const Data d;
  for (const auto& [name, loss, masked, of] : cases())
    EXPECT_SAME(masked(d.y_hat, d.y, Tensor()), loss(d.y_hat, d.y)) << name;
}

TEST(LossMasks, NumbersUnderFalseReachNeitherLossNorGradient) {
  const Data d;
  for (const auto& [name, loss, masked, of] : cases()) {
    SCOPED_TRACE(name);
    const Tensor& mask = d.mask(of);
    const Tensor under =
        (of == Of::classes ? mask.unsqueeze(1).expand({4, 3}) : mask).logical_not();
    auto run = [&, &masked = masked](const Tensor& y_hat, const Tensor& y) {
      return value_and_grad([&](const Tree& x) { return masked(x.tensor(), y, mask); }, y_hat);
    };
    auto [value, grads] = run(d.y_hat, d.y);
    auto [other, other_grads] = run(d.y_hat.masked_fill(under, kNaN), d.y.masked_fill(under, kNaN));
    EXPECT_SAME(other, value);
    EXPECT_SAME(other_grads, grads);
    EXPECT_SAME(grads.tensor().masked_select(under), zeros({under.sum().item<int64_t>()}, kDouble));
  }
}

TEST(LossMasks, TheMeanOfNothingIsZeroAndHasNoGradient) {
  const Data d;
  for (const auto& [name, loss, masked, of] : cases()) {
    SCOPED_TRACE(name);
    const Tensor nothing = zeros(d.mask(of).sizes(), {.dtype = kBool});
    auto [value, grads] = value_and_grad(
        [&, &masked = masked](const Tree& x) { return masked(x.tensor(), d.y, nothing); }, d.y_hat);
    EXPECT_SAME(value, zeros({}, kDouble));
    EXPECT_SAME(grads, zeros({4, 3}, kDouble));
  }
}

TEST(LossMasks, LabelsEqualToIgnoreIndexEverywhereGiveZeroAndNoGradient) {
  const Data d;
  const Tensor ignored = full({4}, -100, {.dtype = kInt64});
  for (const Tensor& weights : {Tensor(), tensor({1., 2., 3.}, kDouble)}) {
    for (double smoothing : {0., 0.1}) {
      for (bool logits : {false, true}) {
        const CrossEntropyLoss loss{.label_smoothing = smoothing,
                                    .logits = logits,
                                    .ignore_index = -100,
                                    .class_weights = weights};
        auto [value, grads] =
            value_and_grad([&](const Tree& x) { return loss(x.tensor(), ignored); }, d.y_hat);
        EXPECT_SAME(value, zeros({}, kDouble));
        EXPECT_SAME(grads, zeros({4, 3}, kDouble));
      }
    }
  }
}

TEST(LossMasks, AMaskAndIgnoreIndexLeaveOutBoth) {
  const Data d;
  const CrossEntropyLoss loss{
      .logits = true, .ignore_index = -1, .class_weights = tensor({1., 2., 3.}, kDouble)};
  const Tensor labels = tensor(std::vector<int64_t>{-1, 77, 2, 1});  // 77 is under false
  const Tensor left = d.y_hat.narrow(0, 2, 2);
  EXPECT_CLOSE(loss(d.y_hat, labels, d.rows), loss(left, labels.narrow(0, 2, 2)), 1e-12);
}

TEST(LossMasks, TheMeanInHalfPrecisionIsNotASumThatOverflows) {
  const Tensor y_hat = full({300}, 200, {.dtype = Dtype::Half}),
               mask = ones({300}, {.dtype = kBool});
  EXPECT_EQ(MSELoss{}(y_hat, zeros({300}, {.dtype = Dtype::Half}), mask).item<double>(), 40000);
}

TEST(LossMasks, VmapIsTheLoopOverTheSamples) {
  const Tensor y_hat = random::uniform(Rng(2), {5, 4, 3}, 0.1, 0.9, kFloat64);
  const Tensor y = random::uniform(Rng(3), {5, 4, 3}, 0, 1, kFloat64);
  for (const auto& [name, loss, masked, of] : cases()) {
    SCOPED_TRACE(name);
    const Tensor mask = (of == Of::classes ? y.select(2, 0) : y).gt(0.3);
    const Tensor all = vmap(masked)(y_hat, y, mask);
    for (int64_t i = 0; i < 5; ++i) EXPECT_CLOSE(all[i], masked(y_hat[i], y[i], mask[i]), 1e-12);
  }
  const CrossEntropyLoss weighted{
      .logits = true, .ignore_index = 0, .class_weights = tensor({1., 2., 3.}, kDouble)};
  const Tensor labels = y.argmax(-1);
  auto f = [&](const Tensor& a, const Tensor& b) { return weighted(a, b); };
  const Tensor all = vmap(f)(y_hat, labels);
  for (int64_t i = 0; i < 5; ++i) EXPECT_CLOSE(all[i], weighted(y_hat[i], labels[i]), 1e-12);
}

struct Identity {
  Out<Tensor> operator()(const Tensor& x, const Tree&, const Tree& st) const { return {x, st}; }
};

TEST(LossMasks, AnObjectiveTakesTheMaskFromTheBatch) {
  const Data d;
  const Tree none = named({});
  const Tree batch = tuple({d.y_hat, d.y, d.elements});
  EXPECT_SAME(Objective(MSELoss{})(Identity{}, none, none, batch).loss,
              MSELoss{}(d.y_hat, d.y, d.elements));
  EXPECT_ERROR(
      TreeError, MSELoss{}(Identity{}, none, none, tuple({d.y_hat, d.y, 3})),
      "[Objective] expected a batch (x, y) or (x, y, mask) with tensors y and mask, got a "
      "tuple of 3. Make it with tuple({x, y}), or train with a function of (model, ps, st, "
      "batch).");
}

TEST(LossMasks, OtherMasksAreErrors) {
  const Data d;
  for (const auto& [name, loss, masked, of] : cases()) {
    EXPECT_ERROR(ShapeError, masked(d.y_hat, d.y, ones({4, 3}, kDouble)),
                 "[" + name +
                     "] expected a boolean mask, got a float64 tensor of shape (4, 3). "
                     "Convert it with .to(kBool).");
    const bool classes = of == Of::classes;
    EXPECT_ERROR(ShapeError, masked(d.y_hat, d.y, classes ? d.elements : d.rows),
                 "[" + name + "] expected a mask of shape " + (classes ? "(4,)" : "(4, 3)") +
                     " for y_hat (4, 3), got " + (classes ? "(4, 3)" : "(4,)") + ".");
  }
  const GenericLossFunction sum{[](const Tensor& a, const Tensor& b) { return (a - b).sum(); }};
  EXPECT_ERROR(
      ShapeError, sum(d.y_hat, d.y, d.elements),
      "[GenericLossFunction] expected a loss for each element of the mask, (4, 3), got ().");
}

TEST(LossMasks, OtherWeightsAreErrors) {
  const Data d;
  const Tensor labels = tensor(std::vector<int64_t>{0, 1, 2, 0});
  EXPECT_ERROR(ShapeError, CrossEntropyLoss{.class_weights = ones({4}, kDouble)}(d.y_hat, labels),
               "[CrossEntropyLoss] expected class_weights to be a float64 tensor of shape (3,) on "
               "cpu, got a float64 tensor of shape (4,) on cpu.");
  EXPECT_THROW(CrossEntropyLoss{.class_weights = ones({3})}(d.y_hat, labels), ShapeError);
  EXPECT_ERROR(
      ShapeError, BinaryCrossEntropyLoss{.pos_weight = ones({4}, kDouble)}(d.y_hat, d.y),
      "[BinaryCrossEntropyLoss] expected pos_weight to be a float64 tensor that broadcasts "
      "to y_hat (4, 3) on cpu, got a float64 tensor of shape (4,) on cpu.");
  EXPECT_THROW(BinaryCrossEntropyLoss{.pos_weight = ones({2, 4, 3}, kDouble)}(d.y_hat, d.y),
               ShapeError);
  EXPECT_ERROR(
      ArgumentError, CrossEntropyLoss{.ignore_index = -100}(d.y_hat, d.y),
      "[CrossEntropyLoss] expected labels for ignore_index, got probabilities y of y_hat's "
      "shape. Leave samples out with a mask: loss(y_hat, y, mask).");
  EXPECT_ERROR(ArgumentError, CrossEntropyLoss{.ignore_index = -100}(d.y_hat, labels - 1),
               "[CrossEntropyLoss] expected labels in [0, 3) or ignore_index -100, got -1.");
}

}  // namespace
}  // namespace luxtorch::testing::loss_masks
