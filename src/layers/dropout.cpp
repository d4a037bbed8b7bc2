#include "luxtorch/layers/dropout.h"

#include <ATen/ops/ones.h>
#include <fmt/ranges.h>

#include "layers/check.h"
#include "luxtorch/ops/dropout.h"
#include "ops/dropout.h"

namespace luxtorch {

namespace {

template <class L>
void check_dims(const L& layer, const Tensor& x, const std::vector<int64_t>& dims) {
  for (auto d : dims) {
    if (d >= -x.dim() && d < x.dim()) continue;
    fail<ArgumentError>(layer, fmt::format("expected .dims within x of shape {}, got {}.",
                                           shape_text(x.sizes()), d));
  }
}

// "Dropout(0.5, dims=(0))".
std::string label_of(const char* name, double p, const std::vector<int64_t>& dims) {
  const auto some = dims.empty() ? "" : fmt::format(", dims=({})", fmt::join(dims, ", "));
  return fmt::format("{}({}{})", name, p, some);
}

std::vector<StateSpec> rng_and_training() { return {StateSpec::rng(), {"training", true}}; }

// y and the new states: x and st themselves where nothing is dropped, else drop(the key).
template <class L, class F>
Out<Tensor> dropped(const L& layer, const Tensor& x, double p, const Tree& st, const F& drop) {
  if (p == 0 || !st["training"].scalar<bool>()) {
    detail::report(layer, x);
    return {x, st};
  }
  check_floating(layer, x);
  const auto rng = st["rng"].scalar<Rng>();
  Tensor y = drop(rng);
  detail::report(layer, y);
  return {std::move(y), st.with("rng", rng.fold_in("next"))};
}

}  // namespace

Dropout::Dropout(double p, DropoutOptions options) : p_(p), options_(std::move(options)) {
  ops::check_probability("Dropout", p);
}

std::vector<StateSpec> Dropout::states() const { return rng_and_training(); }

Out<Tensor> Dropout::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  return dropped(*this, x, p_, st, [&](Rng rng) {
    check_dims(*this, x, options_.dims);
    return ops::dropout(rng, x, p_, options_.dims);
  });
}

std::string Dropout::label() const { return label_of("Dropout", p_, options_.dims); }

AlphaDropout::AlphaDropout(double p) : p_(p) { ops::check_probability("AlphaDropout", p); }

std::vector<StateSpec> AlphaDropout::states() const { return rng_and_training(); }

Out<Tensor> AlphaDropout::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  return dropped(*this, x, p_, st, [&](Rng rng) { return ops::alpha_dropout(rng, x, p_); });
}

std::string AlphaDropout::label() const { return fmt::format("AlphaDropout({})", p_); }

DropPath::DropPath(double p) : p_(p) { ops::check_probability("DropPath", p); }

std::vector<StateSpec> DropPath::states() const { return rng_and_training(); }

Out<Tensor> DropPath::operator()(const Tensor& x, const Tree&, const Tree& st) const {
  return dropped(*this, x, p_, st, [&](Rng rng) {
    if (x.dim() == 0) fail(*this, "expected x of shape (batch, ...), got ().");
    return ops::dropout(rng, x, p_, {{0}});
  });
}

std::string DropPath::label() const { return fmt::format("DropPath({})", p_); }

VariationalHiddenDropout::VariationalHiddenDropout(double p,
                                                   VariationalHiddenDropoutOptions options)
    : p_(p), options_(std::move(options)) {
  ops::check_probability("VariationalHiddenDropout", p);
}

std::vector<StateSpec> VariationalHiddenDropout::states() const {
  auto all = rng_and_training();
  all.emplace_back("update_mask", true);
  all.emplace_back("mask", Tree());
  all.back().lux.dims = TensorLayout::Dims::Reversed;
  return all;
}

Out<Tensor> VariationalHiddenDropout::operator()(const Tensor& x, const Tree&,
                                                 const Tree& st) const {
  if (p_ == 0 || !st["training"].scalar<bool>()) {
    detail::report(*this, x);
    return {x, st};
  }
  check_floating(*this, x);
  check_dims(*this, x, options_.dims);
  std::vector<int64_t> shape = x.sizes().vec();
  if (!options_.dims.empty()) shape.assign(shape.size(), 1);
  for (auto d : options_.dims) shape[static_cast<size_t>(d < 0 ? d + x.dim() : d)] = x.size(d);

  Tree next = st;
  Tensor mask;
  if (st["update_mask"].scalar<bool>() || st["mask"].is_none()) {
    const auto rng = st["rng"].scalar<Rng>();
    mask = ops::dropout(rng, at::ones(shape, x.options().requires_grad(false)), p_);
    next = st.with("rng", rng.fold_in("next")).with("update_mask", false).with("mask", mask);
  } else {
    mask = st["mask"].tensor();
    if (mask.sizes() != ShapeView(shape)) {
      fail(*this, fmt::format("expected x that fits the kept mask of shape {}, got {}. "
                              "update_state(st, \"update_mask\", true) draws another mask.",
                              shape_text(mask.sizes()), shape_text(x.sizes())));
    }
  }
  auto y = x.mul(mask.to(x.scalar_type()));
  detail::report(*this, y);
  return {std::move(y), std::move(next)};
}

std::string VariationalHiddenDropout::label() const {
  return label_of("VariationalHiddenDropout", p_, options_.dims);
}

}  // namespace luxtorch
