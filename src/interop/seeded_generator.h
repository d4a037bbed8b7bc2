// torch's default generator, borrowed.
#pragma once

#include <ATen/core/Generator.h>

#include <cstdint>
#include <mutex>

#include "luxtorch/core/types.h"

namespace luxtorch::detail {

/// While one lives, torch's default generator of the device gives the numbers of `seed`; afterwards it goes on as if nothing
/// had been drawn. One at a time in the process. Draws that other threads make meanwhile, by torch's own functions, come
/// from the same generator: torch has one per device.
class SeededGenerator {
 public:
  SeededGenerator(uint64_t seed, Device device);
  ~SeededGenerator();
  SeededGenerator(const SeededGenerator&) = delete;
  SeededGenerator& operator=(const SeededGenerator&) = delete;

 private:
  std::unique_lock<std::recursive_mutex> turn_;
  at::Generator generator_;
  Tensor state_;
};

}  // namespace luxtorch::detail
