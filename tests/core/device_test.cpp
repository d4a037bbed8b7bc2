#include "luxtorch/core/device.h"

#include <gtest/gtest.h>

#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

TEST(Devices, CpuIsAlwaysThere) {
  EXPECT_TRUE(cpu_device().is_cpu());
  EXPECT_TRUE(device("cpu").is_cpu());
  EXPECT_TRUE(ones({2}, {.device = cpu_device()}).device().is_cpu());
}

TEST(Devices, OtherWordsAreRefused) {
  EXPECT_ERROR(ArgumentError, device("warp9"),
               "[device] expected cpu, gpu, cuda or cuda:N, got \"warp9\".");
  EXPECT_ERROR(ArgumentError, device(""), "[device] expected cpu, gpu, cuda or cuda:N, got \"\".");
  EXPECT_ERROR(ArgumentError, device("cuda:x"),
               "[device] expected cpu, gpu, cuda or cuda:N, got \"cuda:x\".");
}

TEST(Devices, WithoutAGpuItFallsBackUnlessForced) {
  if (!gpu_device().is_cpu()) GTEST_SKIP() << "this machine has a GPU";
  EXPECT_TRUE(device("gpu").is_cpu());
  EXPECT_ERROR(
      UnsupportedError, gpu_device(true),
      "[gpu_device] expected GPU number 0, got 0 GPUs that torch can use. Use gpu_device() to "
      "fall back to the CPU.");
  EXPECT_THROW(device("cuda"), UnsupportedError);
  EXPECT_THROW(device("cuda:1"), UnsupportedError);
}

TEST(DevicesGpu, TensorsAndTreesMoveThereAndBack) {
  if (gpu_device().is_cpu()) GTEST_SKIP() << "torch sees no GPU on this machine";
  auto t = named({{"w", ones({2})}, {"n", 3}});
  auto there = tree::to(t, gpu_device(true));
  EXPECT_EQ(there["w"].tensor().device().type(), gpu_device().type());
  EXPECT_FALSE(tree::equal(there, t));
  EXPECT_FALSE(tree::all_close(there, t));
  EXPECT_SAME(tree::to(there, cpu_device()), t);
}

}  // namespace
}  // namespace luxtorch
