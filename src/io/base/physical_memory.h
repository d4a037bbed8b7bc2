// How much memory the machine has.
#pragma once

#include <cstdint>

namespace luxtorch::io {

/// In bytes; UINT64_MAX where the system does not tell.
uint64_t physical_memory();

}  // namespace luxtorch::io
