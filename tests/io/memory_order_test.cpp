#include "../../src/io/base/memory_order.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>

namespace luxtorch::io {
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

// Blocks have 128 rows and 512 bytes of each, threads take parts of a million bytes.
RC_GTEST_PROP(MemoryOrder, AMatrixIsTransposedWhateverItsSizes, ()) {
  auto length = [] {
    return *rc::gen::element<int64_t>(1, 2, 15, 16, 127, 128, 129, 511, 513, 1500);
  };
  std::vector<int64_t> sizes{length(), length()};
  auto element = *rc::gen::element<size_t>(1, 2, 4, 8, 16);
  auto offset = *rc::gen::inRange<size_t>(0, 70);
  auto bytes = static_cast<size_t>(sizes[0] * sizes[1]) * element;
  std::vector<char> from(bytes), fast(bytes + 140, 'x'), slow(bytes + 140, 'x');
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<char>(i * 37 + i / 256);
  auto strides = column_major(sizes), to_strides = row_major(sizes);
  copy_strided(sizes, element, from.data(), strides, fast.data() + offset, to_strides);
  copy_slowly(sizes, element, from.data(), strides, slow.data() + offset, to_strides);
  RC_ASSERT(fast == slow);
}

RC_GTEST_PROP(MemoryOrder, RunsFollowOnEachOtherAndCoverAll, ()) {
  auto sizes = *rc::gen::container<std::vector<int64_t>>(
      *rc::gen::inRange<size_t>(0, 5), rc::gen::element<int64_t>(0, 1, 2, 3, 7, 200));
  auto most = *rc::gen::element<int64_t>(1, 5, 70, 100, 1000);
  auto strides = column_major(sizes);
  int64_t end = 0;
  for_each_run(sizes, most, [&](std::span<const int64_t> begin, std::span<const int64_t> part) {
    int64_t first = 0, count = 1, last = 0;
    for (size_t d = 0; d < sizes.size(); ++d) {
      first += begin[d] * strides[d];
      last += (begin[d] + part[d] - 1) * strides[d];
      count *= part[d];
    }
    RC_ASSERT(first == end);
    RC_ASSERT(last == first + count - 1);
    RC_ASSERT(count >= 1 && count <= most);
    end = first + count;
  });
  RC_ASSERT(end == std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>()));
}

TEST(MemoryOrder, StridesCountFromTheFastIndex) {
  std::vector<int64_t> sizes{2, 3, 4};
  EXPECT_EQ(column_major(sizes), (std::vector<int64_t>{1, 2, 6}));
  EXPECT_EQ(row_major(sizes), (std::vector<int64_t>{12, 4, 1}));
  EXPECT_TRUE(row_major({}).empty());
}

}  // namespace
}  // namespace luxtorch::io
