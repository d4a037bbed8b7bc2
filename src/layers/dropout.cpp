#include "luxtorch/layers/dropout.h"

#include <fmt/ranges.h>

#include "layers/check.h"
#include "luxtorch/ops/dropout.h"
#include "ops/dropout.h"

namespace luxtorch {

namespace {

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
    for (auto d : options_.dims) {
      if (d >= -x.dim() && d < x.dim()) continue;
      fail<ArgumentError>(*this, fmt::format("expected .dims within x of shape {}, got {}.",
                                             shape_text(x.sizes()), d));
    }
    return ops::dropout(rng, x, p_, options_.dims);
  });
}

std::string Dropout::label() const {
  auto s = fmt::format("Dropout({}", p_);
  if (!options_.dims.empty()) s += fmt::format(", dims=({})", fmt::join(options_.dims, ", "));
  return s + ")";
}

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

}  // namespace luxtorch
