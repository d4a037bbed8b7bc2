// What this process takes of memory.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>

namespace luxtorch::test {

/// A line of /proc/self/status, in bytes: "VmRSS" (resident), "VmHWM" (the most that was resident).
inline int64_t process_memory(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name + ":")) return std::stoll(line.substr(name.size() + 1)) * 1024;
  return 0;
}

}  // namespace luxtorch::test
