#include "luxtorch/ops/recurrent_path.h"

#include <c10/core/DispatchKeySet.h>

#include <cstdlib>
#include <ostream>
#include <string_view>

#include "ops/recurrent_choice.h"

namespace luxtorch::ops {

namespace {

thread_local RecurrentRun last_run;
thread_local int plain_guards = 0;

bool plain_by_environment() {
  static const bool set = [] {
    const char* value = std::getenv("LUXTORCH_PLAIN_RECURRENCE");
    return value && *value && std::string_view(value) != "0";
  }();
  return set;
}

// Tensors whose memory is not what they stand for: wrapped by a transform, conjugated, negated.
bool is_wrapped(const Tensor& t) {
  static constexpr c10::DispatchKeySet others{
      c10::DispatchKey::FuncTorchBatched, c10::DispatchKey::FuncTorchGradWrapper,
      c10::DispatchKey::Batched,          c10::DispatchKey::Python,
      c10::DispatchKey::Functionalize,    c10::DispatchKey::Conjugate,
      c10::DispatchKey::Negative,         c10::DispatchKey::ZeroTensor};
  return t.key_set().has_any(others);
}

const char* why_not_fused(const RecurrentInputs& in, bool stock) {
  if (plain_guards > 0 || plain_by_environment()) return "plain operators are asked for";
  if (!stock) return "the activation has no kernel";
  const auto dtype = in.w.weight_hh.scalar_type();
  if (dtype != kFloat32 && dtype != kFloat64) return "dtype is not float32 or float64";
  for (const Tensor* t : {&in.x, &in.h, &in.c, &in.w.weight_ih, &in.w.weight_hh, &in.w.bias_ih,
                          &in.w.bias_hh, &in.lengths}) {
    if (!t->defined()) continue;
    if (is_wrapped(*t)) return "a tensor is wrapped by a transform";
    if (!t->device().is_cpu()) return "a tensor is not on the CPU";
    if (t->layout() != at::kStrided) return "a tensor is not dense";
    if (t->is_floating_point() && t->scalar_type() != dtype) return "dtypes are mixed";
    if (t->_fw_grad(/*level=*/0).defined()) return "a tensor carries a forward-mode derivative";
  }
  if (in.x.numel() == 0) return "there are no rows";
  return nullptr;
}

bool torch_has_it(const RecurrentInputs& in, bool stock) {
  return stock && in.x.is_cuda() && in.x.is_floating_point() && !in.lengths.defined() &&
         in.x.numel() > 0 && !is_wrapped(in.x) && plain_guards == 0 && !plain_by_environment();
}

}  // namespace

RecurrentPath choose_path(const RecurrentInputs& in, bool stock) {
  const char* reason = why_not_fused(in, stock);
  if (!reason) {
    last_run = {RecurrentPath::fused, ""};
  } else {
    last_run = {torch_has_it(in, stock) ? RecurrentPath::torch : RecurrentPath::plain, reason};
  }
  return last_run.path;
}

void choose_other_path(RecurrentPath path, const char* reason) { last_run = {path, reason}; }

RecurrentRun last_recurrent_run() { return last_run; }

PlainRecurrence::PlainRecurrence() { ++plain_guards; }
PlainRecurrence::~PlainRecurrence() { --plain_guards; }

std::ostream& operator<<(std::ostream& out, const RecurrentRun& run) {
  static constexpr const char* kNames[] = {"none", "fused", "torch", "plain"};
  out << kNames[static_cast<int>(run.path)];
  return *run.reason ? out << " (" << run.reason << ")" : out;
}

}  // namespace luxtorch::ops
