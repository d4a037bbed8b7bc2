// Files of ten thousand names: each format finds every tensor at its place.
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include "luxtorch/io/io.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

constexpr int64_t kNames = 10'000;

Tensor number(int64_t i) { return at::full({1}, i, at::TensorOptions(Dtype::Long)); }

std::string digits(int64_t i) { return std::to_string(i); }

class ManyNames : public ::testing::TestWithParam<std::string> {};

TEST_P(ManyNames, BesideEachOtherAndInGroups) {
  std::vector<Tree::Item> flat, groups;
  for (int64_t i = 0; i < kNames; ++i) flat.emplace_back("name_" + digits(i), number(i));
  for (int64_t i = 0; i < kNames; ++i)
    groups.emplace_back("group_" + digits(i), named({{"weight", number(i)}, {"bias", number(-i)}}));
  Tree tree = named({{"flat", named(std::move(flat))}, {"groups", named(std::move(groups))}});
  auto path = test::fresh_folder("many_names_" + GetParam()) / ("tree." + GetParam());
  io::save(path, tree);
  EXPECT_SAME(io::load(path), tree);
}

INSTANTIATE_TEST_SUITE_P(Formats, ManyNames, ::testing::Values("pt", "safetensors", "npz", "h5"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace luxtorch
