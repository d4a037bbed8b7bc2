#include "io/base/atomic_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <optional>

#include "io/base/digest.h"
#include "io/base/durable.h"
#include "luxtorch/core/error.h"

namespace luxtorch::io {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPrefix = ".luxtorch-folder-", kSuffix = ".tmp";

// A folder of this process is made and locked in one go.
std::mutex making;

fs::path temporary_name(const fs::path& path) {
  static std::atomic<unsigned> counter{0};
  return folder_of(path) / fmt::format("{}{}-{}{}", kPrefix, ::getpid(), counter++, kSuffix);
}

std::optional<pid_t> owner_of(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return {};
  name.remove_prefix(kPrefix.size());
  pid_t owner = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), owner);
  bool ours = error == std::errc() && owner > 0 && end != name.data() + name.size() && *end == '-';
  return ours ? std::optional(owner) : std::nullopt;
}

bool is_alive(pid_t process) { return ::kill(process, 0) == 0 || errno != ESRCH; }

// Files alone: a folder of somebody else's within makes it stay.
void remove_files_and_folder(const fs::path& folder) {
  std::error_code failed;
  for (fs::directory_iterator i(folder, failed), end; !failed && i != end; i.increment(failed))
    ::unlink(i->path().c_str());
  ::rmdir(folder.c_str());
}

}  // namespace

void AtomicFolder::fail(const std::string& name, const std::string& expected) const {
  DiskError error(who_, "expected " + expected + ", got " + std::strerror(errno) +
                            ". Choose another path or make room.");
  error.prepend_path_((name.empty() ? path_ : path_ / name).string());
  throw error;
}

AtomicFolder::AtomicFolder(std::string who, fs::path path)
    : who_(std::move(who)), path_(std::move(path)) {
  std::lock_guard lock(making);
  fs::path name = temporary_name(path_);
  while (::mkdir(name.c_str(), 0777) != 0) {
    if (errno != EEXIST) fail("", "a folder that checkpoints can be written to");
    name = temporary_name(path_);
  }
  temporary_ = name;
  lock_ = ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ >= 0) ::flock(lock_, LOCK_EX | LOCK_NB);
}

AtomicFolder::~AtomicFolder() {
  if (!temporary_.empty()) remove_files_and_folder(temporary_);
  if (lock_ >= 0) ::close(lock_);
}

AtomicFolder::Written AtomicFolder::write(const std::string& name,
                                          const std::function<void(const Sink&)>& content) {
  struct Descriptor {
    int fd;
    ~Descriptor() { ::close(fd); }
  } file{::open((temporary_ / name).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)};
  if (file.fd < 0) fail(name, "a disk that takes the file");
  Written written;
  Digest digest;
  content([&](std::string_view bytes) {
    if (!write_all(file.fd, static_cast<uint64_t>(written.bytes), bytes))
      fail(name, "a disk that takes the file");
    written.bytes += static_cast<int64_t>(bytes.size());
    digest.add(bytes);
  });
  if (::fsync(file.fd) != 0) fail(name, "a disk that takes the file");
  written.sha256 = digest.finish();
  return written;
}

void AtomicFolder::commit() {
  sync_folder(temporary_);
  fs::path replaced;
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    if (errno != EEXIST && errno != ENOTEMPTY) fail("", "a folder or nothing at this place");
    if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_EXCHANGE) == 0) {
      replaced = temporary_;
    } else {
      // A file system that cannot exchange two names.
      replaced = temporary_name(path_);
      if (::rename(path_.c_str(), replaced.c_str()) != 0) fail("", "a folder that may be replaced");
      if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
        int why = errno;
        ::rename(replaced.c_str(), path_.c_str());
        errno = why;
        fail("", "a folder that may be replaced");
      }
    }
  }
  temporary_.clear();
  sync_folder(folder_of(path_));
  if (!replaced.empty()) remove_files_and_folder(replaced);
}

void remove_folder(const fs::path& path) {
  fs::path name = temporary_name(path);
  if (::rename(path.c_str(), name.c_str()) == 0) remove_files_and_folder(name);
}

void remove_leftovers(const fs::path& parent) {
  std::lock_guard lock(making);
  std::error_code failed;
  for (fs::directory_iterator i(parent, failed), end; !failed && i != end; i.increment(failed)) {
    auto owner = owner_of(i->path().filename().string());
    if (!owner || (*owner != ::getpid() && is_alive(*owner))) continue;
    int folder = ::open(i->path().c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0) continue;
    // Another process of that number, in a container of its own, holds the lock.
    if (::flock(folder, LOCK_EX | LOCK_NB) == 0) remove_files_and_folder(i->path());
    ::close(folder);
  }
}

}  // namespace luxtorch::io
