#include "luxtorch/io/sha256.h"

#include <gtest/gtest.h>

#include "luxtorch/core/error.h"
#include "support/compare.h"
#include "support/files.h"

namespace luxtorch {
namespace {

// The examples of FIPS 180-4 (and the empty text).
TEST(Sha256, IsTheStandards) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  auto folder = test::fresh_folder("sha256");
  for (size_t size : {0, 3, 262144, 1'000'000}) {
    test::write_file(folder / "file", std::string(size, 'a'));
    EXPECT_EQ(sha256_file(folder / "file"), sha256(std::string(size, 'a')));
  }
}

TEST(Sha256, AFileThatCannotBeReadIsNamed) {
  auto folder = test::fresh_folder("sha256_errors");
  std::string missing = folder / "missing";
  EXPECT_ERROR(ArgumentError, sha256_file(missing),
               "[sha256_file] at " + missing +
                   ": expected a file that can be read, got No such file or directory. Check the "
                   "path.");
  EXPECT_ERROR(
      ArgumentError, sha256_file(folder),
      "[sha256_file] at " + folder.string() + ": expected a file, got a folder. Check the path.");
  EXPECT_ERROR(
      ArgumentError, sha256_file("/dev/null"),
      "[sha256_file] at /dev/null: expected a file, got a device or a pipe. Check the path.");
}

}  // namespace
}  // namespace luxtorch
