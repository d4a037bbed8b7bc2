// HDF5 datatypes and dataspaces, as far as Julia's values use them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/base/fault.h"
#include "io/hdf5/bytes.h"

namespace luxtorch::hdf5 {

struct Datatype;
using DatatypePtr = std::shared_ptr<const Datatype>;

/// How one value is laid out on disk.
struct Datatype {
  enum class Kind {
    kInteger,      // two's complement or unsigned, 1 to 16 bytes
    kFloat,        // IEEE, 2, 4 or 8 bytes
    kBool,         // a bitfield of one byte
    kFixedString,  // `size` bytes, with `padding` at their end
    kOpaque,       // `size` bytes without structure
    kCompound,     // `members`
    kReference,    // the address of another object
    kVlenString,   // {u32 count, u64 heap address, u32 heap index}
    kVlen,         // the same, elements of type `base`
    kArray,        // elements of type `base`, of the shape `dims`
  };
  struct Member {
    std::string name;
    uint32_t offset;
    DatatypePtr type;
  };

  Kind kind = Kind::kOpaque;
  uint32_t size = 0;  // bytes of one value
  bool is_signed = false;
  bool is_big_endian = false;  // a number
  /// Of an integer that does not fill its bytes: how many bits it has, from which one on. bits 0: it does.
  uint16_t bits = 0, bit_offset = 0;
  /// Of a fixed string: a blank, NUL for a text that ends at the first one, n for NULs at the end
  /// alone, x for none.
  char padding = 'x';
  std::vector<Member> members;
  DatatypePtr base;
  std::vector<uint64_t> dims;  // slowest first
};

/// Reads a datatype message. Every member lies inside its compound. Throws Fault, kUnsupported for
/// kinds that the list above lacks.
DatatypePtr parse_datatype(Bytes message);

/// The type of a dataset or attribute: written out, or the address of a committed type.
struct TypeReference {
  DatatypePtr inline_type;  // null: see `committed`
  uint64_t committed = 0;

  /// Reads a datatype message, or with `shared` a reference to one.
  static TypeReference parse(Bytes message, bool shared);
};

/// The shape of a dataset or attribute, slowest dimension first.
struct Dataspace {
  enum class Kind { kScalar, kSimple, kNull };
  Kind kind = Kind::kScalar;
  std::vector<uint64_t> dims;
  std::vector<uint64_t> most_dims;  // what they may grow to, UINT64_MAX without limit; empty: dims

  static Dataspace parse(Bytes message);
  /// Number of elements: 1 for a scalar, 0 for null. Throws Fault where 64 bits do not hold it.
  uint64_t count() const;
};

/// A named value attached to an object.
struct Attribute {
  std::string name;
  TypeReference type;
  Dataspace space;
  Bytes data;
  std::optional<io::Fault> problem;  // why all but its name is not known

  static Attribute parse(Bytes message);
};

}  // namespace luxtorch::hdf5
