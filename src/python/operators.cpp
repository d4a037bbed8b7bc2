#include "python/operators.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>
#include <torch/library.h>
#include <torch/version.h>

#include "luxtorch/version.h"
#include "python/kept.h"

namespace luxtorch::python {

namespace {

// For an output that there is not: an operator's tensors are all defined.
Tensor defined(Tensor t, const Tensor& like) {
  return t.defined() ? std::move(t) : at::empty({0}, like.options());
}

std::tuple<Tensor, Tensor, Tensor> recurrent(LUXTORCH_RECURRENT_ARGUMENTS) {
  const auto call = Arguments{LUXTORCH_RECURRENT_VALUES}.call();
  check(call);
  auto out = forward(call, nullptr);
  return {std::move(out.y), std::move(out.h), defined(std::move(out.c), input)};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> recurrent_forward(LUXTORCH_RECURRENT_ARGUMENTS) {
  const auto call = Arguments{LUXTORCH_RECURRENT_VALUES}.call();
  check(call);
  StackMemory memory;
  auto out = forward(call, &memory);
  return {std::move(out.y), std::move(out.h), defined(std::move(out.c), input),
          kept_as_tensor(std::move(memory))};
}

std::vector<Tensor> recurrent_backward(const std::optional<Tensor>& by_y,
                                       const std::optional<Tensor>& by_h,
                                       const std::optional<Tensor>& by_c, const Tensor& kept_tensor,
                                       LUXTORCH_RECURRENT_ARGUMENTS, at::IntArrayRef needed) {
  const auto call = Arguments{LUXTORCH_RECURRENT_VALUES}.call();
  check(call);
  const StackOutput by{by_y.value_or(Tensor()), by_h.value_or(Tensor()), by_c.value_or(Tensor())};
  check_backward(call, by, needed.size());
  StackMemory again;
  const auto* memory = kept(kept_tensor);
  // A copy, such as one that waited on another device, or of another call.
  if (!memory || memory->signature != signature_of(call)) {
    forward(call, &again);
    memory = &again;
  }
  const std::vector<bool> wanted(needed.begin(), needed.end());
  auto all = backward(call, *memory, by, wanted);
  std::vector<Tensor> found;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!wanted[i]) continue;
    const auto& of = i == 0 ? input : i <= hx.size() ? hx[i - 1] : weights[i - 1 - hx.size()];
    found.push_back(all[i].defined() ? std::move(all[i]) : at::zeros_like(of));
  }
  return found;
}

}  // namespace

}  // namespace luxtorch::python

#define LUXTORCH_SCHEMA                                                                          \
  "Tensor input, Tensor[] hx, Tensor[] weights, Tensor[] masks, Tensor? batch_sizes, str mode, " \
  "bool biases, int layers, bool bidirectional, bool batch_first"

// The package reads it from the file before anything is loaded, as it may not load beside another torch.
extern "C" const char luxtorch_built_with_torch[] = "luxtorch was built with torch " TORCH_VERSION;

TORCH_LIBRARY(luxtorch, library) {
  library.def("recurrent(" LUXTORCH_SCHEMA ") -> (Tensor, Tensor, Tensor)");
  library.def("recurrent_forward(" LUXTORCH_SCHEMA ") -> (Tensor, Tensor, Tensor, Tensor)");
  library.def(
      "recurrent_backward(Tensor? by_y, Tensor? by_h, Tensor? by_c, Tensor kept, " LUXTORCH_SCHEMA
      ", int[] needed) -> Tensor[]");
  library.def("version() -> str", [] { return std::string(luxtorch::version()); });
}

TORCH_LIBRARY_IMPL(luxtorch, CPU, library) {
  library.impl("recurrent", &luxtorch::python::recurrent);
  library.impl("recurrent_forward", &luxtorch::python::recurrent_forward);
  library.impl("recurrent_backward", &luxtorch::python::recurrent_backward);
}
