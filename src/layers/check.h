// The checks that layers share: their errors name the layer, what it expected and what came.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>

#include "luxtorch/core/error.h"
#include "ops/half_precision.h"
#include "text.h"

namespace luxtorch {

namespace detail {

template <class L>
[[noreturn]] void refuse_unlike(const L& layer, const char* what, const std::string& expected,
                                const std::string& got, const char* verb) {
  fail(layer, fmt::format("expected {0} {1} like the parameters, got {2}. {3} one of them: "
                          "{0}.to(...) or tree::to(ps, ...).",
                          what, expected, got, verb));
}

}  // namespace detail

/// `what` is on the parameters' device.
template <class L>
void check_device(const L& layer, const char* what, const Tensor& t, const Tensor& parameter) {
  if (t.device() != parameter.device()) [[unlikely]] {
    detail::refuse_unlike(layer, what, "on " + parameter.device().str(), t.device().str(), "Move");
  }
}

/// `what` has the parameters' dtype and is on their device.
template <class L>
void check_alike(const L& layer, const char* what, const Tensor& t, const Tensor& parameter) {
  if (t.scalar_type() != parameter.scalar_type()) [[unlikely]] {
    detail::refuse_unlike(layer, what, "of dtype " + dtype_text(parameter.scalar_type()),
                          dtype_text(t.scalar_type()), "Convert");
  }
  check_device(layer, what, t, parameter);
}

using ops::is_half;

/// As check_alike, but half precision goes with float32 parameters, as in normalizations.
template <class L>
void check_alike_or_half(const L& layer, const char* what, const Tensor& t,
                         const Tensor& parameter) {
  if (is_half(t.scalar_type()) && parameter.scalar_type() == kFloat32) {
    check_device(layer, what, t, parameter);
  } else {
    check_alike(layer, what, t, parameter);
  }
}

/// The last sizes of x are those of `shape`.
template <class L>
void check_last_sizes(const L& layer, const Tensor& x, ShapeView shape) {
  if (x.sizes().size() >= shape.size() && x.sizes().slice(x.sizes().size() - shape.size()) == shape)
    return;
  fail(layer, fmt::format("expected x of shape (..., {}), got {}.", fmt::join(shape, ", "),
                          shape_text(x.sizes())));
}

/// x has `features` as its last size, and the parameters' dtype and device. leading: how the
/// layer's input is written before its features, as "batch, "; ranks outside [least, most] are
/// refused too.
template <class L>
void check_input(const L& layer, const Tensor& x, int64_t features, const Tensor& parameter,
                 const char* leading, int64_t least, int64_t most) {
  if (x.dim() < least || x.dim() > most || x.size(-1) != features) [[unlikely]] {
    fail(layer, fmt::format("expected x of shape ({}{}), got {}.", leading, features,
                            shape_text(x.sizes())));
  }
  check_alike(layer, "x", x, parameter);
}

inline void check_positive(const char* layer, const char* name, int64_t value) {
  if (value >= 1) return;
  throw ArgumentError(layer, fmt::format("expected {} of at least 1, got {}.", name, value));
}

/// Sizes that a layer is made with: one at least, none below 1.
inline void check_sizes(const char* layer, const char* name, ShapeView sizes) {
  if (sizes.empty())
    throw ArgumentError(layer, fmt::format("expected {} of at least one size, got none.", name));
  for (int64_t size : sizes) check_positive(layer, fmt::format("sizes in {}", name).c_str(), size);
}

/// x is of a floating dtype: of layers without parameters to compare it with.
template <class L>
void check_floating(const L& layer, const Tensor& x) {
  if (x.is_floating_point()) return;
  fail(layer, "expected x of a floating dtype, got " + dtype_text(x.scalar_type()) + ".");
}

/// What a normalization adds to a variance or mean square.
inline void check_epsilon(const char* layer, double epsilon) {
  if (epsilon >= 0) return;
  throw ArgumentError(layer, fmt::format("expected .epsilon of at least 0, got {}.", epsilon));
}

}  // namespace luxtorch
