// Learning rates and training of Python PyTorch (tools/golden/schedules.py).
#include <gtest/gtest.h>

#include "luxtorch/core/ops.h"
#include "luxtorch/optim/scheduler.h"
#include "support/compare.h"
#include "support/golden.h"

namespace luxtorch {
namespace {

using testing::kGoldenFloat32;
using testing::kGoldenFloat64;
using testing::load_golden;

std::vector<std::pair<std::string, schedule::Schedule>> golden_schedules() {
  using namespace schedule;
  using schedule::Step;  // not that of a recurrent layer
  return {
      {"step", Step(0.1, 0.5, 7)},
      {"multi_step", Step(0.1, 0.3, {5, 7, 18, 1})},
      {"exponential", Exp(0.1, 0.93)},
      {"polynomial", Poly(0.1, 1.5, 40)},
      {"cosine", CosAnneal(0.1, 0.002, 25, {.restart = false})},
      {"cosine_restarts", CosAnneal(0.1, 0.002, 11)},
      {"one_cycle", OneCycle(40, 0.1, {.startval = 0.1 / 20, .endval = 0.1 / 20 / 500})},
      {"triangular", Triangle(0.01, 0.1, 12)},
      {"triangular2", TriangleDecay2(0.01, 0.1, 12)},
      {"exp_range", TriangleExp(0.01, 0.1, 12, 0.97)},
      {"warmup_cosine", Warmup(10, CosAnneal(0.1, 0, 50))},
  };
}

TEST(ScheduleGolden, SixtyStepsOfEverySchedule) {
  const Tree golden = load_golden("schedules")["rates"];
  auto all = golden_schedules();
  ASSERT_EQ(all.size(), golden.size());
  for (const auto& [name, s] : all) {
    SCOPED_TRACE(name);
    std::vector<double> values;
    for (int64_t t = 1; t <= golden[name].tensor().size(0); ++t) values.push_back(s(t));
    EXPECT_CLOSE(tensor(values, {.dtype = kFloat64}), golden[name].tensor(), kGoldenFloat64);
  }
}

void expect_trained(const char* dtype, double tolerance) {
  using namespace schedule;
  using schedule::Step;  // not that of a recurrent layer
  const Tree golden = load_golden("schedules")[dtype];
  const std::vector<std::pair<std::string, Optimizer>> optimizers{
      {"adam_cosine", Scheduler(Adam(), CosAnneal(0.05, 0.001, 8, {.restart = false}))},
      {"adamw_exponential", Scheduler(AdamW(7, {.lambda = 0.1}), Exp(0.05, 0.7))},
      {"sgd_step", Scheduler(Descent(), Step(0.1, 0.5, 3))},
  };
  ASSERT_EQ(optimizers.size(), golden["after"].size());
  for (const auto& [name, o] : optimizers) {
    SCOPED_TRACE(name);
    Tree ps = golden["start"], state = o.init(ps);
    for (size_t t = 0; t < golden["gradients"].size(); ++t)
      std::tie(ps, state) = o.update(golden["gradients"][t], state, ps);
    EXPECT_TREES_CLOSE(ps, golden["after"][name], tolerance);
  }
}

TEST(ScheduleGolden, TenTrainedStepsInDoublePrecision) {
  expect_trained("float64", kGoldenFloat64);
}
TEST(ScheduleGolden, TenTrainedStepsInSinglePrecision) {
  expect_trained("float32", kGoldenFloat32);
}

}  // namespace
}  // namespace luxtorch
