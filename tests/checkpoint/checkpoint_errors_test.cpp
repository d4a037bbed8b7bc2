// Wrong paths, missing rights, full disks, killed writers: a clear error, and nothing lost.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checkpoint/checkpoint_cases.h"
#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "support/compare.h"

namespace luxtorch {
namespace {

namespace fs = std::filesystem;
using testing::fresh;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TwoSaved;

TEST(CheckpointPaths, WrongOnesAreNamed) {
  auto folder = test::fresh_folder("checkpoint_paths");
  std::string file = folder / "file", missing = folder / "missing";
  test::write_file(file, "");
  EXPECT_ERROR(
      ArgumentError, CheckpointFolder(file.c_str()),
      "[CheckpointFolder] at " + file + ": expected a folder, got a file. Choose another path.");
  EXPECT_THROW(CheckpointFolder(fs::path(file) / "below"), ArgumentError);
  EXPECT_THROW(CheckpointFolder(""), ArgumentError);
  EXPECT_ERROR(ArgumentError, CheckpointFolder(missing, {.keep = 0}),
               "[CheckpointFolder] expected keep of at least 1, got 0.");
  EXPECT_ERROR(ArgumentError, load_checkpoint(missing),
               "[load_checkpoint] at " + missing +
                   ": expected a checkpoint's or a run's folder, got nothing. Check the path.");
  EXPECT_ERROR(ArgumentError, load_checkpoint(file),
               "[load_checkpoint] at " + file +
                   ": expected a checkpoint's or a run's folder, got a file. Check the path.");
  EXPECT_ERROR(ArgumentError, load_checkpoint(folder),
               "[load_checkpoint] at " + folder.string() +
                   ": expected checkpoints in this folder, got none. Check the path.");
}

TEST(CheckpointPaths, AFileInTheWayOfACheckpointIsNamedAndStays) {
  CheckpointFolder run(test::fresh_folder("checkpoint_in_the_way"));
  test::write_file(run.path() / "step_000000000", "mine");
  EXPECT_ERROR(ArgumentError, run.save(fresh()),
               "[CheckpointFolder::save] at " + (run.path() / "step_000000000").string() +
                   ": expected a folder or nothing at this place, got Not a directory. Choose "
                   "another path or make room.");
  EXPECT_EQ(test::read_file(run.path() / "step_000000000"), "mine");
  EXPECT_EQ(test::entries(run.path()), 1U);
}

// Without root's rights, for as long as it lives.
struct Unprivileged {
  uid_t before = ::geteuid();
  bool works = before != 0 || ::seteuid(65534) == 0;
  ~Unprivileged() {
    if (works && before == 0 && ::seteuid(0) != 0) std::abort();
  }
};

TEST(CheckpointPaths, AFolderWithoutRightsIsRefusedAndLosesNothing) {
  TwoSaved run("checkpoint_rights");
  auto folder = run.folder.path();
  fs::permissions(folder, fs::perms(0555));
  {
    Unprivileged user;
    if (!user.works) GTEST_SKIP() << "root that cannot give up its rights";
    EXPECT_ERROR(ArgumentError, CheckpointFolder(folder.c_str()),
                 "[CheckpointFolder] at " + folder.string() +
                     ": expected a folder that can be written to, got Permission denied. Choose "
                     "another path.");
    EXPECT_THROW(CheckpointFolder(folder / "new"), ArgumentError);
    EXPECT_ERROR(
        ArgumentError, run.save(3),
        "[CheckpointFolder::save] at " + run.path(3).string() +
            ": expected a folder that checkpoints can be written to, got Permission denied. "
            "Choose another path or make room.");
    EXPECT_EQ(run.folder.resume().checkpoint->step, 2);
  }
  fs::permissions(folder, fs::perms(0755));
  EXPECT_EQ(test::entries(folder), 2U);
}

TEST(CheckpointDisk, AFullOneLosesNothing) {
  TwoSaved run("checkpoint_full");
  Tree large = named({{"large", zeros({100000})}});
  for (size_t limit : {size_t{0}, size_t{100}, size_t{1000}, size_t{20000}}) {
    test::SmallDisk disk(limit);
    EXPECT_THROW(run.save(3, large), ArgumentError);
    EXPECT_EQ(test::entries(run.folder.path()), 2U);
  }
  {
    test::SmallDisk disk;
    EXPECT_ERROR(
        ArgumentError, run.save(2, large),
        "[CheckpointFolder::save] at " + run.file("program.safetensors") +
            ": expected a disk that takes the file, got File too large. Choose another path "
            "or make room.");
  }
  EXPECT_EQ(run.folder.resume().checkpoint->step, 2);
  EXPECT_THAT(run.folder.resume().skipped, IsEmpty());
  run.save(3, large);
  EXPECT_EQ(run.folder.resume().checkpoint->step, 3);
}

TEST(CheckpointDisk, AFullFileSystemLosesNothing) {
  auto folder = test::fresh_folder("checkpoint_tmpfs");
  if (::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=256k") != 0)
    GTEST_SKIP() << "mounting a small tmpfs takes root: " << std::strerror(errno);
  struct Mounted {
    fs::path path;
    ~Mounted() { ::umount2(path.c_str(), MNT_DETACH); }
  } mounted{folder};
  CheckpointFolder run(folder / "run", {.keep = 1});
  auto path = run.save(fresh());
  TrainState next = fresh();
  next.step = 1;
  try {
    run.save(next, {.values = named({{"large", zeros({100000})}})});
    ADD_FAILURE() << "400 KB fit into 256 KB";
  } catch (const ArgumentError& error) {
    EXPECT_THAT(error.what(), HasSubstr("got No space left on device"));
  }
  EXPECT_EQ(run.resume().checkpoint->path, path);
  EXPECT_EQ(test::entries(run.path()), 1U);
  EXPECT_EQ(load_checkpoint(run.save(next)).step, 1);
}

TEST(CheckpointDisk, WhatCannotBeSavedIsRefusedBeforeAnythingIsWritten) {
  TwoSaved run("checkpoint_unsupported");
  EXPECT_ERROR(
      UnsupportedError, run.save(3, named({{"w", zeros({2}, {.dtype = Dtype::ComplexDouble})}})),
      "[CheckpointFolder::save] at program.values.w: expected a dtype that safetensors has, "
      "got complex128. Convert it.");
  EXPECT_EQ(test::entries(run.folder.path()), 2U);
}

// The temporary folder of a process, with a file in it.
fs::path leftover(const fs::path& folder, pid_t owner) {
  auto path = folder / (".luxtorch-folder-" + std::to_string(owner) + "-0.tmp");
  fs::create_directories(path);
  test::write_file(path / "parameters.safetensors", "half");
  return path;
}

pid_t dead_process() {
  pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ::waitpid(child, nullptr, 0);
  return child;
}

TEST(CheckpointLeftovers, OfDeadProcessesAreRemovedByTheNextSave) {
  TwoSaved run("checkpoint_leftovers");
  auto dead = leftover(run.folder.path(), dead_process());
  auto same_number = leftover(run.folder.path(), ::getpid());  // of an earlier container, say
  EXPECT_THAT(run.folder.resume().skipped, IsEmpty());
  EXPECT_TRUE(fs::exists(dead));
  run.save(3);
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_FALSE(fs::exists(same_number));
}

TEST(CheckpointLeftovers, OfLivingProcessesAndOfOthersStay) {
  TwoSaved run("checkpoint_living");
  auto living = leftover(run.folder.path(), ::getppid());
  auto locked = leftover(run.folder.path(), dead_process());  // alive in another container
  int lock = ::open(locked.c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(::flock(lock, LOCK_EX), 0);
  auto nested = leftover(run.folder.path(), dead_process() + 100000);
  fs::create_directories(nested / "somebody's");
  run.save(3);
  EXPECT_TRUE(fs::exists(living / "parameters.safetensors"));
  EXPECT_TRUE(fs::exists(locked / "parameters.safetensors"));
  EXPECT_TRUE(fs::exists(nested / "somebody's"));
  ::close(lock);
  run.save(4);
  EXPECT_FALSE(fs::exists(locked));
}

}  // namespace
}  // namespace luxtorch
