// Which tensors of a tree are one.
//
// Level 1. As ties.h says.
#pragma once

#include <cstddef>
#include <unordered_map>

#include "luxtorch/core/types.h"

namespace luxtorch::detail {

class TieNumbers {
 public:
  /// The number of the tensor that t is one with, from 0 in the order of their first appearance. t is
  /// defined.
  size_t of(const Tensor& t);
  size_t size() const { return size_; }

 private:
  struct Known {
    Tensor tensor;
    size_t number;
  };
  std::unordered_multimap<const void*, Known> known_;  // by memory, or by the tensor itself
  size_t size_ = 0;
};

}  // namespace luxtorch::detail
