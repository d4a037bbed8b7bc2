#include "luxtorch/layers/dense.h"

#include <cmath>
#include <limits>

#include "layers/check.h"
#include "ops/dense_run.h"

namespace luxtorch {

Dense::Dense(int64_t in_dims, int64_t out_dims, Activation activation, DenseOptions options)
    : in_dims_(in_dims),
      out_dims_(out_dims),
      activation_(activation),
      options_(std::move(options)) {
  check_positive("Dense", "in_dims", in_dims);
  check_positive("Dense", "out_dims", out_dims);
}

std::vector<ParameterSpec> Dense::parameters() const {
  double b = 1 / std::sqrt(static_cast<double>(in_dims_));
  auto or_uniform = [&](const Initializer& chosen) -> Initializer {
    return chosen ? chosen : init::Uniform{-b, b};
  };
  std::vector<ParameterSpec> specs{
      {.name = "weight", .shape = {out_dims_, in_dims_}, .init = or_uniform(options_.init_weight)}};
  if (options_.use_bias) {
    specs.push_back({.name = "bias",
                     .shape = {out_dims_},
                     .init = or_uniform(options_.init_bias),
                     .lux_0_5 = TensorLayout{.dims = TensorLayout::Dims::Column}});
  }
  return specs;
}

Out<Tensor> Dense::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  const auto& weight = ps["weight"].tensor();
  check_input(*this, x, in_dims_, weight, "..., ", 1, std::numeric_limits<int64_t>::max());
  const Tensor bias = options_.use_bias ? ps["bias"].tensor() : Tensor();
  Tensor y = ops::dense(x, {weight, bias, activation_});
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string Dense::label() const {
  return fmt::format("Dense({} => {}{}{})", in_dims_, out_dims_,
                     activation_ == identity ? "" : std::string(", ") + activation_.name(),
                     options_.use_bias ? "" : ", use_bias=false");
}

}  // namespace luxtorch
