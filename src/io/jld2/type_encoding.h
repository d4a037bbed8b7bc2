// HDF5 datatype messages as JLD2 writes them, byte for byte (format version 3).
//
// libhdf5's own constructors encode numbers with version 1, which JLD2 does not accept everywhere;
// types decoded from these bytes keep their version when libhdf5 writes them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "luxtorch/core/types.h"

namespace luxtorch::jld2 {

using Encoding = std::vector<uint8_t>;

struct EncodedMember {
  std::string name;
  Encoding type;
};

Encoding encode_number(Dtype dtype);  // integers, floats and Bool
Encoding encode_reference();
Encoding encode_reference_list();
Encoding encode_string();  // variable length, UTF-8
Encoding encode_fixed_string(uint32_t bytes);
Encoding encode_opaque();  // one byte without meaning, for types without data
/// Members without gaps, in order.
Encoding encode_compound(const std::vector<EncodedMember>& members);

}  // namespace luxtorch::jld2
