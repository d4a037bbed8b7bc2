#include <ATen/ops/abs.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/sign.h>
#include <ATen/ops/sqrt.h>

#include "luxtorch/core/operators.h"
#include "optim/layout.h"
#include "optim/optim_slices.h"

namespace luxtorch::detail {

namespace {

template <class Rule>
void run(const Tensor& x, const Tensor& g, const Tensor& d, const Tensor* s, const double* c) {
  Tensor moments[kernels::kMaxSlots];
  for (int i = 0; i < Rule::slots; ++i) moments[i] = s[i];
  const Dtype wide = arithmetic_of(x.scalar_type());
  Tensor direction = Rule::template direction<Tensor, double>(c, g.to(wide), x.to(wide), moments);
  for (int i = 0; i < Rule::slots; ++i) s[i].copy_(moments[i]);
  if (d.defined()) {
    d.copy_(direction);
  } else {
    x.sub_(direction);
  }
}

}  // namespace

void run_on_tensors(kernels::Formula formula, const Tensor& x, const Tensor& g, const Tensor& d,
                    const Tensor* s, const double* c) {
  switch (formula) {
#define LUXTORCH_CASE(rule)    \
  case kernels::Formula::rule: \
    return run<kernels::rules::rule>(x, g, d, s, c);
    LUXTORCH_FOR_EACH_OPTIMIZER_RULE(LUXTORCH_CASE)
#undef LUXTORCH_CASE
  }
}

}  // namespace luxtorch::detail
