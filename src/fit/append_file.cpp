#include "fit/append_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "io/base/durable.h"

namespace luxtorch::detail {

namespace {

/// The size of a file without its last line, if that has no end.
off_t size_of_whole_lines(int descriptor, off_t size) {
  char block[4096];
  off_t end = size;
  while (end > 0) {
    const auto begin =
        end > static_cast<off_t>(sizeof block) ? end - static_cast<off_t>(sizeof block) : 0;
    const auto count = ::pread(descriptor, block, static_cast<size_t>(end - begin), begin);
    if (count != end - begin) return size;
    const auto last = std::string_view(block, static_cast<size_t>(count)).rfind('\n');
    if (last != std::string_view::npos) return begin + static_cast<off_t>(last) + 1;
    end = begin;
  }
  return 0;
}

}  // namespace

AppendFile::~AppendFile() { close_(); }

void AppendFile::close_() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

bool AppendFile::failed_(int code) {
  error_ = std::generic_category().message(code);
  exists_ = code == EEXIST;
  return false;
}

bool AppendFile::open_(const std::filesystem::path& path, Kind kind) {
  close_();
  if (const auto error = io::make_folders(io::folder_of(path))) return failed_(error.value());
  const int how = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (kind == Kind::new_file ? O_EXCL : 0);
  descriptor_ = ::open(path.c_str(), how, 0666);
  if (descriptor_ < 0) return failed_(errno);
  if (kind == Kind::lines) cut_incomplete_line_(path);
  return true;
}

void AppendFile::cut_incomplete_line_(const std::filesystem::path& path) {
  struct stat now{};
  if (::fstat(descriptor_, &now) != 0 || !S_ISREG(now.st_mode) || now.st_size == 0) return;
  const int reader = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (reader < 0) return;
  const auto whole = size_of_whole_lines(reader, now.st_size);
  ::close(reader);
  if (whole < now.st_size && ::ftruncate(descriptor_, whole) != 0) failed_(errno);
}

bool AppendFile::append_(std::string_view row) {
  if (descriptor_ < 0) return false;
  ssize_t written = 0;
  do {
    written = ::write(descriptor_, row.data(), row.size());
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(row.size())) return true;
  const int code = written < 0 ? errno : ENOSPC;
  struct stat now{};
  // A part of a row would spoil the next one.
  if (written > 0 && ::fstat(descriptor_, &now) == 0 &&
      ::ftruncate(descriptor_, now.st_size - written) != 0) {
    close_();
  }
  return failed_(code);
}

}  // namespace luxtorch::detail
