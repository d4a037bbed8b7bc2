// Bounds-checked views of a file's bytes. Every read of an HDF5 file goes through them, so no
// length or offset found in a file can make the program look outside it.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace luxtorch::hdf5 {

static_assert(std::endian::native == std::endian::little, "HDF5 metadata is read in place");

/// A part of a file. Does not own it. Throws Fault (kDamaged) for everything outside the part.
class Bytes {
 public:
  Bytes() = default;
  Bytes(const uint8_t* data, uint64_t size) : data_(data), size_(size) {}

  const uint8_t* data() const { return data_; }
  uint64_t size() const { return size_; }

  /// The `length` bytes from `offset` on.
  Bytes sub(uint64_t offset, uint64_t length) const;
  /// Everything from `offset` on.
  Bytes from(uint64_t offset) const;

  /// The little-endian number at `offset`.
  template <std::unsigned_integral T>
  T get(uint64_t offset) const {
    T value;
    std::memcpy(&value, sub(offset, sizeof(T)).data_, sizeof(T));
    return value;
  }

  std::string text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  bool starts_with(std::string_view signature) const;

 private:
  const uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

/// Reads a Bytes from front to back.
class Cursor {
 public:
  explicit Cursor(Bytes bytes) : bytes_(bytes) {}

  uint8_t u8() { return next<uint8_t>(); }
  uint16_t u16() { return next<uint16_t>(); }
  uint32_t u32() { return next<uint32_t>(); }
  uint64_t u64() { return next<uint64_t>(); }
  /// An unsigned number of `width` bytes, 1 to 8.
  uint64_t sized(unsigned width);
  Bytes take(uint64_t length);
  void skip(uint64_t length) { take(length); }
  /// The characters up to a NUL, which is consumed.
  std::string text_until_nul();

  uint64_t position() const { return at_; }
  uint64_t remaining() const { return bytes_.size() - at_; }

 private:
  template <std::unsigned_integral T>
  T next() {
    T value = bytes_.get<T>(at_);
    at_ += sizeof(T);
    return value;
  }

  Bytes bytes_;
  uint64_t at_ = 0;
};

/// a * b; throws Fault (kDamaged) where 64 bits do not hold it.
uint64_t checked_product(uint64_t a, uint64_t b);

/// Bob Jenkins' lookup3 hash, HDF5's checksum of metadata.
uint32_t lookup3(Bytes bytes);

}  // namespace luxtorch::hdf5
