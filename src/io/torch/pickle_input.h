// A pickle's bytes, and how its instructions spell numbers and texts.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "io/torch/pickle.h"

namespace luxtorch::io {

/// Reads front to back. Throws Fault, without a place, for bytes that spell nothing.
class PickleInput {
 public:
  explicit PickleInput(std::string_view text) : text_(text) {}

  /// The next instruction.
  uint8_t instruction();
  /// Where it begins, "byte 17".
  std::string place() const;
  /// How many bytes have been read.
  size_t read() const { return at_; }

  std::string_view take(uint64_t count);
  template <class T>
  T number() {
    T value{};
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  double big_endian_double();
  /// UTF-8.
  std::string text(uint64_t size);
  /// Python 2's str: a text or bytes.
  PickleValue old_text(uint64_t size);
  /// int64, or beyond it the digits. Throws an unsupported Fault beyond kLongestInteger.
  PickleValue long_integer(uint32_t size);

  // Of protocol 0 up to the line's end.
  std::string line();
  PickleValue integer_line();
  /// bool or integer
  PickleValue int_line();
  double float_line();
  /// A number of the memo.
  uint32_t key_line();
  std::string escaped_line();
  PickleValue quoted_line();

 private:
  static constexpr size_t kLongestInteger = 128;  // bytes

  std::string_view text_;
  size_t at_ = 0, start_ = 0;
};

}  // namespace luxtorch::io
