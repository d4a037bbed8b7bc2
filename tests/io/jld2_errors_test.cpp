// Bad input to jld2::save and jld2::load: what the user is told, and what stays on the disk.
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/zeros.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "io/jld2_corpus.h"
#include "luxtorch/core/error.h"
#include "luxtorch/io/jld2.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;

using test::entries;
using test::SmallDisk;

TEST(Jld2LoadErrors, AMissingFileAndAFolderAreWrongPaths) {
  auto folder = test::fresh_folder("jld2_load_errors");
  std::string missing = (folder / "missing.jld2").string();
  EXPECT_ERROR(
      ArgumentError, jld2::load(missing),
      "[jld2::load] at " + missing +
          ": expected a file that can be read, got No such file or directory. Check the path.");
  EXPECT_ERROR(
      ArgumentError, jld2::load(folder),
      "[jld2::load] at " + folder.string() + ": expected a file, got a folder. Check the path.");
}

TEST(Jld2LoadErrors, AnotherKindOfFileIsNotJld2) {
  auto folder = test::fresh_folder("jld2_other_files");
  auto path = folder / "model.jld2";
  std::string is = "[jld2::load] at " + path.string() + ": expected a JLD2 file, got ";
  test::write_file(path, "");
  EXPECT_ERROR(FormatError, jld2::load(path),
               is + "an empty file. It was not copied or downloaded to its end; fetch it again.");
  for (const std::string& text : {std::string("x"), std::string("hello"), std::string(512, 'a')}) {
    test::write_file(path, text);
    EXPECT_ERROR(
        FormatError, jld2::load(path),
        is + "a text that begins \"" + text.substr(0, 40) +
            "\". It is perhaps a server's answer in place of the file; fetch the file itself.");
  }
  for (const std::string& bytes : {std::string("\1\2\3"), std::string("PK\x03\x04 a zip file")}) {
    test::write_file(path, bytes);
    EXPECT_ERROR(
        FormatError, jld2::load(path),
        "[jld2::load] at " + path.string() +
            ": expected a JLD2 (HDF5) file, got a file without the HDF5 signature. The file is "
            "damaged or not a JLD2 file; save or copy it again.");
  }
}

TEST(Jld2LoadErrors, AnErrorNamesTheVariable) {
  auto folder = test::fresh_folder("jld2_named_error");
  auto path = folder / "model.jld2";
  jld2::save(path, named({{"ps", named({{"dense", named({{"weight", at::zeros({7, 11})}})}})}}));
  std::string bytes = test::read_file(path);
  std::string dims(
      {11, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0});  // of the array, in its header
  size_t at = bytes.find(dims);
  ASSERT_NE(at, std::string::npos);
  bytes[at] = 12;
  test::write_file(path, bytes);
  try {
    jld2::load(path);
    FAIL();
  } catch (const FormatError& error) {
    EXPECT_EQ(error.path(), path.string() + ":ps.dense.weight");
  }
}

TEST(Jld2SaveErrors, APathThatCannotBeWrittenIsFoundBeforeSaving) {
  auto folder = test::fresh_folder("jld2_paths");
  test::write_file(folder / "file", "text");
  auto check = [](const fs::path& path, const std::string& rest) {
    EXPECT_ERROR(ArgumentError, jld2::check_writable(path),
                 "[jld2::save] at " + path.string() + rest);
    EXPECT_ERROR(ArgumentError, jld2::save(path, named({{"a", 1}})),
                 "[jld2::save] at " + path.string() + rest);
  };
  std::string none = (folder / "none").string();
  check(
      folder / "none" / "model.jld2",
      ": expected a folder " + none + ", got No such file or directory. Create the folder first.");
  check(folder, ": expected a file, got a folder. Add a file name.");
  check(folder / "file" / "model.jld2", ": expected a folder " + (folder / "file").string() +
                                            ", got a file of that name. Choose another path.");
  check("/dev/null", ": expected a regular file, got a device or a pipe. Choose another path.");
  EXPECT_ERROR(ArgumentError, jld2::check_writable(""),
               "[jld2::save] expected a path, got an empty one. Give the file a name.");
  EXPECT_EQ(entries(folder), 1U);
}

// Root may write everywhere; as long as this lives, root is somebody else.
class NotRoot {
 public:
  NotRoot() : was_root_(::geteuid() == 0 && ::seteuid(65534) == 0) {}
  ~NotRoot() {
    if (was_root_ && ::seteuid(0) != 0) std::abort();
  }

 private:
  bool was_root_;
};

