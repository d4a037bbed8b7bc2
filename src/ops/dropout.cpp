#include "luxtorch/ops/dropout.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "luxtorch/core/error.h"
#include "ops/dropout.h"
#include "ops/dropout_mask.h"
#include "text.h"

namespace luxtorch::ops {

namespace {

void check(const char* op, const Tensor& x, double p) {
  check_probability(op, p);
  if (!x.is_floating_point()) {
    throw ShapeError(
        op, fmt::format("expected x of a floating dtype, got {}.", dtype_text(x.scalar_type())));
  }
}

// The mask's shape: that of x, with 1 for what is not among dims.
std::vector<int64_t> mask_shape(const Tensor& x, ShapeView dims) {
  std::vector<int64_t> shape = x.sizes().vec();
  if (!dims.empty()) shape.assign(shape.size(), 1);
  for (auto d : dims) {
    const auto at = d < 0 ? d + x.dim() : d;
    if (at < 0 || at >= x.dim()) {
      throw ArgumentError("dropout", fmt::format("expected dims within x of shape {}, got {}.",
                                                 shape_text(x.sizes()), d));
    }
    shape[static_cast<size_t>(at)] = x.size(at);
  }
  return shape;
}

at::TensorOptions constant_like(const Tensor& x) { return x.options().requires_grad(false); }

}  // namespace

void check_probability(const std::string& who, double p) {
  if (p >= 0 && p <= 1) return;
  throw ArgumentError(who, fmt::format("expected a probability from 0 to 1, got {}.", p));
}

Tensor dropout(Rng rng, const Tensor& x, double p, ShapeView dims) {
  check("dropout", x, p);
  if (p == 0) return x;
  const Kept kept(rng, p);
  if (dims.empty() && may_fuse_dropout(x)) return fused_dropout(kept, x);
  return x.mul(mask_of(kept, mask_shape(x, dims), constant_like(x), /*scaled=*/true));
}

Tensor alpha_dropout(Rng rng, const Tensor& x, double p) {
  check("alpha_dropout", x, p);
  if (p == 0) return x;
  const Tensor mask = mask_of(Kept(rng, p), x.sizes(), constant_like(x), /*scaled=*/false);
  if (p == 1) return x.mul(mask);
  constexpr double a = -1.7580993408473766;
  const double scale = 1 / std::sqrt((1 - p) * (1 + p * a * a));
  // scale (x mask + a (1 - mask)) - scale a p, with what x does not need in one.
  return x.mul(mask.mul(scale)).add(mask.mul(-scale * a).add(scale * a * (1 - p)));
}

}  // namespace luxtorch::ops
