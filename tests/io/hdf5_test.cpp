// What hdf5::save writes, hdf5::load_with_libhdf5, io::load and h5py read; what h5py writes, both read.
#include "luxtorch/io/hdf5.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "io/hdf5_corpus.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/io.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;

TEST(Hdf5, EveryTreeComesBackBitwise) {
  auto folder = test::fresh_folder("hdf5");
  for (bool compress : {false, true}) {
    for (const auto& [name, tree] : test::hdf5_corpus()) {
      SCOPED_TRACE(name);
      auto path = folder / (name + ".h5");
      hdf5::save(path, tree, {.compress = compress});
      Tree read = hdf5::load_with_libhdf5(path);
      EXPECT_EQ(tree::difference(tree, read), "");
      EXPECT_SAME(read, tree);
      EXPECT_SAME(io::load(path), tree);
    }
  }
}

TEST(Hdf5, EqualTreesMakeEqualFiles) {
  auto folder = test::fresh_folder("hdf5_equal");
  Tree tree = named({{"b", at::eye(20)}, {"a", tuple({1, "text", Rng(3)})}});
  hdf5::save(folder / "a.h5", tree, {.compress = true});
  hdf5::save(folder / "b.h5", tree, {.compress = true});
  EXPECT_EQ(test::read_file(folder / "a.h5"), test::read_file(folder / "b.h5"));
}

TEST(Hdf5, CompressedFilesAreSmaller) {
  auto folder = test::fresh_folder("hdf5_compressed");
  Tree tree = named({{"w", at::eye(1000)}});
  hdf5::save(folder / "a.h5", tree);
  io::save(folder / "b.hdf5", tree, {.compress = true});
  EXPECT_LT(20 * fs::file_size(folder / "b.hdf5"), fs::file_size(folder / "a.h5"));
  EXPECT_SAME(io::load(folder / "b.hdf5"), tree);
}

void expect_refused(const Tree& tree, const std::string& text) {
  auto folder = test::fresh_folder("hdf5_refused");
  test::write_file(folder / "a.h5", "old");
  EXPECT_ERROR(UnsupportedError, hdf5::save(folder / "a.h5", tree), "[hdf5::save] at " + text);
  EXPECT_EQ(test::read_file(folder / "a.h5"), "old");
  EXPECT_EQ(test::entries(folder), 1U);
}

TEST(Hdf5, WhatHdf5CannotHoldIsRefusedByPathBeforeTheFileIsTouched) {
  expect_refused(named({{"a", tuple({1, at::zeros({2}).to(Dtype::BFloat16)})}}),
                 "a.1: expected a dtype that HDF5 has, got bfloat16. Convert it, for example to "
                 "float32.");
  expect_refused(named({{"a", at::zeros({2, 2}).to_sparse()}}),
                 "a: expected a dense tensor that has its values, got another kind. Convert it.");
  for (const char* key : {"b/c", "\xff"})
    expect_refused(named({{"a", named({{key, 1}})}}),
                   std::string("a.") + key +
                       ": expected keys of UTF-8 text without '/' and NUL, got another key. Rename "
                       "it.");
  expect_refused(named({{"a", at::zeros({1}).reshape(std::vector<int64_t>(33, 1))}}),
                 "a: expected at most 32 dimensions, got 33. Reshape it.");
  Tree deep = 1;
  std::string path;
  for (int i = 0; i < 101; ++i) deep = named({{"d", deep}}), path += i == 0 ? "d" : ".d";
  expect_refused(deep, path + ": expected a tree of at most 100 levels, got more. Flatten it.");
}

TEST(Hdf5, AFullDiskLeavesTheOldFile) {
  auto folder = test::fresh_folder("hdf5_full");
  hdf5::save(folder / "a.h5", named({{"a", 1}}));
  auto before = test::read_file(folder / "a.h5");
  {
    test::SmallDisk disk;
    EXPECT_THROW(hdf5::save(folder / "a.h5", named({{"a", at::zeros({100000})}})), ArgumentError);
  }
  EXPECT_EQ(test::read_file(folder / "a.h5"), before);
  EXPECT_EQ(test::entries(folder), 1U);
  hdf5::save(folder / "a.h5", named({{"a", 2}}));
  EXPECT_EQ(hdf5::load_with_libhdf5(folder / "a.h5")["a"].scalar<int64_t>(), 2);
}

TEST(Hdf5, FilesThatAreNone) {
  auto folder = test::fresh_folder("hdf5_errors");
  EXPECT_THROW(hdf5::load_with_libhdf5(folder / "missing.h5"), ArgumentError);
  test::write_file(folder / "a.h5", "no HDF5 file");
  EXPECT_THROW(hdf5::load_with_libhdf5(folder / "a.h5"), FormatError);
  EXPECT_THROW(io::load(folder / "a.h5"), FormatError);
  hdf5::save(folder / "a.h5", named({{"a", at::zeros({1000})}}));
  EXPECT_ERROR(FormatError, hdf5::load_with_libhdf5(folder / "a.h5", {.memory_limit = 1000}),
               "[hdf5::load_with_libhdf5] at " + (folder / "a.h5").string() +
                   ":a: expected values that fit in memory, got some of 4000 bytes, where 935 are "
                   "left. If you trust the file, load it with a larger memory_limit.");
}

}  // namespace
}  // namespace luxtorch
