// The checks that layers share: their errors name the layer, what it expected and what came.
#pragma once

#include <string>

#include "luxtorch/core/error.h"
#include "text.h"

namespace luxtorch {

/// x has `features` as its last size, the parameters' dtype, and is on their device. shape: how the layer's input is
/// written, as "(batch, 8)"; ranks outside [least, most] are refused too.
template <class L>
void check_input(const L& layer, const Tensor& x, int64_t features, const Tensor& parameter, const char* leading,
                 int64_t least, int64_t most) {
  if (x.dim() < least || x.dim() > most || x.size(-1) != features) [[unlikely]] {
    fail(layer, std::string("expected x of shape (") + leading + std::to_string(features) + "), got " +
                    shape_text(x.sizes()) + ".");
  }
  if (x.scalar_type() != parameter.scalar_type()) [[unlikely]] {
    auto wanted = dtype_text(parameter.scalar_type());
    fail(layer, "expected x of dtype " + wanted + " like the parameters, got " + dtype_text(x.scalar_type()) +
                    ". Convert one of them: x.to(...) or tree::to(ps, ...).");
  }
  if (x.device() != parameter.device()) [[unlikely]] {
    fail(layer, "expected x on " + parameter.device().str() + " like the parameters, got " + x.device().str() +
                    ". Move one of them: x.to(...) or tree::to(ps, ...).");
  }
}

inline void check_positive(const char* layer, const char* name, int64_t value) {
  if (value < 1) {
    throw ArgumentError(layer, std::string("expected ") + name + " of at least 1, got " + std::to_string(value) + ".");
  }
}

}  // namespace luxtorch
