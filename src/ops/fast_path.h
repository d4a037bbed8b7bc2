// May a fused kernel read these tensors, and if not, why? The rule for all operators that have such
// kernels; what an operator asks beside it (shapes, say) it adds itself.
//
//     const char* reason = why_disabled(FusedOp::loss);
//     if (!reason) reason = why_unreadable(dtype, {&y_hat, &y});
//     remember(FusedOp::loss, reason ? Backend::reference : Backend::fused, reason);
#pragma once

#include <ATen/core/grad_mode.h>
#include <c10/core/DispatchKeySet.h>
#include <c10/core/ScalarType.h>

#include <initializer_list>

#include "luxtorch/core/types.h"
#include "luxtorch/ops/fast_path.h"
#include "transforms.h"

namespace luxtorch::ops {

/// Why no fused kernel of op may run now, whatever its tensors are: the guard, or the environment.
/// nullptr: it may.
const char* why_disabled(FusedOp op);

/// Why kernels may not read the defined ones of these tensors; nullptr: they may. dtype: of those of
/// floating point.
const char* why_unreadable(Dtype dtype, std::initializer_list<const Tensor*> tensors);

/// May kernels read the defined ones of these tensors? For operators that last_backend() does not name.
bool is_readable(std::initializer_list<const Tensor*> tensors);

/// May an operator without a backward pass compute with the defined ones of these tensors, which kernels may
/// read? No graph and no transform notices it.
bool is_unrecorded(std::initializer_list<const Tensor*> tensors);

/// How many numbers torch's operators leave to one thread.
inline constexpr int64_t kOfOneThread = 32768;

/// For last_backend(). Returns the backend. reason: of one that is not fused.
Backend remember(FusedOp op, Backend backend, const char* reason);

/// Whether a tensor's memory is not what it stands for: batched or wrapped by a transform, conjugated,
/// negated, all zeros.
inline bool is_indirect(const Tensor& t) {
  static constexpr auto indirect =
      transforms::kWrappers |
      c10::DispatchKeySet{c10::DispatchKey::Batched,       c10::DispatchKey::Python,
                          c10::DispatchKey::Functionalize, c10::DispatchKey::Conjugate,
                          c10::DispatchKey::Negative,      c10::DispatchKey::ZeroTensor};
  return t.key_set().has_any(indirect);
}

/// Whether it carries a forward-mode derivative.
inline bool has_tangent(const Tensor& t) { return t._fw_grad(/*level=*/0).defined(); }

/// Whether autograd records what is computed of it.
inline bool is_recorded(const Tensor& t) { return at::GradMode::is_enabled() && t.requires_grad(); }

/// Whether what is computed of it may be differentiated: it is recorded, a transform is at work, or it carries a
/// forward-mode derivative.
inline bool may_be_differentiated(const Tensor& t) {
  return is_recorded(t) || transforms::active() || has_tangent(t);
}

/// What is wrong with a tensor's memory, the first of these.
enum class MemoryFault { none, device, layout, dtype };
inline MemoryFault memory_fault(const Tensor& t, Dtype dtype) {
  if (!t.device().is_cpu()) return MemoryFault::device;
  if (t.layout() != at::kStrided) return MemoryFault::layout;
  return t.scalar_type() == dtype ? MemoryFault::none : MemoryFault::dtype;
}
inline bool has_kernels(Dtype dtype) { return dtype == kFloat32 || dtype == kFloat64; }

}  // namespace luxtorch::ops
