// Where libhdf5 writes to: an AtomicFile. The file takes no memory, large arrays may be written past
// libhdf5, and a full disk is an error like every other.
//
//     hdf5::FileDriver driver(target);            // an io::AtomicFile
//     driver.choose_in(access);                   // a file access property list
//     hid_t file = H5Fcreate("any name", H5F_ACC_TRUNC, create, access);
//     ... driver.write(H5Dget_offset(dataset), bytes); ... H5Fclose(file);
//     driver.finish();
//
// libhdf5 never hears of a write that failed: a file that it could not write stays half open, and
// crashes the program at its end. The error is kept for finish(), and what libhdf5 writes and may
// read again is in memory from then on.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "io/base/atomic_file.h"
#include "io/libhdf5/library.h"

namespace luxtorch::hdf5 {

/// For one new file, whose identifiers must be closed before it dies. Hold a Turn. Offsets count from
/// the file's begin, as those of H5Dget_offset do: a user block lies before what libhdf5 writes.
class FileDriver {
 public:
  /// Throws Hdf5Error.
  explicit FileDriver(io::AtomicFile& file);
  ~FileDriver();
  FileDriver(const FileDriver&) = delete;
  FileDriver& operator=(const FileDriver&) = delete;

  /// H5Fcreate with this list, and H5F_ACC_TRUNC, writes here. Throws Hdf5Error.
  void choose_in(hid_t access_list) const;

  /// Writes elements of a contiguous dataset that has its place (H5D_ALLOC_TIME_EARLY) and that
  /// libhdf5 itself writes nothing to.
  void write(uint64_t offset, std::string_view bytes);
  /// Has a write failed? Then nothing is written any more.
  bool failed() const;
  /// After H5Fclose: throws the error of the write that failed.
  void finish() const;

 private:
  struct State;
  struct Callbacks;

  Handle driver_;
  std::shared_ptr<State> state_;
};

}  // namespace luxtorch::hdf5