TEST(Jld2SaveErrors, AReadOnlyFolderAndAReadOnlyFileStayAsTheyAre) {
  auto folder = test::fresh_folder("jld2_read_only");
  fs::permissions(folder, fs::perms::all);
  NotRoot not_root;
  if (::faccessat(AT_FDCWD, folder.c_str(), W_OK, AT_EACCESS) != 0)
    GTEST_SKIP() << "nobody but root gets to " << folder;
  folder /= "own";
  fs::create_directory(folder);
  auto path = folder / "model.jld2";
  jld2::save(path, named({{"a", 1}}));
  fs::permissions(path, fs::perms::owner_read);
  EXPECT_THROW(jld2::check_writable(path), ArgumentError);
  fs::permissions(folder, fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_THROW(jld2::check_writable(folder / "new.jld2"), ArgumentError);
  EXPECT_THROW(jld2::save(folder / "new.jld2", named({{"b", 1}})), ArgumentError);
  fs::permissions(folder, fs::perms::owner_all);
  EXPECT_EQ(jld2::load(path).keys(), std::vector<std::string>{"a"});
}

TEST(Jld2SaveErrors, WhatAFileCannotHoldIsNamedAndTheOldFileStays) {
  auto folder = test::fresh_folder("jld2_unsupported");
  auto path = folder / "model.jld2";
  jld2::save(path, named({{"old", 1}}));
  std::string before = test::read_file(path);
  Tree deep = 1;
  for (int i = 0; i < 100; ++i) deep = tuple({deep});
  std::vector<Tree::Item> wide;
  for (int i = 0; i < 3000; ++i) wide.emplace_back("layer_" + std::to_string(i), i);

  EXPECT_ERROR(
      UnsupportedError,
      jld2::save(path,
                 named({{"ps", tuple({1, named({{"w", at::zeros({2}, Dtype::BFloat16)}})})}})),
      "[jld2::save] at ps.1.w: expected a dtype that Julia has, got BFloat16. Convert it, for "
      "example to float32.");
  EXPECT_ERROR(
      UnsupportedError, jld2::save(path, named({{"w", at::eye(3).to_sparse()}})),
      "[jld2::save] at w: expected a dense tensor with data, got a sparse, quantized or meta "
      "tensor. Make it dense.");
  EXPECT_ERROR(
      UnsupportedError,
      jld2::save(path, named({{"w", at::empty({3}, at::TensorOptions(c10::kMeta))}})),
      "[jld2::save] at w: expected a dense tensor with data, got a sparse, quantized or meta "
      "tensor. Make it dense.");
  EXPECT_ERROR(
      UnsupportedError, jld2::save(path, named({{"w", Tensor()}})),
      "[jld2::save] at w: expected a tensor, got an undefined one. Use Tree() for nothing.");
  EXPECT_ERROR(
      UnsupportedError, jld2::save(path, named({{"s", std::string("a\0b", 3)}})),
      "[jld2::save] at s: expected text without NUL, got a string with one. Use a uint8 tensor "
      "for bytes.");
  EXPECT_ERROR(
      UnsupportedError, jld2::save(path, named({{"a/b", 1}})),
      "[jld2::save] at a/b: expected a variable's name without '/' that is not _types, got a/b. "
      "Rename it.");
  EXPECT_THROW(jld2::save(path, named({{"_types", 1}})), UnsupportedError);
  EXPECT_THROW(jld2::save(path, named({{"\xff", 1}})), UnsupportedError);
  EXPECT_THROW(jld2::save(path, named({{"a", named({{std::string("x\0y", 3), 1}})}})),
               UnsupportedError);
  EXPECT_ERROR(UnsupportedError, jld2::save(path, named({{"deep", deep}})),
               "[jld2::save] expected at most 100 levels, got more. Flatten the tree.");
  EXPECT_ERROR(
      UnsupportedError, jld2::save(path, named({{"wide", named(wide)}})),
      "[jld2::save] expected nodes of at most some 2000 entries, got one of 3000. Nest it, or "
      "stack its tensors.");
  EXPECT_ERROR(
      TreeError, jld2::save(path, tuple({1, 2})),
      "[jld2::save] expected a named tree whose keys are the variables' names, got another tree. "
      "Save named({{\"name\", tree}}).");
  EXPECT_THROW(jld2::save(path, Tree()), TreeError);

  EXPECT_EQ(test::read_file(path), before);
  EXPECT_EQ(entries(folder), 1U);
}

TEST(Jld2SaveErrors, AFullDiskLeavesTheOldFileAndTheNextSaveWorks) {
  auto folder = test::fresh_folder("jld2_full");
  auto path = folder / "model.jld2";
  jld2::save(path, named({{"old", 1}}));
  std::string before = test::read_file(path);
  size_t open_files = entries("/proc/self/fd");
  for (bool compress : {false, true}) {
    for (const auto& [name, tree] : test::jld2_corpus()) {
      if (name != "compressible" && name != "layers_150" && name != "leaves") continue;
      SCOPED_TRACE(name);
      SmallDisk disk;
      EXPECT_THROW(jld2::save(path, tree, {.compress = compress}), ArgumentError);
    }
    EXPECT_EQ(test::read_file(path), before);
    EXPECT_EQ(entries(folder), 1U);
  }
  EXPECT_EQ(entries("/proc/self/fd"), open_files);
  jld2::save(path, named({{"new", at::zeros({10000})}}));
  EXPECT_EQ(jld2::load(path).keys(), std::vector<std::string>{"new"});
}

TEST(Jld2SaveErrors, NothingIsPrinted) {
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  auto folder = test::fresh_folder("jld2_quiet");
  {
    SmallDisk disk;
    EXPECT_THROW(jld2::save(folder / "model.jld2", named({{"a", at::zeros({10000})}})),
                 ArgumentError);
    EXPECT_THROW(
        jld2::save(folder / "model.jld2", named({{"a", at::zeros({10000})}}), {.compress = false}),
        ArgumentError);
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace luxtorch
