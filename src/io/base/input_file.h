// A file that is read piece by piece, at any place: one of a path, or its bytes in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace luxtorch::io {

class InputFile {
 public:
  /// Throws ArgumentError, in the name of `who`, for a path that is missing, unreadable or not a
  /// regular file.
  InputFile(std::string who, const std::filesystem::path& path);
  /// Bytes that must stay where they are as long as the object lives.
  InputFile(std::string who, std::span<const std::byte> bytes);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  /// What errors call it: its path, or "the bytes".
  const std::string& name() const { return name_; }
  uint64_t size() const { return size_; }
  /// Bytes [offset, offset + count) into `to`, by all threads where they are many. Throws FormatError
  /// where the file ends before.
  void read(uint64_t offset, void* to, uint64_t count) const;
  /// The same, and their CRC-32.
  uint32_t read_summed(uint64_t offset, void* to, uint64_t count) const;
  /// All of it.
  std::string text() const;
  /// Of a path: open as long as the object lives. -1: in memory.
  int descriptor() const { return descriptor_; }
  bool in_memory() const { return descriptor_ < 0; }
  /// In memory: all of it. Else null.
  const char* memory() const { return memory_; }

 private:
  void read_pieces(uint64_t offset, char* to, uint64_t count, std::vector<uint32_t>* sums) const;
  void read_piece(uint64_t offset, char* to, uint64_t count) const;
  [[noreturn]] void fail(const std::string& expected, const std::string& got) const;
  [[noreturn]] void fail_at_end() const;

  std::string who_;
  std::string name_;
  int descriptor_ = -1;
  const char* memory_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace luxtorch::io
