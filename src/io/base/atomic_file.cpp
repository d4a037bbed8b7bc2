#include "io/base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "io/base/durable.h"
#include "luxtorch/core/error.h"

namespace luxtorch::io {
namespace fs = std::filesystem;

AtomicFile::AtomicFile(std::string who, fs::path path)
    : who_(std::move(who)), path_(std::move(path)), target_(path_) {
  check_target();
  create();
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::fail(const std::string& expected, const std::string& got,
                      const std::string& advice) const {
  ArgumentError error(who_, "expected " + expected + ", got " + got + ". " + advice);
  error.prepend_path_(path_.string());
  throw error;
}

void AtomicFile::fail_with_errno(const std::string& expected) const {
  fail(expected, std::strerror(errno), "Choose another path or make room.");
}

void AtomicFile::check_target() {
  if (path_.empty()) fail("a path", "an empty one", "Give the file a name.");
  std::error_code unknown;
  if (fs::is_symlink(path_, unknown)) {
    fs::path followed = fs::weakly_canonical(path_, unknown);
    if (!unknown) target_ = followed;
  }
  struct stat status{};
  if (::stat(target_.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) fail("a file", "a folder", "Add a file name.");
    if (!S_ISREG(status.st_mode))
      fail("a regular file", "a device or a pipe", "Choose another path.");
    if (::faccessat(AT_FDCWD, target_.c_str(), W_OK, AT_EACCESS) != 0)
      fail("a file that may be replaced", std::strerror(errno),
           "Make it writable or choose another path.");
  } else if (!target_.has_filename()) {
    fail("a file", "the name of a folder", "Add a file name.");
  }
  fs::path folder = folder_of(target_);
  if (::stat(folder.c_str(), &status) != 0)
    fail("a folder " + folder.string(), std::strerror(errno), "Create the folder first.");
  if (!S_ISDIR(status.st_mode))
    fail("a folder " + folder.string(), "a file of that name", "Choose another path.");
}

void AtomicFile::create() {
  static std::atomic<unsigned> counter{0};
  fs::path folder = target_.parent_path();
  while (descriptor_ < 0) {
    fs::path name = folder / (".luxtorch-" + std::to_string(::getpid()) + "-" +
                              std::to_string(counter++) + ".tmp");
    descriptor_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ >= 0)
      temporary_ = name;
    else if (errno != EEXIST)
      fail("a folder that files can be written to", std::strerror(errno),
           "Make it writable or choose another path.");
  }
}

void AtomicFile::write_at(uint64_t offset, std::string_view bytes) {
  if (!write_all(descriptor_, offset, bytes)) fail_with_errno("a disk that takes the file");
#ifdef SYNC_FILE_RANGE_WRITE
  // The disk begins now, not when commit() waits for it.
  constexpr size_t kWorthIt = 1 << 20;
  if (bytes.size() >= kWorthIt)
    ::sync_file_range(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(bytes.size()),
                      SYNC_FILE_RANGE_WRITE);
#endif
}

void AtomicFile::read_at(uint64_t offset, char* to, size_t count) const {
  while (count > 0) {
    ssize_t got = ::pread(descriptor_, to, count, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_with_errno("a disk that gives the file back");
    if (got == 0) return;
    to += got;
    offset += static_cast<uint64_t>(got);
    count -= static_cast<size_t>(got);
  }
}

void AtomicFile::resize(uint64_t size) {
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0)
    fail_with_errno("a disk that takes the file");
}

void AtomicFile::commit() {
  struct stat old{};
  if (::stat(target_.c_str(), &old) == 0 && ::fchmod(descriptor_, old.st_mode & 07777) != 0)
    fail_with_errno("a file with the permissions of the old one");
  if (::fsync(descriptor_) != 0) fail_with_errno("a disk that takes the file");
  if (::rename(temporary_.c_str(), target_.c_str()) != 0)
    fail_with_errno("a file that may be replaced");
  temporary_.clear();
  sync_folder(folder_of(target_));
}

}  // namespace luxtorch::io
