// Shapes alone, of whatever size: what torch.compile runs while it traces.
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "python/operators.h"

namespace luxtorch::python {

namespace {

Tensor empty(std::initializer_list<c10::SymInt> shape, const Tensor& like) {
  return at::empty_symint(c10::SymIntArrayRef(shape), like.options());
}
// With batch_first too each step's rows lie together.
Tensor in_time(c10::SymInt first, c10::SymInt second, c10::SymInt width, bool batch_first,
               const Tensor& like) {
  if (batch_first) return empty({second, first, width}, like).transpose(0, 1);
  return empty({first, second, width}, like);
}
Tensor empty_as(const Tensor& like) { return at::empty_symint(like.sym_sizes(), like.options()); }

std::tuple<Tensor, Tensor, Tensor> recurrent(LUXTORCH_RECURRENT_ARGUMENTS) {
  const auto kind = stack_kind(mode, biases, layers, bidirectional, batch_first);
  check_parts(kind, input, hx, weights, masks);
  const auto out = weights[1].sym_size(1), width = out * kind.directions();
  const bool packed = batch_sizes.has_value();
  TORCH_CHECK_NOT_IMPLEMENTED(!packed || !hx.empty(),
                              "[luxtorch.recurrent] expected hx with a "
                              "packed input that is traced, got none. Pass zeros.");
  const auto batch = packed ? hx[0].sym_size(1) : input.sym_size(batch_first ? 0 : 1);
  const auto state = empty({kind.sequences(), batch, out}, input);
  auto y = packed ? empty({input.sym_size(0), width}, input)
                  : in_time(input.sym_size(0), input.sym_size(1), width, batch_first, input);
  return {std::move(y), state, kind.states() == 2 ? empty_as(state) : empty({0}, input)};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> recurrent_forward(LUXTORCH_RECURRENT_ARGUMENTS) {
  auto [y, h, c] = recurrent(LUXTORCH_RECURRENT_VALUES);
  return {y, h, c, at::empty({1}, input.options().dtype(kInt64))};
}

std::vector<Tensor> recurrent_backward(const std::optional<Tensor>&, const std::optional<Tensor>&,
                                       const std::optional<Tensor>&, const Tensor&,
                                       LUXTORCH_RECURRENT_ARGUMENTS, at::IntArrayRef needed) {
  check_parts(stack_kind(mode, biases, layers, bidirectional, batch_first), input, hx, weights,
              masks);
  TORCH_CHECK_NOT_IMPLEMENTED(needed.size() == 1 + hx.size() + weights.size(),
                              "[luxtorch.recurrent] expected needed of ",
                              1 + hx.size() + weights.size(), " numbers, got ", needed.size(), ".");
  std::vector<Tensor> all{input};
  all.insert(all.end(), hx.begin(), hx.end());
  all.insert(all.end(), weights.begin(), weights.end());
  std::vector<Tensor> found;
  for (size_t i = 0; i < all.size(); ++i) {
    if (!needed[i]) continue;
    const bool steps = i == 0 && !batch_sizes.has_value();
    found.push_back(
        steps ? in_time(input.sym_size(0), input.sym_size(1), input.sym_size(2), batch_first, input)
              : empty_as(all[i]));
  }
  return found;
}

}  // namespace

}  // namespace luxtorch::python

TORCH_LIBRARY_IMPL(luxtorch, Meta, library) {
  library.impl("recurrent", &luxtorch::python::recurrent);
  library.impl("recurrent_forward", &luxtorch::python::recurrent_forward);
  library.impl("recurrent_backward", &luxtorch::python::recurrent_backward);
}
