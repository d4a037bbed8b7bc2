// A whole file, read-only in memory.
#pragma once

#include "io/base/input_file.h"
#include "io/hdf5/bytes.h"

namespace luxtorch::hdf5 {

/// Maps a file for as long as the object lives; one in memory is left where it is. Throws Fault: kPath for
/// one that cannot be mapped, kDamaged for an empty one.
class MappedFile {
 public:
  explicit MappedFile(const io::InputFile& file);
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
  bool is_mapped_ = false;
};

}  // namespace luxtorch::hdf5
