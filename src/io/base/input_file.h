// A file that is read piece by piece, at any place.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace luxtorch::io {

/// Throws ArgumentError, in the name of `who`, for a path that is missing, unreadable or not a
/// regular file.
class InputFile {
 public:
  InputFile(std::string who, std::filesystem::path path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  uint64_t size() const { return size_; }
  /// Bytes [offset, offset + count) into `to`, by all threads where they are many. Throws FormatError
  /// where the file ends before.
  void read(uint64_t offset, void* to, uint64_t count) const;
  /// The same, and their CRC-32.
  uint32_t read_summed(uint64_t offset, void* to, uint64_t count) const;
  /// All of it.
  std::string text() const;
  /// Open as long as the object lives.
  int descriptor() const { return descriptor_; }

 private:
  void read_pieces(uint64_t offset, char* to, uint64_t count, std::vector<uint32_t>* sums) const;
  void read_piece(uint64_t offset, char* to, uint64_t count) const;
  [[noreturn]] void fail(const std::string& expected, const std::string& got) const;

  std::string who_;
  std::filesystem::path path_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

}  // namespace luxtorch::io
