#include "luxtorch/layers/scale.h"

#include <fmt/ranges.h>

#include "layers/check.h"

namespace luxtorch {

namespace {

bool broadcasts(ShapeView x, ShapeView dims) {
  if (x.size() < dims.size()) return false;
  for (size_t i = 0; i < dims.size(); ++i) {
    int64_t size = x[x.size() - dims.size() + i];
    if (size != dims[i] && size != 1 && dims[i] != 1) return false;
  }
  return true;
}

}  // namespace

Scale::Scale(std::vector<int64_t> dims, Activation activation, ScaleOptions options)
    : dims_(std::move(dims)), activation_(activation), options_(std::move(options)) {
  check_sizes("Scale", "dims", dims_);
}

std::vector<ParameterSpec> Scale::parameters() const {
  auto spec = [&](const char* name, const Initializer& chosen,
                  const init::Constant& otherwise) -> ParameterSpec {
    return {.name = name,
            .shape = dims_,
            .init = chosen ? chosen : otherwise,
            .lux = {.dims = TensorLayout::Dims::Reversed}};
  };
  std::vector<ParameterSpec> specs{spec("weight", options_.init_weight, init::ones)};
  if (options_.use_bias) specs.push_back(spec("bias", options_.init_bias, init::zeros));
  return specs;
}

Out<Tensor> Scale::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  const auto& weight = ps["weight"].tensor();
  if (!broadcasts(x.sizes(), dims_)) {
    fail(*this, fmt::format("expected x of shape (..., {}), got {}.", fmt::join(dims_, ", "),
                            shape_text(x.sizes())));
  }
  check_alike(*this, "x", x, weight);
  auto y = x.mul(weight);
  if (options_.use_bias) y = y.add(ps["bias"].tensor());
  y = activation_(y);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string Scale::label() const {
  return fmt::format("Scale({}{}{})", fmt::join(dims_, ", "),
                     activation_ == identity ? "" : std::string(", ") + activation_.name(),
                     options_.use_bias ? "" : ", use_bias=false");
}

}  // namespace luxtorch
