// The numbers in a tensor of integers, for tests of what picks observations.
#pragma once

#include <vector>

#include "luxtorch/tree.h"

namespace luxtorch::data {

inline std::vector<int64_t> numbers(const Tree& t) {
  auto x = t.tensor().cpu().contiguous();
  return {x.const_data_ptr<int64_t>(), x.const_data_ptr<int64_t>() + x.numel()};
}

}  // namespace luxtorch::data
