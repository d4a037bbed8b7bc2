#include "ops/linear.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>

#include "ops/fast_path.h"
#include "ops/flops.h"
#include "ops/if_defined.h"

namespace luxtorch::ops {

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const int64_t in = weight.size(1), out = weight.size(0), rows = x.numel() / in;
  count_product(rows, in, out, {&x, &weight});
  // torch's operator is six operators for an x of three dimensions, which a single token takes longer in
  // than in its product.
  if (x.dim() < 3 || !x.is_contiguous() || !is_unrecorded({&x, &weight, &bias}))
    return at::linear(x, weight, if_defined(bias));
  const Tensor matrix = x.view({rows, in}), columns = weight.t();
  Shape shape(x.sizes());
  shape.back() = out;
  return (bias.defined() ? at::addmm(bias, matrix, columns) : at::mm(matrix, columns)).view(shape);
}

}  // namespace luxtorch::ops
