#include "luxtorch/ops/positions.h"

#include <ATen/Dispatch.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/exp2.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/stack.h>
#include <c10/core/WrapDimMinimal.h>
#include <fmt/format.h>

#include <cmath>

#include "kernels/transformer.h"
#include "luxtorch/core/error.h"
#include "ops/fast_path.h"
#include "ops/meta_kernels.h"
#include "text.h"

namespace luxtorch::ops {

namespace {

constexpr const char* kApply = "apply_rotary_embedding";

// Are these tensors such that rotated_in_one_pass takes them? Of as many numbers as torch leaves to one thread.
bool takes_one_pass(const Tensor& x, const Tensor& cos_rows, const Tensor& sin_rows,
                    int64_t seq_dim) {
  return x.dim() == 4 && seq_dim == 1 && cos_rows.dim() == 2 && x.stride(3) == 1 &&
         cos_rows.stride(1) == 1 && sin_rows.stride(1) == 1 && x.numel() > 0 &&
         x.numel() <= kOfOneThread && is_unrecorded({&x, &cos_rows, &sin_rows});
}

Tensor rotated_in_one_pass(const Tensor& x, const Tensor& cos_rows, const Tensor& sin_rows,
                           bool interleaved) {
  const Tensor y = at::empty(x.sizes(), x.options());
  const int64_t dim = x.size(3);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), kApply, [&] {
    const auto* from = x.const_data_ptr<scalar_t>();
    auto* to = y.mutable_data_ptr<scalar_t>();
    for (int64_t b = 0; b < x.size(0); ++b) {
      for (int64_t t = 0; t < x.size(1); ++t) {
        const auto* cos = cos_rows.const_data_ptr<scalar_t>() + t * cos_rows.stride(0);
        const auto* sin = sin_rows.const_data_ptr<scalar_t>() + t * sin_rows.stride(0);
        for (int64_t h = 0; h < x.size(2); ++h, to += dim) {
          kernels::rotate(from + b * x.stride(0) + t * x.stride(1) + h * x.stride(2), cos, sin,
                          dim / 2, interleaved, to);
        }
      }
    }
  });
  return y;
}

// Rows of angles beside x: (time, half) or (batch, time, half).
Tensor rotated(const Tensor& x, const Tensor& cos_rows, const Tensor& sin_rows, int64_t seq_dim,
               bool interleaved) {
  if (takes_one_pass(x, cos_rows, sin_rows, seq_dim))
    return rotated_in_one_pass(x, cos_rows, sin_rows, interleaved);
  const bool by_sample = cos_rows.dim() == 3;
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  if (by_sample) shape[0] = cos_rows.size(0);
  shape[static_cast<size_t>(seq_dim)] = cos_rows.size(-2);
  shape.back() = cos_rows.size(-1);
  const Tensor cos = cos_rows.reshape(shape), sin = sin_rows.reshape(shape);
  const int64_t half = x.size(-1) / 2;
  Tensor a, b;
  if (interleaved) {
    const Tensor pairs = x.unflatten(-1, {half, 2});
    a = pairs.select(-1, 0), b = pairs.select(-1, 1);
  } else {
    a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half);
  }
  const Tensor first = a.mul(cos).sub(b.mul(sin)), second = b.mul(cos).add(a.mul(sin));
  const Tensor y =
      interleaved ? at::stack({first, second}, -1).flatten(-2) : at::cat({first, second}, -1);
  return y.to(x.scalar_type());
}

struct Caches {
  Tensor cos, sin;  // (length, dim / 2)
  int64_t seq_dim;
};

Caches checked(const Tensor& x, const Tensor& cos_cache, const Tensor& sin_cache,
               const RotaryOptions& options) {
  const int64_t dim = x.dim() < 2 ? 0 : x.size(-1), half = dim / 2;
  auto fits = [&](const Tensor& t) {
    return t.dim() == 2 && (t.size(1) == half || t.size(1) == dim);
  };
  if (dim < 2 || dim % 2 != 0 || !fits(cos_cache) || cos_cache.sizes() != sin_cache.sizes()) {
    throw ShapeError(kApply,
                     fmt::format("expected x of 2 dimensions or more, of an even last size, and "
                                 "caches (length, dim) or (length, dim / 2) of it, got {}, {} and "
                                 "{}.",
                                 shape_text(x.sizes()), shape_text(cos_cache.sizes()),
                                 shape_text(sin_cache.sizes())));
  }
  const int64_t seq_dim = options.seq_dim < 0 ? options.seq_dim + x.dim() : options.seq_dim;
  if (seq_dim < 0 || seq_dim >= x.dim() - 1) {
    throw ArgumentError(kApply, fmt::format("expected .seq_dim before the last dimension of x of "
                                            "shape {}, got {}.",
                                            shape_text(x.sizes()), options.seq_dim));
  }
  return {cos_cache.narrow(1, 0, half), sin_cache.narrow(1, 0, half), seq_dim};
}

}  // namespace

