// torch's dtypes as libhdf5's datatypes, and back.
#pragma once

#include <optional>

#include "io/libhdf5/library.h"
#include "luxtorch/core/types.h"

namespace luxtorch::hdf5 {

/// The type of a dtype's elements in memory and, on this little-endian machine, in files: bool is
/// h5py's enumeration of FALSE and TRUE, complex its compound of r and i. None for bfloat16 and all else
/// that HDF5 has no name for.
std::optional<Handle> type_of(Dtype dtype);

/// Elements of a file as torch has them.
struct NumberType {
  Dtype dtype;
  Handle memory;  // what libhdf5 shall convert to; elements of dtype's size
};

/// For integers, floats, enumerations, bit fields and pairs of floats that are complex numbers, of
/// whatever byte order and width; none for other kinds. Throws Fault for integers above 64 bits.
std::optional<NumberType> number_type(hid_t type);

/// The type in memory of elements of `type`: numbers as number_type has them, all else as it is, without
/// gaps. No enumeration is in it, whose names would be copied for each element.
Handle memory_type(hid_t type);

/// A text of variable length, or of exactly `size` bytes.
Handle text_type(size_t size = H5T_VARIABLE);

}  // namespace luxtorch::hdf5
