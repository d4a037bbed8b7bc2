#include "../../src/io/jld2/memory_order.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>

namespace luxtorch::jld2 {
namespace {

// Element by element, by index.
void copy_slowly(const std::vector<int64_t>& sizes, size_t element, const char* from,
                 const std::vector<int64_t>& from_strides, char* to,
                 const std::vector<int64_t>& to_strides) {
  int64_t count = std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
  for (int64_t n = 0; n < count; ++n) {
    int64_t rest = n;
    int64_t source = 0;
    int64_t target = 0;
    for (size_t d = 0; d < sizes.size(); ++d) {
      source += rest % sizes[d] * from_strides[d];
      target += rest % sizes[d] * to_strides[d];
      rest /= sizes[d];
    }
    std::copy_n(from + source * static_cast<int64_t>(element), element,
                to + target * static_cast<int64_t>(element));
  }
}

RC_GTEST_PROP(MemoryOrder, ACopyInBlocksEqualsACopyByIndex, ()) {
  auto rank = *rc::gen::inRange<size_t>(0, 5);
  auto sizes =
      *rc::gen::container<std::vector<int64_t>>(rank, rc::gen::element<int64_t>(0, 1, 2, 3, 7, 33));
  auto element = *rc::gen::element<size_t>(1, 2, 4, 8, 16);
  std::vector<size_t> order(rank);
  std::iota(order.begin(), order.end(), 0);
  if (*rc::gen::arbitrary<bool>()) std::reverse(order.begin(), order.end());
  if (rank > 1) std::swap(order[0], order[*rc::gen::inRange<size_t>(0, rank)]);
  std::vector<int64_t> strides(rank);  // the dimensions in another order, with gaps
  int64_t stride = *rc::gen::inRange(1, 3);
  for (size_t d : order) {
    strides[d] = stride;
    stride *= std::max<int64_t>(sizes[d], 1);
  }
  auto count = static_cast<size_t>(
      std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>()));
  std::vector<char> from(static_cast<size_t>(stride) * element + 16);
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<char>(i * 37 + i / 256);
  std::vector<char> fast(count * element);
  std::vector<char> slow(count * element);
  auto to_strides = *rc::gen::arbitrary<bool>() ? column_major(sizes) : row_major(sizes);
  copy_strided(sizes, element, from.data(), strides, fast.data(), to_strides);
  copy_slowly(sizes, element, from.data(), strides, slow.data(), to_strides);
  RC_ASSERT(fast == slow);
}

TEST(MemoryOrder, StridesCountFromTheFastIndex) {
  std::vector<int64_t> sizes{2, 3, 4};
  EXPECT_EQ(column_major(sizes), (std::vector<int64_t>{1, 2, 6}));
  EXPECT_EQ(row_major(sizes), (std::vector<int64_t>{12, 4, 1}));
  EXPECT_TRUE(row_major({}).empty());
}

}  // namespace
}  // namespace luxtorch::jld2
