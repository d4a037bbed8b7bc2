#include "io/base/input_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/parallel.h"
#include "io/base/crc32.h"
#include "io/base/large_pages.h"
#include "luxtorch/core/error.h"

namespace luxtorch::io {

namespace {

constexpr uint64_t kPiece = 4 << 20;  // bytes

// A part's checksum is taken while the processor's cache still holds it.
void copy(const char* from, char* to, uint64_t count, uint32_t* sum) {
  if (!sum) {
    std::memcpy(to, from, count);
    return;
  }
  constexpr uint64_t kPart = 1 << 16;
  for (uint64_t at = 0; at < count; at += kPart) {
    uint64_t part = std::min(kPart, count - at);
    std::memcpy(to + at, from + at, part);
    *sum = crc32(*sum, {to + at, part});
  }
}

// By way of a mapping, which for memory that is new to the processor is faster than reading. False
// where that cannot be.
bool copy_mapped(int descriptor, uint64_t offset, char* to, uint64_t count, uint32_t* sum) {
#ifdef MADV_POPULATE_READ
  uint64_t before = offset % static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  void* map = ::mmap(nullptr, before + count, PROT_READ, MAP_PRIVATE, descriptor,
                     static_cast<off_t>(offset - before));
  if (map == MAP_FAILED) return false;
  // Touched past the end of a file that something has cut meanwhile, a mapping would end the program.
  bool there = ::madvise(map, before + count, MADV_POPULATE_READ) == 0;
  if (there) copy(static_cast<const char*>(map) + before, to, count, sum);
  ::munmap(map, before + count);
  return there;
#else
  return false;
#endif
}

}  // namespace

void InputFile::fail(const std::string& expected, const std::string& got) const {
  ArgumentError error(who_, "expected " + expected + ", got " + got + ". Check the path.");
  error.prepend_path_(name_);
  throw error;
}

void InputFile::fail_at_end() const {
  FormatError error(who_,
                    "expected more bytes, got the end of the file. Something has cut it "
                    "while it was read.");
  error.prepend_path_(name_);
  throw error;
}

InputFile::InputFile(std::string who, std::span<const std::byte> bytes)
    : who_(std::move(who)),
      name_("the bytes"),
      memory_(reinterpret_cast<const char*>(bytes.data())),
      size_(bytes.size()) {}

InputFile::InputFile(std::string who, const std::filesystem::path& path)
    : who_(std::move(who)), name_(path.string()) {
  // O_NONBLOCK: opening a pipe must fail below, not wait for a writer.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) fail("a file that can be read", std::strerror(errno));
  struct stat status{};
  bool known = ::fstat(descriptor_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    std::string got = !known                    ? std::strerror(errno)
                      : S_ISDIR(status.st_mode) ? "a folder"
                                                : "a device or a pipe";
    ::close(descriptor_);
    fail("a file", got);
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

InputFile::~InputFile() {
  if (!in_memory()) ::close(descriptor_);
}

void InputFile::read(uint64_t offset, void* to, uint64_t count) const {
  auto* bytes = static_cast<char*>(to);
  if (count < 2 * kPiece) return read_piece(offset, bytes, count);
  read_pieces(offset, bytes, count, nullptr);
}

uint32_t InputFile::read_summed(uint64_t offset, void* to, uint64_t count) const {
  auto* bytes = static_cast<char*>(to);
  if (count < 2 * kPiece) {
    read_piece(offset, bytes, count);
    return crc32(0, {bytes, count});
  }
  std::vector<uint32_t> sums((count + kPiece - 1) / kPiece, 0);
  read_pieces(offset, bytes, count, &sums);
  uint32_t sum = 0;
  for (size_t i = 0; i < sums.size(); ++i)
    sum = crc32_of_both(sum, sums[i], std::min(kPiece, count - i * kPiece));
  return sum;
}

void InputFile::read_pieces(uint64_t offset, char* to, uint64_t count,
                            std::vector<uint32_t>* sums) const {
  want_large_pages(to, count);
  auto pieces = static_cast<int64_t>((count + kPiece - 1) / kPiece);
  detail::parallel_for(0, pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      uint64_t at = static_cast<uint64_t>(i) * kPiece, part = std::min(kPiece, count - at);
      uint32_t* sum = sums ? &(*sums)[static_cast<size_t>(i)] : nullptr;
      if (!in_memory() && copy_mapped(descriptor_, offset + at, to + at, part, sum)) continue;
      read_piece(offset + at, to + at, part);
      if (sum) *sum = crc32(0, {to + at, part});
    }
  });
}

void InputFile::read_piece(uint64_t offset, char* bytes, uint64_t count) const {
  if (in_memory()) {
    if (offset > size_ || count > size_ - offset) fail_at_end();
    if (count > 0) std::memcpy(bytes, memory_ + offset, count);
    return;
  }
  while (count > 0) {
    ssize_t got = ::pread(descriptor_, bytes, count, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("a file that can be read", std::strerror(errno));
    if (got == 0) fail_at_end();
    bytes += got;
    offset += static_cast<uint64_t>(got);
    count -= static_cast<uint64_t>(got);
  }
}

std::string InputFile::text() const {
  std::string all(size_, '\0');
  read(0, all.data(), size_);
  return all;
}

}  // namespace luxtorch::io