RotaryParams compute_rotary_embedding_params(int64_t dim, int64_t length,
                                             const RotaryParamsOptions& options) {
  const char* name = "compute_rotary_embedding_params";
  if (dim < 2 || dim % 2 != 0)
    throw ArgumentError(name, fmt::format("expected an even dim of at least 2, got {}.", dim));
  if (length < 1)
    throw ArgumentError(name, fmt::format("expected a length of at least 1, got {}.", length));
  if (!(options.base > 0))
    throw ArgumentError(name, fmt::format("expected .base above 0, got {}.", options.base));
  const auto float64 = at::TensorOptions().dtype(kFloat64);
  const Tensor theta =
      at::exp2(at::arange(dim / 2, float64).mul(-2 * std::log2(options.base) / double(dim)));
  Tensor angles = at::arange(length, float64).unsqueeze(1).mul(theta);
  if (!options.low_memory_variant) angles = at::cat({angles, angles}, 1);
  return {angles.cos().to(options.dtype), angles.sin().to(options.dtype)};
}

Tensor apply_rotary_embedding(const Tensor& x, const Tensor& cos_cache, const Tensor& sin_cache,
                              const RotaryOptions& options) {
  const auto [cos, sin, seq_dim] = checked(x, cos_cache, sin_cache, options);
  const int64_t time = x.size(seq_dim);
  if (time > cos.size(0)) {
    throw ShapeError(kApply, fmt::format("expected at most {} time steps, as the caches have rows, "
                                         "got {}.",
                                         cos.size(0), time));
  }
  return rotated(x, cos.narrow(0, 0, time), sin.narrow(0, 0, time), seq_dim, options.interleaved);
}

Tensor apply_rotary_embedding(const Tensor& x, const Tensor& positions, const Tensor& cos_cache,
                              const Tensor& sin_cache, const RotaryOptions& options) {
  if (x.is_meta()) register_meta_kernels();  // LibTorch alone has none for index_select
  const auto [cos, sin, seq_dim] = checked(x, cos_cache, sin_cache, options);
  const bool by_sample = positions.dim() == 2;
  if ((positions.dim() != 1 && !by_sample) || positions.size(-1) != x.size(seq_dim) ||
      (by_sample && (seq_dim == 0 || positions.size(0) != x.size(0)))) {
    throw ShapeError(kApply,
                     fmt::format("expected positions (time) or (batch, time) of x of shape "
                                 "{} with time in dimension {}, got {}.",
                                 shape_text(x.sizes()), seq_dim, shape_text(positions.sizes())));
  }
  const Tensor index = positions.to(kInt64).flatten();
  auto rows = [&](const Tensor& cache) {
    const Tensor chosen = at::index_select(cache, 0, index);
    return by_sample ? chosen.unflatten(0, positions.sizes()) : chosen;
  };
  return rotated(x, rows(cos), rows(sin), seq_dim, options.interleaved);
}

Tensor alibi_bias(int64_t heads, int64_t queries, int64_t keys, const AlibiOptions& options) {
  if (heads < 1 || queries < 0 || keys < 0 || options.past < 0) {
    throw ArgumentError("alibi_bias",
                        fmt::format("expected heads of at least 1, and queries, keys and .past of "
                                    "at least 0, got {}, {}, {} and {}.",
                                    heads, queries, keys, options.past));
  }
  if (!at::isFloatingType(options.dtype)) {
    throw ArgumentError("alibi_bias", fmt::format("expected a floating .dtype, got {}.",
                                                  dtype_text(options.dtype)));
  }
  if (options.device.is_meta()) {
    return at::empty({heads, queries, keys},
                     at::TensorOptions().dtype(options.dtype).device(options.device));
  }
  // In float64: a narrow dtype does not have every position.
  const auto numbers = at::TensorOptions().dtype(kFloat64).device(options.device);
  const Tensor slope = at::exp2(at::arange(1, heads + 1, numbers).mul(-8.0 / double(heads)));
  const Tensor distance = at::arange(queries, numbers)
                              .add(options.past)
                              .unsqueeze(1)
                              .sub(at::arange(keys, numbers))
                              .abs();
  return distance.mul(slope.reshape({heads, 1, 1})).neg().to(options.dtype);
}

}  // namespace luxtorch::ops
