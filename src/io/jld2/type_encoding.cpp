#include "io/jld2/type_encoding.h"

#include <c10/core/ScalarType.h>

namespace luxtorch::jld2 {
namespace {

enum Class : uint8_t {
  kFixedPoint = 0,
  kFloatingPoint = 1,
  kString = 3,
  kBitfield = 4,
  kOpaque = 5,
  kCompound = 6,
  kReference = 7,
  kVariableLength = 9,
};

void append(Encoding& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

Encoding header(Class type, uint8_t bits0, uint8_t bits1, uint32_t size) {
  Encoding out{static_cast<uint8_t>(0x30 | type), bits0, bits1, 0};
  append(out, size, 4);
  return out;
}

uint32_t size_of(const Encoding& type) {
  return type[4] | type[5] << 8U | type[6] << 16U | static_cast<uint32_t>(type[7]) << 24U;
}

Encoding encode_float(int bytes) {
  int mantissa = bytes == 2 ? 10 : bytes == 4 ? 23 : 52;
  int exponent = 8 * bytes - 1 - mantissa;
  Encoding out = header(kFloatingPoint, 0x20, static_cast<uint8_t>(8 * bytes - 1),
                        static_cast<uint32_t>(bytes));
  append(out, 0, 2);
  append(out, static_cast<uint64_t>(8 * bytes), 2);
  append(out, static_cast<uint64_t>(mantissa), 1);  // where the exponent begins
  append(out, static_cast<uint64_t>(exponent), 1);
  append(out, 0, 1);  // where the mantissa begins
  append(out, static_cast<uint64_t>(mantissa), 1);
  append(out, (1U << (exponent - 1)) - 1, 4);
  return out;
}

Encoding concatenated(Encoding first, const Encoding& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace

Encoding encode_number(Dtype dtype) {
  auto bytes = static_cast<int>(c10::elementSize(dtype));
  if (c10::isFloatingType(dtype)) return encode_float(bytes);
  bool is_signed =
      dtype == Dtype::Char || dtype == Dtype::Short || dtype == Dtype::Int || dtype == Dtype::Long;
  Encoding out = header(dtype == Dtype::Bool ? kBitfield : kFixedPoint, is_signed ? 8 : 0, 0,
                        static_cast<uint32_t>(bytes));
  append(out, 0, 2);
  append(out, static_cast<uint64_t>(8 * bytes), 2);
  return out;
}

Encoding encode_reference() { return header(kReference, 0, 0, 8); }

Encoding encode_reference_list() {
  return concatenated(header(kVariableLength, 0, 0, 16), encode_reference());
}

Encoding encode_string() {
  return concatenated(header(kVariableLength, 0x11, 1, 16), encode_number(Dtype::Byte));
}

Encoding encode_fixed_string(uint32_t bytes) { return header(kString, 0x11, 0, bytes); }

Encoding encode_opaque() { return header(kOpaque, 0, 0, 1); }

Encoding encode_compound(const std::vector<EncodedMember>& members) {
  uint32_t size = 0;
  for (const EncodedMember& member : members) size += size_of(member.type);
  // A message has at most 64 KiB, so a compound that can be written has fewer bytes than that.
  int offset_bytes = size <= 0xff ? 1 : 2;
  Encoding out = header(kCompound, static_cast<uint8_t>(members.size()),
                        static_cast<uint8_t>(members.size() >> 8U), size);
  uint32_t offset = 0;
  for (const EncodedMember& member : members) {
    out.insert(out.end(), member.name.begin(), member.name.end());
    out.push_back(0);
    append(out, offset, offset_bytes);
    out.insert(out.end(), member.type.begin(), member.type.end());
    offset += size_of(member.type);
  }
  return out;
}

}  // namespace luxtorch::jld2
