// A folder of files that appears at once and whole, or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "luxtorch/core/error.h"

namespace luxtorch::io {

/// A folder or file could not be written: the disk is full, for example. What was there before is as it was.
struct DiskError : ArgumentError {
  using ArgumentError::ArgumentError;
};

/// A temporary folder beside `path` that takes its place on commit(), also where a folder is there
/// already. Without a commit the destructor removes it and whatever was at `path` stays.
///
///     AtomicFolder folder("CheckpointFolder::save", path);
///     folder.write("manifest.json", [&](const auto& to) { to(text); });
///     folder.commit();
///
/// While it lives it is locked (flock), so that remove_leftovers of another process lets it be.
class AtomicFolder {
 public:
  /// Throws DiskError, in the name of `who`, where no folder can be made beside `path`.
  AtomicFolder(std::string who, std::filesystem::path path);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  struct Written {
    int64_t bytes = 0;
    std::string sha256;
  };
  using Sink = std::function<void(std::string_view bytes)>;
  /// A new file, synced, of what `content` hands on. Throws DiskError where the disk is full.
  Written write(const std::string& name, const std::function<void(const Sink& to)>& content);
  /// Syncs the folder, moves it to its place, and syncs the folder around it. Throws DiskError.
  void commit();

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& expected) const;

  std::string who_;
  std::filesystem::path path_, temporary_;
  int lock_ = -1;
};

/// Removes a folder of files at once: what is left of it after a kill has a temporary name. Folders
/// in it, and so it, stay.
void remove_folder(const std::filesystem::path& path);

/// Removes the temporary folders in `parent` whose processes live no more.
void remove_leftovers(const std::filesystem::path& parent);

}  // namespace luxtorch::io
