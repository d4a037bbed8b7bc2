#include "luxtorch/layers/dense.h"

#include <ATen/ops/linear.h>

#include <cmath>
#include <limits>

#include "layers/check.h"

namespace luxtorch {

Dense::Dense(int64_t in_dims, int64_t out_dims, Activation activation, DenseOptions options)
    : in_dims_(in_dims),
      out_dims_(out_dims),
      activation_(activation),
      options_(std::move(options)) {
  check_positive("Dense", "in_dims", in_dims);
  check_positive("Dense", "out_dims", out_dims);
}

Tree Dense::initial_parameters(Rng rng) const {
  double b = 1 / std::sqrt(static_cast<double>(in_dims_));
  auto make = [&](const char* name, const Initializer& chosen, ShapeView shape) -> Tree::Item {
    return {name, initialized("Dense", name, chosen ? chosen : init::Uniform{-b, b},
                              rng.fold_in(name), shape)};
  };
  std::vector<Tree::Item> ps;
  ps.reserve(2);
  ps.push_back(make("weight", options_.init_weight, {out_dims_, in_dims_}));
  if (options_.use_bias) ps.push_back(make("bias", options_.init_bias, {out_dims_}));
  return named(std::move(ps));
}

Out<Tensor> Dense::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  const auto& weight = ps["weight"].tensor();
  check_input(*this, x, in_dims_, weight, "..., ", 1, std::numeric_limits<int64_t>::max());
  auto y = activation_(
      at::linear(x, weight, options_.use_bias ? std::optional(ps["bias"].tensor()) : std::nullopt));
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string Dense::label() const {
  return fmt::format("Dense({} => {}{}{})", in_dims_, out_dims_,
                     activation_ == identity ? "" : std::string(", ") + activation_.name(),
                     options_.use_bias ? "" : ", use_bias=false");
}

}  // namespace luxtorch
