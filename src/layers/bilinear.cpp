#include "luxtorch/layers/bilinear.h"

#include <ATen/ops/bilinear.h>
#include <ATen/ops/einsum.h>

#include <cmath>

#include "layers/check.h"
#include "ops/flops.h"
#include "transforms.h"

namespace luxtorch {

Bilinear::Bilinear(int64_t in1_dims, int64_t in2_dims, int64_t out_dims, Activation activation,
                   BilinearOptions options)
    : in1_dims_(in1_dims),
      in2_dims_(in2_dims),
      out_dims_(out_dims),
      activation_(activation),
      options_(std::move(options)) {
  check_positive("Bilinear", "in1_dims", in1_dims);
  check_positive("Bilinear", "in2_dims", in2_dims);
  check_positive("Bilinear", "out_dims", out_dims);
}

std::vector<ParameterSpec> Bilinear::parameters() const {
  double b = 1 / std::sqrt(static_cast<double>(in1_dims_));
  auto or_uniform = [&](const Initializer& chosen) -> Initializer {
    return chosen ? chosen : init::Uniform{-b, b};
  };
  std::vector<ParameterSpec> specs{{.name = "weight",
                                    .shape = {out_dims_, in1_dims_, in2_dims_},
                                    .init = or_uniform(options_.init_weight)}};
  if (options_.use_bias) {
    specs.push_back({.name = "bias", .shape = {out_dims_}, .init = or_uniform(options_.init_bias)});
  }
  return specs;
}

Out<Tensor> Bilinear::operator()(const Tensor& x1, const Tensor& x2, const Tree& ps,
                                 const Tree& st) const {
  const auto& weight = ps["weight"].tensor();
  auto ends_with = [](const Tensor& x, int64_t features) {
    return x.dim() >= 1 && x.size(-1) == features;
  };
  if (!ends_with(x1, in1_dims_) || !ends_with(x2, in2_dims_) ||
      x1.sizes().slice(0, x1.dim() - 1) != x2.sizes().slice(0, x2.dim() - 1)) {
    fail(*this,
         fmt::format("expected (x1, x2) of shapes (..., {}) and (..., {}) with equal leading "
                     "sizes, got {} and {}.",
                     in1_dims_, in2_dims_, shape_text(x1.sizes()), shape_text(x2.sizes())));
  }
  check_alike(*this, "x1", x1, weight);
  check_alike(*this, "x2", x2, weight);
  Tensor y;
  if (transforms::active()) {  // where torch's bilinear is a loop over the samples
    y = at::einsum("...i,oij,...j->...o", {x1, weight, x2});
    if (options_.use_bias) y = y.add(ps["bias"].tensor());
  } else {
    y = at::bilinear(x1, x2, weight,
                     options_.use_bias ? std::optional(ps["bias"].tensor()) : std::nullopt);
  }
  // x1 with the weight, then the result with x2.
  ops::count_product(y.numel() * in2_dims_, in1_dims_ + 1, 1, {&x1, &x2, &weight});
  y = activation_(y);
  detail::report(*this, y);
  return {std::move(y), st};
}

Out<Tensor> Bilinear::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  return (*this)(x, x, ps, st);
}

std::string Bilinear::label() const {
  return fmt::format("Bilinear(({}, {}) => {}{}{})", in1_dims_, in2_dims_, out_dims_,
                     activation_ == identity ? "" : std::string(", ") + activation_.name(),
                     options_.use_bias ? "" : ", use_bias=false");
}

}  // namespace luxtorch
