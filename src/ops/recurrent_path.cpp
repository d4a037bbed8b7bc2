#include "luxtorch/ops/recurrent_path.h"

#include <cstdlib>
#include <ostream>
#include <string_view>

#include "ops/recurrent_choice.h"
#include "ops/recurrent_graph.h"
#include "ops/wrapped.h"
#include "transforms.h"

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

// The kernels trust their shapes.
bool shapes_fit(const RecurrentInput& in) {
  const auto& w = in.w;
  const auto& lengths = in.options.lengths;
  const bool tokens = !in.x.is_floating_point();
  if (w.weight_ih.dim() != 2 || w.weight_hh.dim() != 2) return false;
  const int64_t dims = (in.step ? 2 : 3) - (tokens ? 1 : 0), out = w.weight_hh.size(1);
  if (in.x.dim() != dims || (tokens && in.x.scalar_type() != kInt64)) return false;
  const int64_t batch = in.x.size(!in.step && in.options.time_first ? 1 : 0);
  const int64_t rows = kernels::gates_of(in.cell) * out;
  auto is = [](const Tensor& t, std::initializer_list<int64_t> shape) {
    return t.sizes() == ShapeView(shape);
  };
  auto is_state = [&](const Tensor& t) { return !t.defined() || is(t, {batch, out}); };
  auto is_bias = [&](const Tensor& t) {
    return t.defined() == w.bias_ih.defined() && (!t.defined() || is(t, {rows}));
  };
  return is(w.weight_ih, {rows, w.weight_ih.size(1)}) && is(w.weight_hh, {rows, out}) &&
         (tokens || in.x.size(-1) == w.weight_ih.size(1)) && is_bias(w.bias_ih) &&
         is_bias(w.bias_hh) && in.h.defined() && is_state(in.h) && is_state(in.c) &&
         (!lengths.defined() || (is(lengths, {batch}) && lengths.scalar_type() == kInt64));
}

// Packing the weights for one step alone takes as long as a step of torch's, if they are many.
bool is_worth_packing(const RecurrentInput& in) {
  constexpr int64_t kSoonPacked = 1 << 13;
  return !in.step || records_graph(in) || reads_unpacked_weights(in) ||
         in.w.weight_ih.numel() + in.w.weight_hh.numel() <= kSoonPacked;
}

constexpr const char* kNotWorthPacking =
    "one step without a graph is not worth the packing of its weights";

const char* why_not_fused(const RecurrentInput& in, bool kernel) {
  if (plain_guards > 0 || plain_by_environment()) return "plain operators are asked for";
  if (!kernel) return "the activation has no kernel";
  const auto dtype = in.w.weight_hh.scalar_type();
  if (dtype != kFloat32 && dtype != kFloat64) return "dtype is not float32 or float64";
  for (const Tensor* t : {&in.x, &in.h, &in.c, &in.w.weight_ih, &in.w.weight_hh, &in.w.bias_ih,
                          &in.w.bias_hh, &in.options.lengths}) {
    if (!t->defined()) continue;
    if (is_wrapped(*t)) return "a tensor is wrapped by a transform";
    if (!t->device().is_cpu()) return "a tensor is not on the CPU";
    if (t->layout() != at::kStrided) return "a tensor is not dense";
    if (t->is_floating_point() && t->scalar_type() != dtype) return "dtypes are mixed";
    if (t->_fw_grad(/*level=*/0).defined()) return "a tensor carries a forward-mode derivative";
  }
  if (transforms::active()) return "a function transform runs";
  if (in.x.numel() == 0) return "there are no rows";
  if (!shapes_fit(in)) return "shapes do not fit together";
  return is_worth_packing(in) ? nullptr : kNotWorthPacking;
}

// at::lstm and the like, or at::lstm_cell and at::gru_cell, instead of the kernels.
bool torch_has_it(const RecurrentInput& in, bool kernel, const char* reason) {
  if (!kernel || !in.x.is_floating_point() || (in.step && kernels::gates_of(in.cell) == 1))
    return false;
  if (reason == kNotWorthPacking) return true;
  return in.x.is_cuda() && !in.options.lengths.defined() && in.x.numel() > 0 && !is_wrapped(in.x) &&
         plain_guards == 0 && !plain_by_environment();
}

}  // namespace

RecurrentPath choose_path(const RecurrentInput& in, bool kernel) {
  const char* reason = why_not_fused(in, kernel);
  if (!reason) {
    last_run = {RecurrentPath::fused, ""};
  } else {
    const bool torch = torch_has_it(in, kernel, reason);
    last_run = {torch ? RecurrentPath::torch : RecurrentPath::plain, reason};
  }
  return last_run.path;
}

RecurrentRun last_recurrent_run() { return last_run; }

PlainRecurrence::PlainRecurrence() { ++plain_guards; }
PlainRecurrence::~PlainRecurrence() { --plain_guards; }

std::ostream& operator<<(std::ostream& out, const RecurrentRun& run) {
  static constexpr const char* kNames[] = {"none", "fused", "torch", "plain"};
  out << kNames[static_cast<int>(run.path)];
  return *run.reason ? out << " (" << run.reason << ")" : out;
}

}  // namespace luxtorch::ops
