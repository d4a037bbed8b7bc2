#include "luxtorch/layers/weight_norm.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "layer_setup.h"
#include "layers/named_parameters.h"
#include "luxtorch/core/error.h"
#include "transforms.h"

namespace luxtorch {

namespace {

constexpr const char* kWeightNorm = "WeightNorm";

// Over all dimensions but `kept`, which stay as 1. Plain operators: torch's own has a wrong second
// derivative, and none in forward mode.
Tensor norm_of(const Tensor& v, const std::vector<int64_t>& kept) {
  std::vector<int64_t> others;
  for (int64_t d = 0; d < v.dim(); ++d) {
    const bool keeps =
        std::ranges::any_of(kept, [&](int64_t k) { return (k < 0 ? k + v.dim() : k) == d; });
    if (!keeps) others.push_back(d);
  }
  const Tensor squares = v.square();
  return (others.empty() ? squares : squares.sum(ShapeView(others), /*keepdim=*/true)).sqrt();
}

bool has_zero(const Tensor& norm) {
  if (norm.is_meta()) return false;
  const Tensor values = transforms::underlying(norm);
  const transforms::Outside outside;
  return values.eq(0).any().item<bool>();
}

}  // namespace

WeightNorm::WeightNorm(Layer layer, std::vector<std::string> names, WeightNormOptions options)
    : layer_(std::move(layer)), names_(std::move(names)), options_(std::move(options)) {
  const auto shapes = named_shapes(kWeightNorm, layer_, names_);
  for (size_t i = 0; i < names_.size(); ++i) {
    for (int64_t dim : options_.dims) (void)dim_of(kWeightNorm, names_[i], shapes[i], dim);
  }
}

Tree WeightNorm::initial_parameters(Rng rng) const {
  const Tree drawn = detail::draw_part(layer_.describe(), Initial::parameters, rng);
  std::vector<Tree::Item> normalized, unnormalized;
  for (const auto& name : names_) {
    const auto& v = drawn[name].tensor();
    const auto g = norm_of(v, options_.dims);
    if (has_zero(g)) {
      throw ArgumentError(kWeightNorm,
                          fmt::format("expected the initialiser of {} to give norms above 0, "
                                      "got 0 among them.",
                                      name));
    }
    normalized.emplace_back(name + "_g", g);
    normalized.emplace_back(name + "_v", v);
  }
  for (const auto& [name, part] : drawn.items()) {
    if (std::ranges::find(names_, name) == names_.end()) unnormalized.emplace_back(name, part);
  }
  return named({{"normalized", named(std::move(normalized))},
                {"unnormalized", named(std::move(unnormalized))}});
}

Out<Tree> WeightNorm::operator()(const Tree& x, const Tree& ps, const Tree& st) const {
  Tree inner = ps["unnormalized"];
  const Tree& normalized = ps["normalized"];
  for (const auto& name : names_) {
    const auto &g = normalized[name + "_g"].tensor(), &v = normalized[name + "_v"].tensor();
    inner = inner.with(name, v.mul(g.div(norm_of(v, options_.dims))));
  }
  auto out = layer_(x, inner, st);
  detail::report(*this, out.first);
  return out;
}

std::string WeightNorm::label() const {
  const bool usual = options_.dims == std::vector<int64_t>{0};
  return fmt::format("WeightNorm({}{})", fmt::join(names_, ", "),
                     usual ? "" : fmt::format(", dims=({})", fmt::join(options_.dims, ", ")));
}

}  // namespace luxtorch
