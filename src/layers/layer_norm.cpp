#include "luxtorch/layers/layer_norm.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "layers/check.h"
#include "luxtorch/ops/normalization.h"

namespace luxtorch {

LayerNorm::LayerNorm(std::vector<int64_t> shape, Activation activation, LayerNormOptions options)
    : shape_(std::move(shape)), activation_(activation), options_(std::move(options)) {
  check_sizes("LayerNorm", "shape", shape_);
  check_epsilon("LayerNorm", options_.epsilon);
}

std::vector<ParameterSpec> LayerNorm::parameters() const {
  if (!options_.affine) return {};
  auto spec = [&](const char* name, const Initializer& chosen, const init::Constant& otherwise,
                  const char* in_torch) -> ParameterSpec {
    return {.name = name,
            .shape = shape_,
            .init = chosen ? chosen : otherwise,
            .keeps_float32 = true,
            .torch = {.name = in_torch},
            .lux = {.dims = TensorLayout::Dims::ReversedColumn}};
  };
  std::vector<ParameterSpec> specs;
  if (options_.use_bias) specs.push_back(spec("bias", options_.init_bias, init::zeros, ""));
  specs.push_back(spec("scale", options_.init_scale, init::ones, "weight"));
  return specs;
}

Out<Tensor> LayerNorm::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  check_last_sizes(*this, x, shape_);
  if (!options_.affine) check_floating(*this, x);
  Tensor scale, bias;
  if (options_.affine) {
    scale = ps["scale"].tensor();
    if (options_.use_bias) bias = ps["bias"].tensor();
    check_alike_or_half(*this, "x", x, scale);
  }
  std::vector<int64_t> dims;
  for (auto d : options_.dims) {
    const auto at = d < 0 ? d + x.dim() : d;
    if (at < 0 || at >= x.dim() || std::ranges::find(dims, at) != dims.end()) {
      fail<ArgumentError>(*this,
                          fmt::format("expected .dims that differ, within x of shape {}, "
                                      "got ({}).",
                                      shape_text(x.sizes()), fmt::join(options_.dims, ", ")));
    }
    dims.push_back(at);
  }
  for (auto d = -static_cast<int64_t>(shape_.size()); options_.dims.empty() && d < 0; ++d)
    dims.push_back(d);
  auto y = activation_(ops::layernorm(x, scale, bias, dims, options_.epsilon));
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string LayerNorm::label() const {
  return fmt::format(
      "LayerNorm({}{}{}{}{})", shape_text(shape_),
      activation_ == identity ? "" : std::string(", ") + activation_.name(),
      options_.affine ? "" : ", affine=false",
      options_.affine && !options_.use_bias ? ", use_bias=false" : "",
      options_.dims.empty() ? "" : fmt::format(", dims=({})", fmt::join(options_.dims, ", ")));
}

}  // namespace luxtorch
