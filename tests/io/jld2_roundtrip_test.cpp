// What save writes, load reads: bit for bit, and as the rules of JLD2.jl say.
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "io/jld2_corpus.h"
#include "luxtorch/core/error.h"
#include "luxtorch/interop/lux_layout.h"
#include "luxtorch/io/jld2.h"
#include "luxtorch/ties.h"
#include "support/corpus.h"
#include "support/files.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;

class Jld2RoundTrip : public ::testing::TestWithParam<bool> {};

TEST_P(Jld2RoundTrip, EveryTreeOfTheCorpusComesBackBitwise) {
  auto folder = test::fresh_folder(GetParam() ? "jld2_deflated" : "jld2_plain");
  for (const auto& [name, tree] : test::jld2_corpus()) {
    SCOPED_TRACE(name);
    auto path = folder / (name + ".jld2");
    jld2::save(path, tree, {.compress = GetParam()});
    Tree read = jld2::load(path);
    EXPECT_EQ(tree::difference(tree, read), "");
    EXPECT_TRUE(tree::equal(tree, read));
  }
}

TEST_P(Jld2RoundTrip, EveryFileSatisfiesTheCheckerAndHasItsValues) {
  auto folder = test::fresh_folder(GetParam() ? "jld2_checked_deflated" : "jld2_checked");
  for (const auto& [name, tree] : test::jld2_corpus()) {
    jld2::save(folder / (name + ".jld2"), tree, {.compress = GetParam()});
    test::write_file(folder / (name + ".json"), test::exact_json(tree));
  }
  EXPECT_EQ(test::compare_with_checker(folder, "--ours"), 0);
}

TEST(Jld2, FilesOfEveryLayerInLuxsLayoutSatisfyTheCheckerAndHaveTheirValues) {
  auto folder = test::fresh_folder("jld2_lux");
  for (const auto& row : testing::corpus()) {
    auto [ps, st] = setup(Rng(42), row.layer);
    auto [ps_lux, st_lux] = to_lux(row.layer, ps, st);
    const Tree tree = named({{"ps", ps_lux}, {"st", st_lux}});
    jld2::save(folder / (row.name + ".jld2"), tree);
    test::write_file(folder / (row.name + ".json"), test::exact_json(tree));
  }
  EXPECT_EQ(test::compare_with_checker(folder, "--ours"), 0);
}

TEST(Jld2Ties, SharedParametersHaveTheirValuesAtEachPlace) {
  auto layer = [](double x) { return named({{"weight", at::full({2, 3}, x)}}); };
  Tree ps = share_parameters(named({{"a", layer(1)}, {"b", layer(2)}}), {{"b", "a"}});
  auto path = test::fresh_folder("jld2_ties") / "ps.jld2";
  jld2::save(path, ps);
  Tree read = jld2::load(path);
  EXPECT_TRUE(tree::equal(read, ps));
  EXPECT_TRUE(ties(read).empty());
  EXPECT_EQ(ties(with_ties_of(read, ps)), ties(ps));
}

INSTANTIATE_TEST_SUITE_P(Compression, Jld2RoundTrip, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "On" : "Off"; });

TEST(Jld2, SavingAgainReplacesTheFileAndLeavesNothingElse) {
  auto folder = test::fresh_folder("jld2_replace");
  auto path = folder / "model.jld2";
  jld2::save(path, named({{"a", 1}}));
  fs::permissions(path, fs::perms::owner_read | fs::perms::owner_write);
  jld2::save(path, named({{"b", 2}}));
  EXPECT_EQ(jld2::load(path).keys(), std::vector<std::string>{"b"});
  EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1);
}

TEST(Jld2, ASymbolicLinkStaysOne) {
  auto folder = test::fresh_folder("jld2_link");
  jld2::save(folder / "real.jld2", named({{"a", 1}}));
  fs::create_symlink("real.jld2", folder / "link.jld2");
  jld2::save(folder / "link.jld2", named({{"b", 2}}));
  EXPECT_TRUE(fs::is_symlink(folder / "link.jld2"));
  EXPECT_EQ(jld2::load(folder / "real.jld2").keys(), std::vector<std::string>{"b"});
}

TEST(Jld2, ARelativePathIsOneInTheWorkingFolder) {
  auto folder = test::fresh_folder("jld2_relative");
  auto before = fs::current_path();
  fs::current_path(folder);
  jld2::check_writable("model.jld2");
  EXPECT_TRUE(fs::is_empty(folder));
  jld2::save("model.jld2", named({{"a", 1}}));
  Tree read = jld2::load("model.jld2");
  fs::current_path(before);
  EXPECT_TRUE(tree::equal(read, named({{"a", 1}})));
}

