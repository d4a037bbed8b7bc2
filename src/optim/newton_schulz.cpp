#include "optim/newton_schulz.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/matmul.h>

namespace luxtorch::detail {

Tensor orthogonalized(const Tensor& m, const std::array<double, 3>& coefficients, int64_t steps,
                      double epsilon) {
  const auto [a, b, c] = coefficients;
  const bool tall = m.size(0) > m.size(1);
  Tensor x = m.to(Dtype::BFloat16);
  if (tall) x = x.t();
  x = x / x.norm().clamp_min(epsilon);  // the largest singular value is at most 1
  for (int64_t i = 0; i < steps; ++i) {
    const Tensor gram = at::matmul(x, x.t());
    x = at::addmm(x, at::addmm(gram, gram, gram, b, c), x, a);
  }
  return tall ? x.t() : x;
}

}  // namespace luxtorch::detail
