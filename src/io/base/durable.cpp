#include "io/base/durable.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace luxtorch::io {

bool write_all(int descriptor, uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written == 0) errno = ENOSPC;
    if (written <= 0) return false;
    offset += static_cast<uint64_t>(written);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

void sync_folder(const std::filesystem::path& folder) {
  int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

std::error_code make_folders(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> made;
  std::error_code error;
  for (auto path = folder; !std::filesystem::exists(path, error) && !error; path = folder_of(path))
    made.push_back(path);
  std::filesystem::create_directories(folder, error);
  for (const auto& path : made) sync_folder(folder_of(path));
  return error;
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace luxtorch::io
