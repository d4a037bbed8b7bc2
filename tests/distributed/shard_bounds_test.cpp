// Where flat arrays are cut for up to 1,024 processes.
#include <gtest/gtest.h>

#include <algorithm>

#include "distributed/simulated_group.h"
#include "luxtorch/core/ops.h"
#include "optim/layout.h"
#include "optim/shard.h"

namespace luxtorch {
namespace {

using detail::Layout, detail::Shard;

constexpr int64_t kUnit = 64;  // bytes

TEST(ShardsOfManyProcesses, CoverEachElementOnceAndBeginAtMultiplesOf64Bytes) {
  const Tree ps = named({{"a", zeros({37, 3})},
                         {"b", zeros({5000}, {.dtype = kFloat64})},
                         {"c", zeros({1})},
                         {"d", zeros({129}, {.dtype = Dtype::BFloat16})}});
  std::vector<Tensor> tensors;
  const Layout layout(ps, tensors);
  for (int64_t count : {2, 3, 7, 64, 1000, 1024}) {
    std::vector<int64_t> of_array(layout.arrays.size(), 0);
    for (const auto& g : layout.groups) {
      const auto bytes = static_cast<int64_t>(c10::elementSize(g.dtype));
      int64_t at = 0;
      for (int64_t rank = 0; rank < count; ++rank) {
        const Shard shard(testing::silent_member(rank, count));
        const auto [begin, end] = shard.range(g);
        ASSERT_EQ(begin, at);
        ASSERT_GE(end, begin);
        ASSERT_LE(end - begin, shard.part_numel(g));
        ASSERT_TRUE(begin * bytes % kUnit == 0 || begin == g.numel) << count;
        ASSERT_EQ(shard.part_numel(g) * bytes % kUnit, 0);
        ASSERT_EQ(shard.padded_numel(g), count * shard.part_numel(g));
        ASSERT_LT(shard.padded_numel(g) - g.numel, count * kUnit / bytes);
        at = end;
      }
      EXPECT_EQ(at, g.numel);
    }
    for (size_t array = 0; array < layout.arrays.size(); ++array) {
      int64_t at = layout.arrays[array].offset;
      for (int64_t rank = 0; rank < count; ++rank) {
        const auto [begin, end] = Shard(testing::silent_member(rank, count)).range(layout, array);
        if (begin == end) continue;
        ASSERT_EQ(begin, at) << layout.arrays[array].path;
        at = end;
        of_array[array] += end - begin;
      }
      EXPECT_EQ(of_array[array], layout.arrays[array].numel);
    }
  }
}

}  // namespace
}  // namespace luxtorch
