#include "optim/muon.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/lerp.h>
#include <ATen/ops/matmul.h>

#include <algorithm>
#include <cmath>

namespace luxtorch::detail {

namespace {

// About U V^T for m = U S V^T; the singular values end between 0.5 and 1.5.
Tensor orthogonalized(const Tensor& m, const RuleValues& h) {
  const bool tall = m.size(0) > m.size(1);
  Tensor x = m.to(Dtype::BFloat16);
  if (tall) x = x.t();
  x = x / x.norm().clamp_min(*h.epsilon);  // the largest singular value is at most 1
  const auto steps = static_cast<int64_t>(h.ns_steps);
  for (int64_t i = 0; i < steps; ++i) {
    const Tensor gram = at::matmul(x, x.t());
    x = at::addmm(x, at::addmm(gram, gram, gram, h.ns_b, h.ns_c), x, h.ns_a);
  }
  return tall ? x.t() : x;
}

}  // namespace

void muon_step(const RuleValues& h, const Tensor& g, const Tensor& x, const Tensor& m,
               const Tensor& d) {
  m.lerp_(g, 1 - *h.rho);
  const Tensor o = orthogonalized(h.nesterov != 0 ? at::lerp(g, m, *h.rho) : m, h);
  const auto rows = static_cast<double>(g.size(0)), columns = static_cast<double>(g.size(1));
  const double ratio = h.match_rms != 0 ? 0.2 * std::sqrt(std::max(rows, columns))
                                        : std::sqrt(std::max(1.0, rows / columns));
  d.copy_(o.to(g.scalar_type()) * (*h.lr * ratio) + x * (*h.lr * *h.lambda));
}

}  // namespace luxtorch::detail
