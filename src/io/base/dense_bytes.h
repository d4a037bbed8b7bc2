// The elements of a tensor as files hold them: on the CPU, in row-major order, without a gap.
#pragma once

#include <string_view>

#include "luxtorch/core/types.h"

namespace luxtorch::io {

/// Has it elements of its own that can be written? Not where it is sparse, quantised or on meta.
bool has_dense_elements(const Tensor& t);
/// The tensor itself where it is dense already.
Tensor dense(const Tensor& t);
/// A dense tensor's bytes.
std::string_view bytes_of(const Tensor& dense);

}  // namespace luxtorch::io
