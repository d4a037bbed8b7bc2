#include "io/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "luxtorch/core/error.h"

namespace luxtorch::io {

void InputFile::fail(const std::string& expected, const std::string& got) const {
  ArgumentError error(who_, "expected " + expected + ", got " + got + ". Check the path.");
  error.prepend_path_(path_.string());
  throw error;
}

InputFile::InputFile(std::string who, std::filesystem::path path)
    : who_(std::move(who)), path_(std::move(path)) {
  // O_NONBLOCK: opening a pipe must fail below, not wait for a writer.
  descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) fail("a file that can be read", std::strerror(errno));
  struct stat status{};
  bool known = ::fstat(descriptor_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    std::string got = !known                    ? std::strerror(errno)
                      : S_ISDIR(status.st_mode) ? "a folder"
                                                : "a device or a pipe";
    ::close(descriptor_);
    fail("a file", got);
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read(uint64_t offset, void* to, uint64_t count) const {
  auto* bytes = static_cast<char*>(to);
  while (count > 0) {
    constexpr uint64_t kLargest = uint64_t{1} << 30U;  // Linux reads less than 2 GiB in one call
    ssize_t got =
        ::pread(descriptor_, bytes, std::min(count, kLargest), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("a file that can be read", std::strerror(errno));
    if (got == 0) {
      FormatError error(who_,
                        "expected more bytes, got the end of the file. Something has cut it "
                        "while it was read.");
      error.prepend_path_(path_.string());
      throw error;
    }
    bytes += got;
    offset += static_cast<uint64_t>(got);
    count -= static_cast<uint64_t>(got);
  }
}

std::string InputFile::text() const {
  std::string all(size_, '\0');
  read(0, all.data(), size_);
  return all;
}

}  // namespace luxtorch::io
