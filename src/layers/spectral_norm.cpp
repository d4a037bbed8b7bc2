#include "luxtorch/layers/spectral_norm.h"

#include <ATen/ops/mv.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "layer_setup.h"
#include "layers/check.h"
#include "layers/named_parameters.h"
#include "luxtorch/layers/conv.h"
#include "luxtorch/rng.h"
#include "transforms.h"

namespace luxtorch {

namespace {

constexpr const char* kSpectralNorm = "SpectralNorm";

Tensor of_norm_one(const Tensor& x, double epsilon) {
  return x.div(x.square().sum().sqrt().clamp_min(epsilon));
}

// (rows, all other dimensions), in float32 where w has less.
Tensor as_matrix(const Tensor& w, int64_t dim) {
  return (is_half(w.scalar_type()) ? w.to(kFloat32) : w).movedim(dim, 0).flatten(1);
}

// As torch's parametrization when it is made.
constexpr int64_t kStepsOfSetup = 15;

struct Vectors {
  Tensor u, v;
};
// After some steps of the power method with a constant matrix.
Vectors turned(Vectors at, const Tensor& matrix, int64_t steps, double epsilon) {
  for (int64_t i = 0; i < steps; ++i) {
    at.u = of_norm_one(at::mv(matrix, at.v), epsilon);
    at.v = of_norm_one(at::mv(matrix.t(), at.u), epsilon);
  }
  return at;
}

}  // namespace

SpectralNorm::SpectralNorm(Layer layer, std::vector<std::string> names, SpectralNormOptions options)
    : layer_(std::move(layer)), names_(std::move(names)), options_(options) {
  check_positive(kSpectralNorm, ".iterations", options_.iterations);
  if (!(options_.epsilon > 0)) {
    throw ArgumentError(kSpectralNorm,
                        fmt::format("expected .epsilon above 0, got {}.", options_.epsilon));
  }
  if (!options_.dim) options_.dim = layer_.as<ConvTranspose>() ? 1 : 0;
  const auto shapes = named_shapes(kSpectralNorm, layer_, names_);
  for (size_t i = 0; i < names_.size(); ++i) {
    if (shapes[i].size() < 2) {
      throw ArgumentError(kSpectralNorm,
                          fmt::format("expected a parameter of two dimensions or more, got {} of "
                                      "shape {}.",
                                      names_[i], shape_text(shapes[i])));
    }
    (void)dim_of(kSpectralNorm, names_[i], shapes[i], *options_.dim);
  }
}

Tree SpectralNorm::initial_states(Rng rng) const {
  const auto shapes = named_shapes(kSpectralNorm, layer_, names_);
  std::vector<Tree::Item> vectors;
  for (size_t i = 0; i < names_.size(); ++i) {
    int64_t all = 1;
    for (auto size : shapes[i]) all *= size;
    const auto dim = dim_of(kSpectralNorm, names_[i], shapes[i], *options_.dim);
    const int64_t rows = shapes[i][static_cast<size_t>(dim)];
    const auto key = rng.fold_in("vectors").fold_in(names_[i]);
    auto drawn = [&](const char* name, int64_t size) {
      return of_norm_one(random::normal(key.fold_in(name), {size}), options_.epsilon);
    };
    vectors.emplace_back(names_[i],
                         named({{"u", drawn("u", rows)}, {"v", drawn("v", all / rows)}}));
  }
  return named(
      {{"vectors", named(std::move(vectors))},
       {"training", true},
       {"layer", detail::draw_part(layer_.describe(), Initial::states, rng.fold_in("layer"))}});
}

Tree SpectralNorm::settled_states(const Tree& ps, const Tree& st) const {
  const transforms::Outside outside;
  Tree vectors = st["vectors"];
  for (const auto& name : names_) {
    const auto& w = ps[name].tensor();
    if (w.is_meta()) continue;
    const auto &drawn_u = vectors[name]["u"].tensor(), &drawn_v = vectors[name]["v"].tensor();
    // The vectors keep their dtype and device, whatever those of the parameter are.
    const auto matrix = as_matrix(transforms::detached(w), *options_.dim).to(drawn_u.options());
    auto [u, v] = turned({drawn_u, drawn_v}, matrix, kStepsOfSetup, options_.epsilon);
    vectors = vectors.with(name, named({{"u", std::move(u)}, {"v", std::move(v)}}));
  }
  return st.with("vectors", std::move(vectors))
      .with("layer", detail::settled(layer_.describe(), ps, st["layer"]));
}

Out<Tree> SpectralNorm::operator()(const Tree& x, const Tree& ps, const Tree& st) const {
  const bool training = st["training"].scalar<bool>();
  Tree inner = ps, vectors = st["vectors"];
  for (const auto& name : names_) {
    const auto& w = ps[name].tensor();
    const auto matrix = as_matrix(w, *options_.dim);
    auto u = vectors[name]["u"].tensor(), v = vectors[name]["v"].tensor();
    check_alike(*this, "vectors", u, matrix);
    if (training) {
      auto next =
          turned({u, v}, transforms::detached(matrix), options_.iterations, options_.epsilon);
      u = std::move(next.u), v = std::move(next.v);
      vectors = vectors.with(name, named({{"u", u}, {"v", v}}));
    }
    const auto sigma = u.mul(at::mv(matrix, v)).sum();
    inner = inner.with(name, w.div(sigma));
  }
  auto [y, layer_st] = layer_(x, inner, st["layer"]);
  Tree next = st.with("layer", std::move(layer_st));
  if (training) next = next.with("vectors", std::move(vectors));
  detail::report(*this, y);
  return {std::move(y), std::move(next)};
}

std::string SpectralNorm::label() const {
  return fmt::format(
      "SpectralNorm({}{})", fmt::join(names_, ", "),
      options_.iterations == 1 ? "" : fmt::format(", iterations={}", options_.iterations));
}

}  // namespace luxtorch
