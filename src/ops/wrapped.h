// Which tensors code that reads memory by itself must leave alone.
#pragma once

#include <c10/core/DispatchKeySet.h>

#include "luxtorch/core/types.h"

namespace luxtorch::ops {

/// Whether a tensor's memory is not what it stands for: batched or wrapped by a transform, conjugated,
/// negated, all zeros.
inline bool is_wrapped(const Tensor& t) {
  static constexpr c10::DispatchKeySet others{
      c10::DispatchKey::FuncTorchBatched, c10::DispatchKey::FuncTorchGradWrapper,
      c10::DispatchKey::Batched,          c10::DispatchKey::Python,
      c10::DispatchKey::Functionalize,    c10::DispatchKey::Conjugate,
      c10::DispatchKey::Negative,         c10::DispatchKey::ZeroTensor};
  return t.key_set().has_any(others);
}

}  // namespace luxtorch::ops
