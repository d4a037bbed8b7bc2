// Zip archives, written front to back.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "io/base/atomic_file.h"
#include "io/base/deflate.h"

namespace luxtorch::io {

class ZipWriter {
 public:
  explicit ZipWriter(AtomicFile& file) : file_(file) {}

  /// An entry of `size` bytes, which `write` hands on. Stored bytes begin at a multiple of 64, so
  /// that others can map them. name: UTF-8, at most 65,535 bytes.
  void add(std::string_view name, uint64_t size, bool deflated,
           const std::function<void(const std::function<void(std::string_view)>& to)>& write);
  void add(std::string_view name, std::string_view bytes, bool deflated = false);
  /// The directory, behind which nothing follows.
  void finish();

 private:
  struct Entry {
    std::string name;
    bool deflated;
    uint32_t crc;
    uint64_t header, stored, size;
  };
  static std::string header(const Entry& entry);
  void append(std::string_view bytes);

  AtomicFile& file_;
  uint64_t at_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace luxtorch::io
