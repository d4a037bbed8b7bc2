// Names that a tree has no keys for: escaped when loaded, written again as they were.
#include "io/base/flat_names.h"

#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "io/base/file_names.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/io.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;

Tree nested(const std::vector<std::string>& names) {
  std::vector<Tree::Item> flat;
  for (const auto& name : names) flat.emplace_back(name, name);
  return io::nest_names(flat);
}

std::vector<std::string> names_of(const Tree& tree) {
  std::vector<std::string> names;
  for (const auto& path : tree::paths(tree)) names.push_back(io::name_of_path(path));
  return names;
}

const std::vector<std::string> kOdd = {
    "q",   "q.absmax", "q.absmax.scale", "a..b",    ".c",  "d.",   "",    "..",  "%",
    "%25", "%2E",      "e%2Ef",          "e%252Ef", "50%", "%25x", "g.h", "g.%", "g.%2E"};

TEST(FlatNames, DotsThatNestNothingStayInTheKey) {
  Tree tree = nested({"q.weight.absmax", "q.weight", "a..b", ".c.d", "e.", ""});
  EXPECT_EQ(tree::paths(tree), (std::vector<std::string>{"q.weight%2Eabsmax", "q.weight",
                                                         "a%2E%2Eb", "%2Ec.d", "e%2E", "%"}));
  EXPECT_EQ(tree["q"]["weight%2Eabsmax"].scalar<std::string>(), "q.weight.absmax");
}

TEST(FlatNames, EveryNameHasOneKeyAndComesBack) {
  Tree tree = nested(kOdd);
  EXPECT_EQ(names_of(tree).size(), kOdd.size());
  tree::for_each(
      [](const std::string& path, const Tree& leaf) {
        EXPECT_EQ(io::name_of_path(path), leaf.scalar<std::string>());
      },
      tree);
  EXPECT_TRUE(io::names_tell(tree::paths(tree)));
  std::string text;  // all texts of up to five of these
  std::function<void(int)> extend = [&](int more) {
    for (auto empty : {io::EmptyNames::kExist, io::EmptyNames::kNever}) {
      if (text.empty() && empty == io::EmptyNames::kNever) continue;
      auto key = io::key_of_name(text, empty);
      EXPECT_FALSE(key.empty());
      EXPECT_EQ(key.find('.'), key.npos);
      EXPECT_EQ(io::name_of_key(key, empty), text) << key;
      if (text.find('.') == text.npos && !text.empty()) {
        EXPECT_EQ(io::key_of_name(io::name_of_key(text, empty), empty), text);
      }
    }
    for (const char* part : {"%", "25", "2E", ".", "x"}) {
      if (more == 0) return;
      auto before = text.size();
      text += part;
      extend(more - 1);
      text.resize(before);
    }
  };
  extend(5);
}

TEST(FlatNames, ANameTwiceIsRefused) {
  EXPECT_ANY_THROW(nested({"a", "a"}));
  EXPECT_FALSE(io::names_tell({"a%2Eb", "a.b"}));
  EXPECT_FALSE(io::names_tell({"a%2Eb"}));
  EXPECT_TRUE(io::names_tell({"a", "a%2Eb"}));
}

TEST(FlatNames, EveryFormatRoundTripsThem) {
  auto folder = test::fresh_folder("flat_names");
  std::vector<Tree::Item> flat;
  for (const auto& name : kOdd)
    flat.emplace_back(name, at::ones({static_cast<int64_t>(name.size()) + 1}));
  Tree tree = io::nest_names(flat);
  for (const char* file : {"a.safetensors", "a.npz", "a.pt", "a.jld2"}) {
    SCOPED_TRACE(file);
    try {
      io::save(folder / file, tree);
    } catch (const UnsupportedError&) {
      ASSERT_STREQ(file, "a.jld2") << "only a build without HDF5 cannot write it";
      continue;
    }
    EXPECT_SAME(io::load(folder / file), tree);
  }
  io::save(folder / "b.pt", tree, {.torch_archive = {.state_dict = true}});
  EXPECT_SAME(io::load(folder / "b.pt"), tree);
}

