#include "support/files.h"

#include <csignal>
#include <fstream>
#include <iterator>
#include <sstream>

namespace luxtorch::test {

std::string golden_folder() { return LUXTORCH_SOURCE_DIR "/tests/golden"; }
std::string source_folder() { return LUXTORCH_SOURCE_DIR; }
std::string scratch_folder() { return LUXTORCH_TEST_TMP; }
std::string python() { return LUXTORCH_PYTHON; }

std::filesystem::path fresh_folder(const std::string& name) {
  auto folder = std::filesystem::path(scratch_folder()) / name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

void write_file(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

size_t entries(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  return static_cast<size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

SmallDisk::SmallDisk(size_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
  ::getrlimit(RLIMIT_FSIZE, &before_);
  rlimit small = before_;
  small.rlim_cur = bytes;
  ::setrlimit(RLIMIT_FSIZE, &small);
}

SmallDisk::~SmallDisk() {
  ::setrlimit(RLIMIT_FSIZE, &before_);
  std::signal(SIGXFSZ, handler_);
}

}  // namespace luxtorch::test
