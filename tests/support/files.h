// Files and folders for tests that write some.
#pragma once

#include <sys/resource.h>

#include <filesystem>
#include <string>

namespace luxtorch::test {

// Where tests find things. Functions, so that no other file holds a path of this machine: the compiler's
// cache then serves every checkout.
std::string golden_folder();   // tests/golden
std::string source_folder();   // the project
std::string scratch_folder();  // what tests write
std::string python();          // the interpreter

/// A new, empty folder for one test's files.
std::filesystem::path fresh_folder(const std::string& name);

std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, const std::string& bytes);

/// How many files and folders a folder holds.
size_t entries(const std::filesystem::path& folder);

/// A disk that takes no more than so many bytes per file, for as long as it lives.
class SmallDisk {
 public:
  explicit SmallDisk(size_t bytes = 20000);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace luxtorch::test
