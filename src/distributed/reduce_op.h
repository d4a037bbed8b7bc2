// c10d's names of reductions, for sources that see torch's c10d.
#pragma once

#include <torch/csrc/distributed/c10d/Types.hpp>

#include "group_backend.h"

namespace luxtorch::distributed {

inline c10d::ReduceOp operation(detail::Reduce how) {
  switch (how) {
    case detail::Reduce::sum:
      return c10d::ReduceOp::SUM;
    case detail::Reduce::max:
      return c10d::ReduceOp::MAX;
    case detail::Reduce::min:
      return c10d::ReduceOp::MIN;
  }
  return c10d::ReduceOp::SUM;
}

}  // namespace luxtorch::distributed
