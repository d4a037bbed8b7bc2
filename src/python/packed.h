// Packed sequences as (time, batch, ...) with lengths, and back.
#pragma once

#include "luxtorch/core/types.h"

namespace luxtorch::python {

/// How many rows there are at each step, int64 on the CPU, none more than before it.
class Packing {
 public:
  /// Undefined: nothing is packed, and all functions give back what they are given.
  explicit Packing(Tensor batch_sizes);

  bool active() const { return sizes_.defined(); }
  int64_t batch() const { return active() ? sizes_.const_data_ptr<int64_t>()[0] : 0; }
  /// int64 (batch)
  Tensor lengths() const;
  /// (rows, dims) as (time, batch, dims), zero beyond a length.
  Tensor padded(const Tensor& rows) const;
  /// Its inverse.
  Tensor packed(const Tensor& steps) const;

 private:
  Tensor sizes_;
};

}  // namespace luxtorch::python
