#include "luxtorch/layers/prelu.h"

#include "layers/check.h"
#include "luxtorch/ops/activation.h"

namespace luxtorch {

PReLU::PReLU(int64_t channels, PReLUOptions options)
    : channels_(channels), options_(std::move(options)) {
  check_positive("PReLU", "channels", channels);
}

std::vector<ParameterSpec> PReLU::parameters() const {
  const auto& chosen = options_.init_weight;
  return {{.name = "weight", .shape = {channels_}, .init = chosen ? chosen : init::Constant{0.25}}};
}

Out<Tensor> PReLU::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  const auto& weight = ps["weight"].tensor();
  if (channels_ > 1 && (x.dim() < 2 || x.size(1) != channels_)) {
    fail(*this, fmt::format("expected x of shape (batch, {}, ...), got {}.", channels_,
                            shape_text(x.sizes())));
  }
  check_alike(*this, "x", x, weight);
  auto y = ops::prelu(x, weight);
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string PReLU::label() const {
  return channels_ == 1 ? "PReLU()" : fmt::format("PReLU({})", channels_);
}

}  // namespace luxtorch
