#include "io/hdf5/datatype.h"

#include <algorithm>
#include <bit>

#include "io/base/fault.h"

namespace luxtorch::hdf5 {
namespace {

constexpr int kDeepestType = 256;
constexpr unsigned kMostDims = 32;

DatatypePtr parse(Cursor& in, int depth);

struct Prefix {
  unsigned type_class, version;
  uint8_t bits[3];
  uint32_t size;
};

Prefix read_prefix(Cursor& in) {
  unsigned first = in.u8();
  Prefix p{first & 15U, first >> 4U, {in.u8(), in.u8(), in.u8()}, in.u32()};
  // One development version of JLD2 wrote version 0 and meant 3.
  if (p.version > 3) io::unsupported("a datatype of version 1 to 3", std::to_string(p.version));
  return p;
}

void read_integer(Cursor& in, const Prefix& p, Datatype& type) {
  uint16_t offset = in.u16();
  uint16_t precision = in.u16();
  bool whole = offset == 0 && precision == 8 * p.size;
  bool has_bits = p.type_class == 0 && p.size <= 8 && precision > 0 && precision <= 8 * p.size &&
                  offset <= 8 * p.size - precision;
  if ((!whole && !has_bits) || !std::has_single_bit(p.size) || p.size > 16)
    io::unsupported("integers of 1, 2, 4, 8 or 16 bytes",
                    std::to_string(precision) + " bits in " + std::to_string(p.size) + " bytes");
  if (!whole) type.bit_offset = offset, type.bits = precision;
  type.is_signed = p.type_class == 0 && (p.bits[0] & 8) != 0;
  type.is_big_endian = (p.bits[0] & 1) != 0;
}

void read_float(Cursor& in, const Prefix& p, Datatype& type) {
  struct Layout {
    uint32_t size;
    uint8_t sign, exponent_at, exponent, mantissa;
    uint32_t bias;
  };
  constexpr Layout kIeee[] = {
      {2, 15, 10, 5, 10, 15}, {4, 31, 23, 8, 23, 127}, {8, 63, 52, 11, 52, 1023}};
  uint16_t offset = in.u16();
  uint16_t precision = in.u16();
  uint8_t exponent_at = in.u8();
  uint8_t exponent = in.u8();
  uint8_t mantissa_at = in.u8();
  uint8_t mantissa = in.u8();
  uint32_t bias = in.u32();
  auto matches = [&](const Layout& ieee) {
    return p.size == ieee.size && (p.bits[0] & 0xfeU) == 0x20 && p.bits[1] == ieee.sign &&
           offset == 0 && precision == 8 * ieee.size && exponent_at == ieee.exponent_at &&
           exponent == ieee.exponent && mantissa_at == 0 && mantissa == ieee.mantissa &&
           bias == ieee.bias;
  };
  if (std::none_of(std::begin(kIeee), std::end(kIeee), matches))
    io::unsupported("IEEE floats of 16, 32 or 64 bits",
                    "another floating-point format of " + std::to_string(p.size) + " bytes");
  type.is_big_endian = (p.bits[0] & 1) != 0;
}

void read_compound(Cursor& in, const Prefix& p, Datatype& type, int depth) {
  unsigned count = p.bits[0] | p.bits[1] << 8U;
  unsigned offset_width = p.size <= 0xff ? 1 : p.size <= 0xffff ? 2 : p.size <= 0xffffff ? 3 : 4;
  for (unsigned i = 0; i < count; ++i) {
    Datatype::Member member;
    member.name = in.text_until_nul();
    if (p.version == 1 || p.version == 2) {
      uint64_t stored = member.name.size() + 1;
      in.skip((8 - stored % 8) % 8);
      member.offset = in.u32();
      if (p.version == 1) in.skip(28);  // dimensions, which nobody writes any more
    } else {
      member.offset = static_cast<uint32_t>(in.sized(offset_width));
    }
    member.type = parse(in, depth + 1);
    if (uint64_t{member.offset} + member.type->size > p.size)
      io::damaged(
          "member " + member.name + " inside its compound of " + std::to_string(p.size) + " bytes",
          "offset " + std::to_string(member.offset));
    type.members.push_back(std::move(member));
  }
}

void read_array(Cursor& in, const Prefix& p, Datatype& type, int depth) {
  unsigned rank = in.u8();
  if (rank > kMostDims) io::damaged("at most 32 dimensions", std::to_string(rank));
  if (p.version < 3) in.skip(3);
  uint64_t count = 1;
  for (unsigned i = 0; i < rank; ++i) {
    type.dims.push_back(in.u32());
    count = checked_product(count, type.dims.back());
  }
  if (p.version < 3) in.skip(4 * uint64_t{rank});  // an order of the dimensions, always the same
  type.base = parse(in, depth + 1);
  if (checked_product(count, type.base->size) != p.size)
    io::damaged("an array type of " + std::to_string(count) + " elements",
                std::to_string(p.size) + " bytes");
}

// JLD2 pads with NUL in UTF-8 and means every byte; other programs fill strings up.
char padding_of(const Prefix& p) {
  unsigned kind = p.bits[0] & 15U;
  if (kind == 2) return ' ';
  return p.bits[0] == 0x11 ? 'x' : kind == 1 ? 'n' : '\0';
}

// The integers of an enumeration. Booleans of h5py and of C are one of FALSE and TRUE.
DatatypePtr read_enum(Cursor& in, const Prefix& p, int depth) {
  DatatypePtr base = parse(in, depth + 1);
  if (base->kind != Datatype::Kind::kInteger || base->size != p.size)
    io::damaged("an enumeration of integers", "another type");
  unsigned count = p.bits[0] | p.bits[1] << 8U;
  std::vector<std::string> names;
  for (unsigned i = 0; i < count; ++i) {
    names.push_back(in.text_until_nul());
    if (p.version < 3) in.skip((8 - (names.back().size() + 1) % 8) % 8);
  }
  Bytes values = in.take(uint64_t{count} * p.size);
  bool is_bool = p.size == 1 && names == std::vector<std::string>{"FALSE", "TRUE"} &&
                 values.data()[0] == 0 && values.data()[1] == 1;
  if (!is_bool) return base;
  Datatype type;
  type.kind = Datatype::Kind::kBool;
  type.size = 1;
  return std::make_shared<const Datatype>(std::move(type));
}

DatatypePtr parse(Cursor& in, int depth) {
  if (depth > kDeepestType)
    io::unsupported("datatypes nested at most " + std::to_string(kDeepestType) + " deep",
                    "deeper ones");
  Prefix p = read_prefix(in);
  Datatype type;
  type.size = p.size;
  switch (p.type_class) {
    case 0:
      type.kind = Datatype::Kind::kInteger;
      read_integer(in, p, type);
      break;
    case 1:
      type.kind = Datatype::Kind::kFloat;
      read_float(in, p, type);
      break;
    case 3:
      type.kind = Datatype::Kind::kFixedString;
      type.padding = padding_of(p);
      break;
    case 4:
      type.kind = p.size == 1 ? Datatype::Kind::kBool : Datatype::Kind::kInteger;
      if (p.size == 1)
        in.skip(4);
      else
        read_integer(in, p, type);
      break;
    case 5:
      break;
    case 6:
      type.kind = Datatype::Kind::kCompound;
      read_compound(in, p, type, depth);
      break;
    case 7:
      if (p.size != 8) io::unsupported("object references of 8 bytes", std::to_string(p.size));
      type.kind = Datatype::Kind::kReference;
      break;
    case 8:
      return read_enum(in, p, depth);
    case 9:
      if (p.size != 16) io::damaged("a variable-length type of 16 bytes", std::to_string(p.size));
      type.kind = (p.bits[0] & 15) == 1 ? Datatype::Kind::kVlenString : Datatype::Kind::kVlen;
      type.base = parse(in, depth + 1);
      break;
    case 10:
      type.kind = Datatype::Kind::kArray;
      read_array(in, p, type, depth);
      break;
    default:
      io::unsupported("a number, string, compound, reference, array or variable-length type",
                      "HDF5 datatype class " + std::to_string(p.type_class));
  }
  return std::make_shared<const Datatype>(std::move(type));
}

}  // namespace

DatatypePtr parse_datatype(Bytes message) {
  Cursor in(message);
  return parse(in, 0);
}

TypeReference TypeReference::parse(Bytes message, bool shared) {
  if (!shared) return {.inline_type = parse_datatype(message)};
  Cursor in(message);
  uint8_t version = in.u8();
  uint8_t kind = in.u8();
  if (version == 1) in.skip(6);
  if (version == 0 || version > 3 || (version == 3 && kind != 2))
    io::unsupported("a reference to a committed datatype", "a shared message of version " +
                                                               std::to_string(version) + ", kind " +
                                                               std::to_string(kind));
  return {.inline_type = nullptr, .committed = in.u64()};
}

Dataspace Dataspace::parse(Bytes message) {
  Cursor in(message);
  uint8_t version = in.u8();
  unsigned rank = in.u8();
  bool has_most = (in.u8() & 1) != 0;
  if (version != 1 && version != 2)
    io::unsupported("a dataspace of version 1 or 2", std::to_string(version));
  if (rank > kMostDims) io::damaged("at most 32 dimensions", std::to_string(rank));
  Dataspace space;
  if (version == 2) {
    uint8_t kind = in.u8();
    if (kind > 2) io::damaged("a scalar, simple or null dataspace", "kind " + std::to_string(kind));
    space.kind = static_cast<Kind>(kind);
  } else {
    in.skip(5);
    space.kind = rank == 0 ? Kind::kScalar : Kind::kSimple;
  }
  if (space.kind != Kind::kSimple) return space;
  for (unsigned i = 0; i < rank; ++i) space.dims.push_back(in.u64());
  for (unsigned i = 0; has_most && i < rank; ++i) space.most_dims.push_back(in.u64());
  return space;
}

uint64_t Dataspace::count() const {
  if (kind == Kind::kNull) return 0;
  uint64_t count = 1;
  for (uint64_t dim : dims) count = checked_product(count, dim);
  return count;
}

Attribute Attribute::parse(Bytes message) {
  Cursor in(message);
  uint8_t version = in.u8();
  uint8_t flags = in.u8();
  uint16_t name_size = in.u16();
  uint16_t type_size = in.u16();
  uint16_t space_size = in.u16();
  if (version < 1 || version > 3)
    io::unsupported("an attribute of version 1 to 3", std::to_string(version));
  if (flags > 1) io::unsupported("an attribute with a dataspace of its own", "a shared dataspace");
  if (version == 3) in.skip(1);  // character set
  auto part = [&](uint16_t size) {
    Bytes bytes = in.take(size);
    if (version == 1) in.skip((8 - size % 8) % 8);
    return bytes;
  };
  Attribute attribute;
  attribute.name = Cursor(part(name_size)).text_until_nul();
  try {
    attribute.type = TypeReference::parse(part(type_size), (flags & 1) != 0);
    attribute.space = Dataspace::parse(part(space_size));
    attribute.data = in.take(in.remaining());
  } catch (const io::Fault& fault) {
    if (fault.kind != io::Fault::Kind::kUnsupported) throw;
    attribute.problem = fault;  // many attributes are nobody's business
  }
  return attribute;
}

}  // namespace luxtorch::hdf5
