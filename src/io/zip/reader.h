// Zip archives, read with every size and offset checked: what npz and PyTorch's files are.
// https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/base/deflate.h"
#include "io/base/fault.h"
#include "io/base/input_file.h"

namespace luxtorch::io {

struct ZipEntry {
  std::string name;
  bool deflated = false;
  uint32_t crc = 0;
  uint64_t header = 0;  // where its local header lies
  uint64_t data = 0;    // where its bytes lie
  uint64_t stored = 0;  // how many there are in the file
  uint64_t size = 0;    // and how many inflated
};

/// Its entries in the central directory's order. Throws Fault where the archive's parts lie
/// outside the file or over each other, where names repeat, and where a size is beyond what deflated
/// data can reach; an unsupported one for encrypted entries, other compressions and archives in several
/// files.
std::vector<ZipEntry> read_zip_directory(const InputFile& file);
/// Throws an unsupported Fault where the deflated entries together would fill more than `memory_limit` bytes (0:
/// the machine's memory).
void check_memory(const std::vector<ZipEntry>& entries, uint64_t memory_limit);

/// An entry's bytes, front to back. Faults are at the entry's name.
class ZipEntryReader {
 public:
  ZipEntryReader(const InputFile& file, const ZipEntry& entry, bool check_sum = true);
  ~ZipEntryReader();

  uint64_t left() const { return left_; }
  /// Throws Fault where fewer are left.
  void read(void* to, uint64_t count);
  /// Throws Fault where bytes are left or the checksum is another.
  void finish();

 private:
  const InputFile& file_;
  const ZipEntry& entry_;
  bool check_sum_;
  uint64_t left_, next_;
  uint32_t crc_ = 0;
  std::string piece_;
  std::unique_ptr<Inflater> inflater_;
};

/// All of an entry, checked.
std::string read_zip_entry(const InputFile& file, const ZipEntry& entry, bool check_sum = true);

}  // namespace luxtorch::io
