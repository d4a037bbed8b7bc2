// Tensors that may be undefined, as torch's operators take them.
//
// Level 1.5.
#pragma once

#include <optional>

#include "luxtorch/core/types.h"

namespace luxtorch::ops {

/// t, or nothing where it is undefined.
inline std::optional<Tensor> if_defined(const Tensor& t) {
  return t.defined() ? std::optional(t) : std::nullopt;
}

/// t's numbers, or nullptr where it is undefined.
template <class T>
const T* data_or_null(const Tensor& t) {
  return t.defined() ? t.const_data_ptr<T>() : nullptr;
}

}  // namespace luxtorch::ops
