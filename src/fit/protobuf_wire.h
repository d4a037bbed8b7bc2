// Messages in protobuf's wire format (protobuf.dev/programming-guides/encoding), field by field.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace luxtorch::detail {

/// The bytes of a value in little-endian order.
std::string little_endian(uint32_t value);
std::string little_endian(uint64_t value);
std::string little_endian(float value);
std::string little_endian(double value);

/// A message.
class ProtobufMessage {
 public:
  /// int32, int64, enum and bool.
  ProtobufMessage& integer(int field, int64_t value);
  ProtobufMessage& float32(int field, float value);
  ProtobufMessage& float64(int field, double value);
  /// string, bytes and messages.
  ProtobufMessage& bytes(int field, std::string_view value);
  ProtobufMessage& message(int field, const ProtobufMessage& value) {
    return bytes(field, value.text());
  }

  const std::string& text() const { return text_; }

 private:
  void varint(uint64_t value);
  std::string text_;
};

}  // namespace luxtorch::detail
