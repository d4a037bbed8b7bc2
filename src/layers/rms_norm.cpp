#include "luxtorch/layers/rms_norm.h"

#include "layers/check.h"
#include "luxtorch/ops/normalization.h"

namespace luxtorch {

RMSNorm::RMSNorm(std::vector<int64_t> shape, RMSNormOptions options)
    : shape_(std::move(shape)), options_(std::move(options)) {
  check_sizes("RMSNorm", "shape", shape_);
  check_epsilon("RMSNorm", options_.epsilon);
}

std::vector<ParameterSpec> RMSNorm::parameters() const {
  if (!options_.affine) return {};
  const auto& chosen = options_.init_scale;
  return {{.name = "scale",
           .shape = shape_,
           .init = chosen ? chosen : init::ones,
           .keeps_float32 = true,
           .torch = {.name = "weight"},
           .lux = {.dims = TensorLayout::Dims::Reversed}}};
}

Out<Tensor> RMSNorm::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  check_last_sizes(*this, x, shape_);
  if (!options_.affine) check_floating(*this, x);
  Tensor scale;
  if (options_.affine) {
    scale = ps["scale"].tensor();
    check_alike_or_half(*this, "x", x, scale);
  }
  std::vector<int64_t> dims;
  for (auto d = -static_cast<int64_t>(shape_.size()); d < 0; ++d) dims.push_back(d);
  auto y = ops::rms_norm(x, scale, dims, options_.epsilon);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string RMSNorm::label() const {
  return fmt::format("RMSNorm({}{})", shape_text(shape_), options_.affine ? "" : ", affine=false");
}

}  // namespace luxtorch
