// Threads on both sides of a fork.
#include <ATen/Parallel.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/mean.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>

#include "luxtorch/core/ops.h"
#include "luxtorch/ops/recurrent.h"

namespace luxtorch {
namespace {

constexpr int64_t kBatch = 64, kTime = 40, kIn = 4, kOut = 64;

// Enough work for several threads, in our kernels and in torch's.
double work() {
  auto some = [](Shape shape, int64_t n) { return at::linspace(-0.5, 0.5, n).reshape(shape); };
  const auto h = zeros({kBatch, kOut});
  const auto out = ops::lstm_sequence(
      some({kBatch, kTime, kIn}, kBatch * kTime * kIn), h, h,
      {some({4 * kOut, kIn}, 4 * kOut * kIn), some({4 * kOut, kOut}, 4 * kOut * kOut), {}, {}}, {});
  return at::exp(out.y).mean().item<double>();
}

// The exit status of a forked process that works; 14 is the signal of one that hangs.
int work_in_child(double expected) {
  const auto child = fork();
  if (child == 0) {
    alarm(600);
    _exit(std::abs(work() - expected) < 1e-6 ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
}

TEST(Forks, AChildOfAProcessThatUsedThreadsWorksOn) {
  const int before = at::get_num_threads();
  at::set_num_threads(2);
  const auto expected = work();
  EXPECT_EQ(work_in_child(expected), 0);
  EXPECT_DOUBLE_EQ(work(), expected);
  EXPECT_EQ(work_in_child(expected), 0);
  at::set_num_threads(before);
}

}  // namespace
}  // namespace luxtorch
