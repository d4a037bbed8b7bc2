#include "luxtorch/layers/dropout.h"

#include <fmt/ranges.h>

#include "layers/check.h"

namespace luxtorch {

Dropout::Dropout(double p, DropoutOptions options) : p_(p), options_(std::move(options)) {
  if (!(p >= 0 && p < 1)) {
    throw ArgumentError("Dropout",
                        fmt::format("expected a probability from 0 to below 1, got {}.", p));
  }
}

std::vector<StateSpec> Dropout::states() const { return {StateSpec::rng(), {"training", true}}; }

Out<Tensor> Dropout::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  if (p_ == 0 || !st["training"].scalar<bool>()) {
    detail::report(*this, x);
    return {x, st};
  }
  if (!x.is_floating_point())
    fail(*this, "expected x of a floating dtype, got " + dtype_text(x.scalar_type()) + ".");
  std::vector<int64_t> shape(x.sizes().begin(), x.sizes().end());
  if (!options_.dims.empty()) {
    std::vector<int64_t> shared(shape.size(), 1);
    for (auto d : options_.dims) {
      auto at = d < 0 ? d + x.dim() : d;
      if (at < 0 || at >= x.dim()) {
        fail<ArgumentError>(*this, fmt::format("expected .dims within x of shape {}, got {}.",
                                               shape_text(x.sizes()), d));
      }
      shared[static_cast<size_t>(at)] = shape[static_cast<size_t>(at)];
    }
    shape = shared;
  }
  auto rng = st["rng"].scalar<Rng>();
  auto mask = random::uniform(rng, shape).ge(p_).to(x.options().requires_grad(false)).div_(1 - p_);
  auto y = x * mask;
  detail::report(*this, y);
  return {std::move(y), st.with("rng", rng.fold_in("next"))};
}

std::string Dropout::label() const {
  auto s = fmt::format("Dropout({}", p_);
  if (!options_.dims.empty()) s += fmt::format(", dims=({})", fmt::join(options_.dims, ", "));
  return s + ")";
}

}  // namespace luxtorch