TEST(Jld2, ArraysThatAreReadInSeveralPiecesComeBackBitwise) {
  auto path = test::fresh_folder("jld2_pieces") / "large.jld2";
  Tree tree = named({{"matrix", at::arange(3300000, Dtype::Float).reshape({3000, 1100})},
                     {"wide", at::arange(3000001, Dtype::Double).reshape({1, 3000001})},
                     {"tall", at::arange(3000001, Dtype::Double).reshape({3000001, 1})},
                     {"vector", at::arange(5000003, Dtype::Int)},
                     {"cube", at::arange(3500000, Dtype::Float).reshape({700, 1000, 5})},
                     {"flags", at::arange(17000000, Dtype::Int).remainder(3).to(kBool)}});
  jld2::save(path, tree);
  EXPECT_TRUE(tree::equal(jld2::load(path), tree));
}

TEST(Jld2, ArraysThatAreDeflatedInSeveralChunksComeBackBitwise) {
  auto path = test::fresh_folder("jld2_chunks") / "large.jld2";
  Tree tree = named({{"matrix", at::arange(3300000, Dtype::Float).reshape({3000, 1100})},
                     {"vector", at::arange(2500003, Dtype::Int)},
                     {"cube", at::arange(2500000, Dtype::Float).reshape({500, 1000, 5})},
                     {"last", at::arange(3000, Dtype::Double).reshape({1, 2, 1500})}});
  jld2::save(path, tree, {.compress = true});
  EXPECT_TRUE(tree::equal(jld2::load(path), tree));
  EXPECT_EQ(test::check_file(path), 0);
}

TEST(Jld2, DeflatedFilesAreSmaller) {
  auto folder = test::fresh_folder("jld2_size");
  Tree tree = named({{"zeros", at::arange(100000, Dtype::Float).mul(0)}});
  jld2::save(folder / "plain.jld2", tree);
  jld2::save(folder / "deflated.jld2", tree, {.compress = true});
  EXPECT_GT(fs::file_size(folder / "plain.jld2"), 400000U);
  EXPECT_LT(fs::file_size(folder / "deflated.jld2"), 20000U);
}

Tensor random_jld2_tensor() {
  auto rank = *rc::gen::inRange<size_t>(0, 6);
  auto sizes = *rc::gen::container<std::vector<int64_t>>(rank, rc::gen::inRange<int64_t>(0, 5));
  Dtype dtype = *rc::gen::element(kFloat32, kFloat64, kInt64, kBool, Dtype::Half, Dtype::Byte);
  Tensor tensor = (at::randn(sizes, Dtype::Double) * 100).to(dtype);
  for (int64_t d = 1; d < tensor.dim(); ++d)
    if (*rc::gen::arbitrary<bool>()) tensor = tensor.transpose(d - 1, d);
  return tensor;
}

Tree random_jld2_tree(int depth) {
  switch (*rc::gen::inRange(0, depth > 0 ? 11 : 8)) {
    case 0:
      return {};
    case 1:
      return *rc::gen::arbitrary<bool>();
    case 2:
      return *rc::gen::arbitrary<int64_t>();
    case 3:
      return *rc::gen::arbitrary<double>();
    case 4: {
      auto text = *rc::gen::string<std::string>();
      std::erase(text, '\0');
      return text;
    }
    case 5:
      return Rng(*rc::gen::arbitrary<uint64_t>());
    case 6:
    case 7:
      return random_jld2_tensor();
    case 8: {
      std::vector<Tree> elements;
      auto count = *rc::gen::inRange(0, 5);
      for (int i = 0; i < count; ++i) elements.push_back(random_jld2_tree(depth - 1));
      return tuple(std::move(elements));
    }
    default: {
      std::vector<Tree::Item> items;
      auto count = *rc::gen::inRange(0, 6);
      for (int i = 0; i < count; ++i)
        items.emplace_back(i == 3 ? "training" : "k" + std::to_string(i),
                           random_jld2_tree(depth - 1));
      return named(std::move(items));
    }
  }
}

RC_GTEST_PROP(Jld2Random, TreesComeBackBitwise, ()) {
  Tree tree = named({{"root", random_jld2_tree(4)}, {"other", random_jld2_tree(3)}});
  auto path = fs::path(test::scratch_folder()) / "jld2_random.jld2";
  jld2::save(path, tree, {.compress = *rc::gen::arbitrary<bool>()});
  RC_ASSERT(tree::difference(tree, jld2::load(path)).empty());
  RC_ASSERT(tree::equal(tree, jld2::load(path)));
}

}  // namespace
}  // namespace luxtorch
