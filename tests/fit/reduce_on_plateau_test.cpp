// ReduceOnPlateau against torch.optim.lr_scheduler.ReduceLROnPlateau, and what it refuses.
#include "luxtorch/fit/reduce_on_plateau.h"

#include <gmock/gmock.h>

#include "fit/callback_cases.h"
#include "luxtorch/optim/groups.h"
#include "luxtorch/optim/scheduler.h"
#include "support/error_text.h"
#include "support/golden.h"

namespace luxtorch::testing {
namespace {

// The cases of tools/golden/plateau.py.
std::vector<std::pair<std::string, ReduceOnPlateau>> plateau_cases() {
  return {{"default", {.patience = 3}},
          {"absolute", {.factor = 0.5, .patience = 2, .threshold = 0.01, .relative = false}},
          {"cooldown", {.factor = 0.3, .patience = 1, .cooldown = 3, .min_lr = 1e-4}},
          {"impatient", {.factor = 0.5, .patience = 0, .min_change = 1e-3}},
          {"higher", {.better = Better::higher, .factor = 0.5, .patience = 2, .threshold = 0.05}},
          {"higher_absolute",
           {.better = Better::higher, .patience = 1, .threshold = 0.003, .relative = false}}};
}

// The rates of both groups after each epoch.
Tensor rates_of(ReduceOnPlateau reducer, std::vector<double> values, bool one_rate = false) {
  auto ts = normed_training(one_rate ? Optimizer(Descent(0.1))
                                     : OptimizerGroups(Descent(0.1), {{"layer_3", {.lr = 0.02}}}));
  auto loader = normed_data();
  std::vector<double> rates;
  const auto epochs = static_cast<int64_t>(values.size());
  reducer.monitor = "score";
  fit(ts, [](const Tensor& y_hat, const Tensor&) { return 0 * y_hat.mean(); }, loader,
      {.epochs = epochs,
       .callbacks = {Scores{std::move(values)}, reducer, AfterEpoch{[&](Event& e) {
                       for (const auto& row : e.ts.optimizer().hyperparameters().elements())
                         rates.push_back(row[1].scalar<double>());
                     }}}});
  // The parameters in no group come last.
  const Tensor all = tensor(rates, {.dtype = kFloat64}).reshape({epochs, -1});
  return one_rate ? all : all.flip(1);
}

TEST(ReduceOnPlateau, HasTorchsLearningRatesInEachGroup) {
  const Tree golden = load_golden("plateau");
  for (const auto& [name, reducer] : plateau_cases()) {
    SCOPED_TRACE(name);
    const auto* key = reducer.better == Better::higher ? "higher" : "lower";
    const auto values = to_vector<double>(golden["values"][key].tensor());
    const Tensor expected = golden["rates"][name].tensor();
    EXPECT_SAME(Tree(rates_of(reducer, values)), Tree(expected));
    EXPECT_SAME(Tree(rates_of(reducer, values, true)), Tree(expected.slice(1, 0, 1)));
  }
}

TEST(ReduceOnPlateau, ComparesNegativeValuesByTheirSize) {
  const ReduceOnPlateau reducer{.factor = 0.5, .patience = 0, .threshold = 0.1};
  const auto rates = rates_of(reducer, {-10, -10.5, -11.5, -12}, true);
  EXPECT_EQ(to_vector<double>(rates), std::vector<double>({0.1, 0.05, 0.05, 0.025}));
}

TEST(ReduceOnPlateau, NotesTheNewRate) {
  auto ts = normed_training();
  auto loader = normed_data();
  Notes notes;
  fit(ts, MSELoss{}, loader,
      {.epochs = 3,
       .callbacks = {Scores{{1, 1, 1}},
                     ReduceOnPlateau{.monitor = "score", .factor = 0.5, .patience = 1},
                     std::ref(notes)}});
  EXPECT_EQ(notes.all, Strings({"learning rate reduced from 0.02 to 0.01"}));
}

TEST(ReduceOnPlateau, RefusesOptimizersWhoseRateItCannotChange) {
  auto refused = [](Optimizer optimizer, ReduceOnPlateau reducer = {}) {
    auto ts = normed_training(std::move(optimizer));
    auto loader = normed_data();
    return text_of([&] { fit(ts, MSELoss{}, loader, {.callbacks = {reducer}}); });
  };
  using ::testing::HasSubstr;
  EXPECT_THAT(refused(Scheduler(Adam(), schedule::Exp(1e-2, 0.9))),
              HasSubstr("[ReduceOnPlateau] expected an optimizer whose learning rate follows no "
                        "schedule, got Scheduler(Adam("));
  EXPECT_THAT(refused(Rprop()), HasSubstr("[ReduceOnPlateau] expected an optimizer with a learning "
                                          "rate that can be changed, got Rprop("));
  EXPECT_THAT(refused(Adam(), {.factor = 1}),
              HasSubstr("[ReduceOnPlateau] expected factor above 0 and below 1, got 1."));
}

}  // namespace
}  // namespace luxtorch::testing
