#include "luxtorch/layers/attention.h"

namespace luxtorch::detail {

DenseField::DenseField(Dense dense) : layer_(std::move(dense)) {}

DenseField::DenseField(const DenseField& other)
    : layer_(other.layer_.as<Dense>() ? Layer(*other.layer_.as<Dense>()) : other.layer_) {}

DenseField& DenseField::operator=(DenseField other) noexcept {
  layer_ = std::move(other.layer_);
  return *this;
}

Tensor DenseField::operator()(std::string_view name, const Tensor& x, const Tree& ps,
                              Tree& st) const {
  // Without trees for x and y, and Dense has no states.
  if (const auto* dense = layer_.as<Dense>()) return (*dense)(x, ps[name], st[name]).first;
  auto [y, next] = layer_(x, ps[name], st[name]);
  st = st.with(name, std::move(next));
  return y.tensor();
}

Tensor DenseField::parameter(const Tree& its_ps, const Tensor& x) {
  if (its_ps.contains("weight") && its_ps["weight"].is_tensor()) {
    const Tensor& weight = its_ps["weight"].tensor();
    if (weight.defined() && weight.is_floating_point()) return weight;
  }
  for (const Tensor& t : tree::tensors(its_ps))
    if (t.is_floating_point()) return t;
  return x;
}

}  // namespace luxtorch::detail
