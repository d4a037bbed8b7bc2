#include "luxtorch/layers/attention.h"
#include "ops/linear.h"

namespace luxtorch::detail {

Projection::Projection(int64_t in_dims, int64_t out_dims, DenseOptions options,
                       std::string torch_weight)
    : dense_(in_dims, out_dims, options),
      use_bias_(options.use_bias),
      torch_weight_(std::move(torch_weight)) {}

std::vector<ParameterSpec> Projection::parameters() const {
  auto specs = dense_.parameters();
  specs[0].torch = {.name = torch_weight_, .dims = TensorLayout::Dims::Rows};
  if (use_bias_) specs[1].torch = {.name = "in_proj_bias", .dims = TensorLayout::Dims::Rows};
  return specs;
}

Out<Tensor> Projection::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  Tensor y = ops::linear(x, ps["weight"].tensor(), use_bias_ ? ps["bias"].tensor() : Tensor());
  report(*this, y);
  return {std::move(y), st};
}

}  // namespace luxtorch::detail
