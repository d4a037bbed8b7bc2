// A whole file, read-only in memory.
#pragma once

#include <filesystem>

#include "io/hdf5/bytes.h"

namespace luxtorch::hdf5 {

/// Maps a regular file for as long as the object lives. Throws Fault: kPath for a path that is
/// missing, not a regular file or not readable, kDamaged for an empty file.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  Bytes bytes() const { return bytes_; }
  /// Asks for `part` at once, not page by page as it is looked at.
  void want(Bytes part) const;
  /// Gives the memory of `part` back, which is read anew from the file where it is needed again.
  void forget(Bytes part) const;

 private:
  Bytes bytes_;
};

}  // namespace luxtorch::hdf5
