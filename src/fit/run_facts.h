// What a log says of the machine and the process.
#pragma once

#include <cstdint>
#include <string>

namespace luxtorch::detail {

/// Seconds since 1970.
double unix_time();
std::string host_name();
/// The program and its arguments with spaces between them; "" where the system does not say.
std::string command_line();
/// The memory of this process that is in RAM; below 0 where the system does not say.
int64_t resident_bytes();

}  // namespace luxtorch::detail
