#include "fit/protobuf_wire.h"

#include <bit>

namespace luxtorch::detail {

namespace {

enum Wire : uint64_t { kVarint = 0, kEightBytes = 1, kLengthAndBytes = 2, kFourBytes = 5 };

uint64_t tag(int field, Wire wire) { return static_cast<uint64_t>(field) << 3 | wire; }

template <class T>
std::string bytes_of(T bits) {
  std::string all(sizeof bits, '\0');
  for (char& byte : all) {
    byte = static_cast<char>(bits & 255);
    bits = static_cast<T>(bits >> 8);
  }
  return all;
}

}  // namespace

std::string little_endian(uint32_t value) { return bytes_of(value); }
std::string little_endian(uint64_t value) { return bytes_of(value); }
std::string little_endian(float value) { return bytes_of(std::bit_cast<uint32_t>(value)); }
std::string little_endian(double value) { return bytes_of(std::bit_cast<uint64_t>(value)); }

void ProtobufMessage::varint(uint64_t value) {
  for (; value > 127; value >>= 7) text_ += static_cast<char>((value & 127) | 128);
  text_ += static_cast<char>(value);
}

ProtobufMessage& ProtobufMessage::integer(int field, int64_t value) {
  varint(tag(field, kVarint));
  varint(static_cast<uint64_t>(value));
  return *this;
}

ProtobufMessage& ProtobufMessage::float32(int field, float value) {
  varint(tag(field, kFourBytes));
  text_ += little_endian(value);
  return *this;
}

ProtobufMessage& ProtobufMessage::float64(int field, double value) {
  varint(tag(field, kEightBytes));
  text_ += little_endian(value);
  return *this;
}

ProtobufMessage& ProtobufMessage::bytes(int field, std::string_view value) {
  varint(tag(field, kLengthAndBytes));
  varint(value.size());
  text_ += value;
  return *this;
}

}  // namespace luxtorch::detail
