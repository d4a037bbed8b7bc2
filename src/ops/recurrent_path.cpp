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

const Tensor& lengths_of(const RecurrentInputs& in) {
  static const Tensor& none = *new Tensor;
  return in.options ? in.options->lengths : none;
}

// The kernels trust their shapes.
bool shapes_fit(const RecurrentInputs& in, int64_t gates) {
  const auto& w = in.w;
  const bool tokens = !in.x.is_floating_point();
  if (w.weight_ih.dim() != 2 || w.weight_hh.dim() != 2) return false;
  const int64_t dims = (in.options ? 3 : 2) - (tokens ? 1 : 0), out = w.weight_hh.size(1);
  if (in.x.dim() != dims || (tokens && in.x.scalar_type() != kInt64)) return false;
  const int64_t batch = in.x.size(in.options && in.options->time_first ? 1 : 0);
  auto is = [](const Tensor& t, std::initializer_list<int64_t> shape) {
    return t.sizes() == Shape(shape);
  };
  auto is_state = [&](const Tensor& t) { return !t.defined() || is(t, {batch, out}); };
  auto is_bias = [&](const Tensor& t) {
    return t.defined() == w.bias_ih.defined() && (!t.defined() || is(t, {gates * out}));
  };
  return is(w.weight_ih, {gates * out, w.weight_ih.size(1)}) &&
         is(w.weight_hh, {gates * out, out}) && (tokens || in.x.size(-1) == w.weight_ih.size(1)) &&
         is_bias(w.bias_ih) && is_bias(w.bias_hh) && in.h.defined() && is_state(in.h) &&
         is_state(in.c) &&
         (!lengths_of(in).defined() ||
          (is(lengths_of(in), {batch}) && lengths_of(in).scalar_type() == kInt64));
}

const char* why_not_fused(const RecurrentInputs& in, int64_t gates) {
  if (plain_guards > 0 || plain_by_environment()) return "plain operators are asked for";
  if (gates == 0) return "the activation has no kernel";
  const auto dtype = in.w.weight_hh.scalar_type();
  if (dtype != kFloat32 && dtype != kFloat64) return "dtype is not float32 or float64";
  for (const Tensor* t : {&in.x, &in.h, &in.c, &in.w.weight_ih, &in.w.weight_hh, &in.w.bias_ih,
                          &in.w.bias_hh, &lengths_of(in)}) {
    if (!t->defined()) continue;
    if (is_wrapped(*t)) return "a tensor is wrapped by a transform";
    if (!t->device().is_cpu()) return "a tensor is not on the CPU";
    if (t->layout() != at::kStrided) return "a tensor is not dense";
    if (t->is_floating_point() && t->scalar_type() != dtype) return "dtypes are mixed";
    if (t->_fw_grad(/*level=*/0).defined()) return "a tensor carries a forward-mode derivative";
  }
  if (in.x.numel() == 0) return "there are no rows";
  if (!shapes_fit(in, gates)) return "shapes do not fit together";
  return nullptr;
}

bool torch_has_it(const RecurrentInputs& in, int64_t gates) {
  return gates > 0 && in.x.is_cuda() && in.x.is_floating_point() && !lengths_of(in).defined() &&
         in.x.numel() > 0 && !is_wrapped(in.x) && plain_guards == 0 && !plain_by_environment();
}

}  // namespace

RecurrentPath choose_path(const RecurrentInputs& in, int64_t gates) {
  const char* reason = why_not_fused(in, gates);
  if (!reason) {
    last_run = {RecurrentPath::fused, ""};
  } else {
    last_run = {torch_has_it(in, gates) ? RecurrentPath::torch : RecurrentPath::plain, reason};
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
