#include "luxtorch/layers/positions.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/stack.h>

#include <cmath>
#include <numbers>

#include "layers/tokens.h"
#include "luxtorch/ops/positions.h"

namespace luxtorch {

namespace {

// As int64, each from 0 to length - 1, of shape (time) or, beside a batch, (batch, time).
template <class L>
Tensor checked_positions(const L& layer, const Tensor& positions, ShapeView batch_and_time,
                         int64_t length, const Tensor& there) {
  const auto sizes = positions.sizes();
  if (!are_tokens(positions) ||
      (sizes != batch_and_time && sizes != batch_and_time.slice(batch_and_time.size() - 1))) {
    fail(layer, fmt::format("expected positions, integers of shape {}{}, got {} of shape {}.",
                            batch_and_time.size() == 2 ? "(time,) or (batch, time) = " : "",
                            shape_text(batch_and_time), dtype_text(positions.scalar_type()),
                            shape_text(sizes)));
  }
  if (positions.device() != there.device()) {
    fail(layer, fmt::format("expected positions on {} like x, got {}.", there.device().str(),
                            positions.device().str()));
  }
  Tensor index = positions.to(kInt64);
  if (first_wrong_token(index, length) != index.numel())
    fail(layer, fmt::format("expected positions from 0 to {}, got others.", length - 1));
  return index;
}

template <class L>
void check_time(const L& layer, int64_t time, int64_t length) {
  if (time > length)
    fail(layer, fmt::format("expected at most {} time steps, got {}.", length, time));
}

}  // namespace

PositionalEmbedding::PositionalEmbedding(int64_t max_length, int64_t dims,
                                         PositionalEmbeddingOptions options)
    : max_length_(max_length), dims_(dims), options_(std::move(options)) {
  check_positive("PositionalEmbedding", "max_length", max_length);
  check_positive("PositionalEmbedding", "dims", dims);
}

std::vector<ParameterSpec> PositionalEmbedding::parameters() const {
  const auto& chosen = options_.init_weight;
  return {{.name = "weight",
           .shape = {max_length_, dims_},
           .init = chosen ? chosen : init::randn,
           .lux = {.dims = TensorLayout::Dims::Reversed}}};
}

Out<Tensor> PositionalEmbedding::operator()(const Tensor& x, const Tree& ps, const Tree& st) const {
  const auto& weight = ps["weight"].tensor();
  check_input(*this, x, dims_, weight, "batch, time, ", 2, 3);
  check_time(*this, x.size(-2), max_length_);
  Tensor y = x.add(weight.narrow(0, 0, x.size(-2)));
  detail::report(*this, y);
  return {std::move(y), st};
}

Out<Tensor> PositionalEmbedding::operator()(const Tensor& x, const Tensor& positions,
                                            const Tree& ps, const Tree& st) const {
  const auto& weight = ps["weight"].tensor();
  check_input(*this, x, dims_, weight, "batch, time, ", 2, 3);
  const Tensor index =
      checked_positions(*this, positions, x.sizes().slice(0, x.sizes().size() - 1), max_length_, x);
  Tensor y = x.add(at::embedding(weight, index));
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string PositionalEmbedding::label() const {
  return fmt::format("PositionalEmbedding({} => {})", max_length_, dims_);
}

SinusoidalPositionalEmbedding::SinusoidalPositionalEmbedding(
    int64_t dims, SinusoidalPositionalEmbeddingOptions options)
    : dims_(dims), options_(options) {
  auto refuse = [](const std::string& message) {
    throw ArgumentError("SinusoidalPositionalEmbedding", message);
  };
  if (dims < 4 || dims % 2 != 0)
    refuse(fmt::format("expected even dims of at least 4, got {}.", dims));
  if (!(options.min_freq > 0 && options.max_freq > 0)) {
    refuse(fmt::format("expected .min_freq and .max_freq above 0, got {} and {}.", options.min_freq,
                       options.max_freq));
  }
}

std::vector<StateSpec> SinusoidalPositionalEmbedding::states() const {
  const bool of_vaswani = options_.layout == SinusoidalLayout::Vaswani;
  const double log_first = of_vaswani ? 0 : std::log(options_.max_freq);
  const double log_last = of_vaswani ? -std::log(1e4) * static_cast<double>(dims_ - 2) / dims_
                                     : std::log(options_.min_freq);
  const double turns = options_.full_turns ? 2 * std::numbers::pi : 1;
  auto sigmas = [=, half = dims_ / 2](Rng, ShapeView) {
    const Tensor part = at::arange(half, at::TensorOptions().dtype(kFloat64)).div(half - 1);
    return part.mul(log_last - log_first).add(log_first).exp().mul(turns).to(kFloat32);
  };
  return {{"sigmas", {dims_ / 2}, sigmas, kFloat32, {.dims = TensorLayout::Dims::Computed}}};
}

Out<Tensor> SinusoidalPositionalEmbedding::operator()(const Tensor& x, const Tree&,
                                                      const Tree& st) const {
  const auto& sigmas = st["sigmas"].tensor();
  if (x.is_complex())
    fail(*this, "expected x of a real dtype, got " + dtype_text(x.scalar_type()) + ".");
  if (x.device() != sigmas.device()) {
    fail(*this, fmt::format("expected x on {} like the states, got {}.", sigmas.device().str(),
                            x.device().str()));
  }
  const bool of_vaswani = options_.layout == SinusoidalLayout::Vaswani;
  const double scale =
      options_.scale.value_or(of_vaswani ? 1 : std::sqrt(2 / static_cast<double>(dims_)));
  const Tensor angles = x.unsqueeze(-1).mul(sigmas);
  Tensor y = of_vaswani ? at::stack({angles.sin(), angles.cos()}, -1).flatten(-2)
                        : at::cat({angles.sin(), angles.cos()}, -1);
  y = y.mul(scale).to(x.is_floating_point() ? x.scalar_type() : sigmas.scalar_type());
  detail::report(*this, y);
  return {std::move(y), st};
}

std::string SinusoidalPositionalEmbedding::label() const {
  return fmt::format("SinusoidalPositionalEmbedding({}{})", dims_,
                     options_.layout == SinusoidalLayout::Vaswani ? ", layout=Vaswani" : "");
}

RotaryPositionalEmbedding::RotaryPositionalEmbedding(int64_t dim,
                                                     RotaryPositionalEmbeddingOptions options)
    : dim_(dim), options_(options) {
  auto refuse = [](const std::string& message) {
    throw ArgumentError("RotaryPositionalEmbedding", message);
  };
  if (dim < 2 || dim % 2 != 0)
    refuse(fmt::format("expected an even dim of at least 2, got {}.", dim));
  check_positive("RotaryPositionalEmbedding", ".max_sequence_length", options.max_sequence_length);
  if (!(options.base > 0)) refuse(fmt::format("expected .base above 0, got {}.", options.base));
}

std::vector<StateSpec> RotaryPositionalEmbedding::states() const {
  auto cache = [=, *this](const char* name, Tensor ops::RotaryParams::* which) -> StateSpec {
    const Initializer table = [=, dim = dim_, options = options_](Rng, ShapeView shape) {
      return ops::compute_rotary_embedding_params(
                 dim, shape[0],
                 {.base = options.base, .low_memory_variant = options.low_memory_variant}).*
             which;
    };
    return {name,
            {options_.max_sequence_length, options_.low_memory_variant ? dim_ / 2 : dim_},
            table,
            kFloat32,
            {.dims = TensorLayout::Dims::Computed},
            {.dims = TensorLayout::Dims::Reversed}};
  };
  return {cache("cos_cache", &ops::RotaryParams::cos_cache),
          cache("sin_cache", &ops::RotaryParams::sin_cache)};
}

Tensor RotaryPositionalEmbedding::rotated(const Tensor& x, const Tensor* positions,
                                          const Tree& st) const {
  const auto &cos_cache = st["cos_cache"].tensor(), &sin_cache = st["sin_cache"].tensor();
  if ((x.dim() != 3 && x.dim() != 4) || x.size(-1) < dim_ || !x.is_floating_point()) {
    fail(*this,
         fmt::format("expected x of shape (batch, time, heads, {} or more) or without batch, "
                     "and of a floating dtype, got {} of shape {}.",
                     dim_, dtype_text(x.scalar_type()), shape_text(x.sizes())));
  }
  if (x.device() != cos_cache.device()) {
    fail(*this, fmt::format("expected x on {} like the states, got {}.", cos_cache.device().str(),
                            x.device().str()));
  }
  const int64_t length = cos_cache.size(0), rest = x.size(-1) - dim_;
  const ops::RotaryOptions options{.seq_dim = x.dim() - 3, .interleaved = options_.interleaved};
  const Tensor turned = rest == 0 ? x : x.narrow(-1, 0, dim_);
  Tensor y;
  if (positions) {
    const auto index =
        checked_positions(*this, *positions, x.sizes().slice(0, x.sizes().size() - 2), length, x);
    y = ops::apply_rotary_embedding(turned, index, cos_cache, sin_cache, options);
  } else {
    check_time(*this, x.size(-3), length);
    y = ops::apply_rotary_embedding(turned, cos_cache, sin_cache, options);
  }
  if (rest > 0) y = at::cat({y, x.narrow(-1, dim_, rest)}, -1);
  detail::report(*this, y);
  return y;
}

Out<Tensor> RotaryPositionalEmbedding::operator()(const Tensor& x, const Tree&,
                                                  const Tree& st) const {
  return {rotated(x, nullptr, st), st};
}
Out<Tensor> RotaryPositionalEmbedding::operator()(const Tensor& x, const Tensor& positions,
                                                  const Tree&, const Tree& st) const {
  return {rotated(x, &positions, st), st};
}

std::string RotaryPositionalEmbedding::label() const {
  return fmt::format("RotaryPositionalEmbedding({}{}{})", dim_,
                     options_.low_memory_variant ? "" : ", low_memory_variant=false",
                     options_.interleaved ? ", interleaved=true" : "");
}

}  // namespace luxtorch
