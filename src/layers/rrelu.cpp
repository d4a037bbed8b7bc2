#include "luxtorch/layers/rrelu.h"

#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/where.h>

#include "layers/check.h"
#include "luxtorch/rng.h"

namespace luxtorch {

RReLU::RReLU(double lower, double upper) : lower_(lower), upper_(upper) {
  if (lower <= upper) return;
  throw ArgumentError("RReLU",
                      fmt::format("expected a lower slope that is not above the upper one, got {} "
                                  "and {}.",
                                  lower, upper));
}

std::vector<StateSpec> RReLU::states() const { return {StateSpec::rng(), {"training", true}}; }

Out<Tensor> RReLU::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  if (!x.is_floating_point())
    fail(*this, "expected x of a floating dtype, got " + dtype_text(x.scalar_type()) + ".");
  Tensor y;
  Tree next = st;
  if (st["training"].scalar<bool>()) {
    const auto rng = st["rng"].scalar<Rng>();
    const auto draw = random::uniform(rng, x.sizes()).to(x.options().requires_grad(false));
    y = at::where(x.gt(0), x, x.mul(draw.mul(upper_ - lower_).add(lower_)));
    next = st.with("rng", rng.fold_in("next"));
  } else {
    y = at::leaky_relu(x, (lower_ + upper_) / 2);
  }
  detail::report(*this, y);
  return {std::move(y), std::move(next)};
}

std::string RReLU::label() const {
  const RReLU usual;
  return lower_ == usual.lower_ && upper_ == usual.upper_
             ? "RReLU()"
             : fmt::format("RReLU({}, {})", lower_, upper_);
}

}  // namespace luxtorch