TEST(FlatNames, PlainHdf5RoundTripsWhatItsNamesCanBe) {
  auto path = test::fresh_folder("flat_names_hdf5") / "a.h5";
  Tree tree = nested({"q.weight", "q.weight.absmax", "a..b", ".c", "d.", "e%2Ef", "..."});
  try {
    io::save(path, tree.with("%", 1).with("%25", 2));
  } catch (const UnsupportedError&) {
    GTEST_SKIP() << "a build without HDF5";
  }
  EXPECT_SAME(io::load(path), tree.with("%", 1).with("%25", 2));
  EXPECT_SAME(hdf5::load_with_libhdf5(path), tree.with("%", 1).with("%25", 2));
  EXPECT_THROW(io::save(path, named({{"%2E", 1}})), UnsupportedError);  // "." is the group itself
}

TEST(FlatNames, WhatBitsandbytesWritesLoadsAndConverts) {
  auto file = io::load(fs::path(test::golden_folder()) / "files/bnb4bit.safetensors");
  EXPECT_EQ(names_of(file),
            (std::vector<std::string>{"q.weight.absmax", "q.weight.quant_map", "q.weight"}));
  EXPECT_EQ(file["q"]["weight"].tensor().scalar_type(), Dtype::Byte);
  EXPECT_EQ(file["q"]["weight%2Equant_map"].tensor().size(0), 16);
  auto path = test::fresh_folder("bnb") / "a.npz";
  io::save(path, file);
  EXPECT_NE(test::read_file(path).find("q.weight.quant_map.npy"), std::string::npos);
  EXPECT_EQ(test::read_file(path).find("luxtorch.tree"), std::string::npos);
}

TEST(FlatNames, NamesThatSeveralPathsWouldHaveStayApart) {
  std::vector<std::string> paths = {"a.b", "a%2Eb", "a.b_", "a%2Eb_", "tree", "%", ""};
  auto names = io::file_names(paths, "root", {"tree", ""});
  std::set<std::string> different;
  for (const auto& path : paths) different.insert(names.at(path));
  EXPECT_EQ(different.size(), paths.size());
  EXPECT_EQ(names.at(""), "root");
  EXPECT_FALSE(different.contains("tree"));
  EXPECT_FALSE(different.contains(""));
}

TEST(FlatNames, KeysThatNoNameTellsAreRefusedWhereNamesAreAll) {
  auto folder = test::fresh_folder("flat_names_refused");
  Tree tree = named({{"x", named({{"a%2Eb", at::ones({1})}})}});
  for (const char* file : {"a.pt", "a.jld2", "a.h5"}) {
    try {
      io::save(folder / file, tree);
      ADD_FAILURE() << file;
    } catch (const UnsupportedError& error) {
      std::string text = error.what();
      if (text.find("libhdf5-dev") != text.npos) continue;  // a build without it
      EXPECT_NE(
          text.find("at x.a%2Eb: expected keys that the names in a file tell, got \"a%2Eb\", whose "
                    "name \"a.b\" nests on its dots when it is read. Rename it."),
          text.npos)
          << text;
    }
  }
}

TEST(FlatNames, TreesWhoseKeysOnlyLookEscapedKeepTheirValues) {
  auto folder = test::fresh_folder("flat_names_alike");
  Tree tree = named({{"a%2Eb", at::ones({1})}, {"a", named({{"b", at::ones({2})}})}});
  for (const char* file : {"a.safetensors", "a.npz", "a.pt"}) {
    io::save(folder / file, tree);
    EXPECT_SAME(io::load(folder / file), tree) << file;
  }
  EXPECT_THROW(io::save(folder / "b.pt", tree, {.torch_archive = {.state_dict = true}}),
               UnsupportedError);
}

}  // namespace
}  // namespace luxtorch
