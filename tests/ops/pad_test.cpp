#include "luxtorch/ops/pad.h"

#include <gtest/gtest.h>

#include "support/compare.h"
#include "support/normal.h"

namespace luxtorch::testing {
namespace {

TEST(PadRepeat, IsPadReplicate) {
  const Tensor x = normal(0, {2, 1, 3}), y = ops::pad_repeat(x, {1, 2});
  EXPECT_SAME(y, ops::pad_replicate(x, {1, 2}));
  EXPECT_SAME(y.select(2, 0), x.select(2, 0));
  EXPECT_SAME(y.select(2, 5), x.select(2, 2));
}

}  // namespace
}  // namespace luxtorch::testing
