#include "ops/fast_path.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ostream>
#include <string_view>

namespace luxtorch::ops {

namespace {

thread_local std::array<BackendChoice, 4> last;  // by FusedOp
thread_local int guards = 0;

bool disabled_by_environment() {
  static const bool set = [] {
    const char* value = std::getenv("LUXTORCH_PLAIN_RECURRENCE");
    return value && *value && std::string_view(value) != "0";
  }();
  return set;
}

}  // namespace

const char* why_disabled(FusedOp op) {
  const bool disabled = guards > 0 || (op == FusedOp::recurrence && disabled_by_environment());
  return disabled ? "fused kernels are disabled" : nullptr;
}

const char* why_unreadable(Dtype dtype, std::initializer_list<const Tensor*> tensors) {
  if (!has_kernels(dtype)) return "dtype is not float32 or float64";
  for (const Tensor* t : tensors) {
    if (!t->defined()) continue;
    if (is_indirect(*t)) return "a tensor is wrapped by a transform";
    switch (memory_fault(*t, t->is_floating_point() ? dtype : t->scalar_type())) {
      case MemoryFault::device:
        return "a tensor is not on the CPU";
      case MemoryFault::layout:
        return "a tensor is not dense";
      case MemoryFault::dtype:
        return "dtypes are mixed";
      case MemoryFault::none:
        break;
    }
    if (has_tangent(*t)) return "a tensor carries a forward-mode derivative";
  }
  return transforms::active() ? "a function transform runs" : nullptr;
}

bool is_readable(std::initializer_list<const Tensor*> tensors) {
  return guards == 0 && !why_unreadable((*tensors.begin())->scalar_type(), tensors);
}

bool is_unrecorded(std::initializer_list<const Tensor*> tensors) {
  return is_readable(tensors) && std::ranges::none_of(tensors, [](const Tensor* t) {
           return t->defined() && is_recorded(*t);
         });
}

Backend remember(FusedOp op, Backend backend, const char* reason) {
  last[static_cast<size_t>(op)] = {backend, backend == Backend::fused ? "" : reason};
  return backend;
}

BackendChoice last_backend(FusedOp op) { return last[static_cast<size_t>(op)]; }

DisableFusedKernels::DisableFusedKernels() { ++guards; }
DisableFusedKernels::~DisableFusedKernels() { --guards; }

std::ostream& operator<<(std::ostream& out, const BackendChoice& choice) {
  static constexpr const char* kNames[] = {"none", "fused", "torch", "reference"};
  out << kNames[static_cast<int>(choice.backend)];
  return *choice.reason ? out << " (" << choice.reason << ")" : out;
}

}  // namespace luxtorch::ops
