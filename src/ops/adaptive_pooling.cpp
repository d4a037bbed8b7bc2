#include <ATen/ops/adaptive_avg_pool1d.h>
#include <ATen/ops/adaptive_avg_pool2d.h>
#include <ATen/ops/adaptive_avg_pool3d.h>
#include <ATen/ops/adaptive_max_pool2d.h>
#include <ATen/ops/adaptive_max_pool3d.h>
#include <fmt/format.h>

#include <algorithm>

#include "luxtorch/core/error.h"
#include "luxtorch/ops/pooling.h"
#include "ops/fast_path.h"
#include "ops/half_precision.h"
#include "ops/pool_windows.h"
#include "text.h"

namespace luxtorch::ops {

namespace {

size_t first_spatial(const Tensor& x, const Shape& size) {
  return static_cast<size_t>(x.dim()) - size.size();
}

Shape adaptive_shape(const Tensor& x, const Shape& size) {
  Shape shape = x.sizes();
  std::copy(size.begin(), size.end(), shape.end() - static_cast<int64_t>(size.size()));
  return shape;
}

PoolWindows uniform_windows(const Tensor& x, const Shape& size) {
  PoolWindows w;
  for (size_t i = 0; i < size.size(); ++i) {
    const int64_t from = x.sizes()[first_spatial(x, size) + i], stride = from / size[i];
    w.window.push_back(from - (size[i] - 1) * stride), w.stride.push_back(stride);
    w.dilation.push_back(1), w.pads.low.push_back(0), w.pads.high.push_back(0);
  }
  return w;
}

// How many elements torch's windows have, along each dimension.
std::vector<std::vector<double>> torch_lengths(const Tensor& x, const Shape& size) {
  std::vector<std::vector<double>> lengths(size.size());
  for (size_t i = 0; i < size.size(); ++i) {
    const int64_t from = x.sizes()[first_spatial(x, size) + i], to = size[i];
    for (int64_t o = 0; o < to; ++o)
      lengths[i].push_back(static_cast<double>(((o + 1) * from + to - 1) / to - o * from / to));
  }
  return lengths;
}

std::vector<int64_t> spatial_dims(const Tensor& x) {
  std::vector<int64_t> dims;
  for (int64_t d = 2; d < x.dim(); ++d) dims.push_back(d);
  return dims;
}

void check_adaptive(const char* who, const Tensor& x, const Shape& size, AdaptiveWindows windows) {
  check_spatial(who, "a size", size);
  if (auto mismatch = adaptive_mismatch(x, size, windows); !mismatch.empty())
    throw ShapeError(who, mismatch);
}
void check_global(const char* who, const Tensor& x) {
  if (auto mismatch = global_mismatch(x); !mismatch.empty()) throw ShapeError(who, mismatch);
}

}  // namespace

std::string adaptive_mismatch(const Tensor& x, const Shape& size, AdaptiveWindows windows) {
  if (auto mismatch = image_mismatch(x, size.size()); !mismatch.empty()) return mismatch;
  for (size_t i = 0; i < size.size(); ++i) {
    const auto d = first_spatial(x, size) + i;
    const int64_t least = windows == AdaptiveWindows::Uniform ? size[i] : 1;
    if (x.sizes()[d] >= least) continue;
    return fmt::format("expected x of at least {} in dimension {}, got {} of shape {}.{}", least, d,
                       x.sizes()[d], shape_text(x.sizes()),
                       least > 1 ? " AdaptiveWindows::Torch repeats elements." : "");
  }
  return "";
}

Tensor adaptive_max(const Tensor& x, const Shape& size, AdaptiveWindows windows) {
  if (x.is_meta()) return x.new_empty(adaptive_shape(x, size));
  if (windows == AdaptiveWindows::Uniform) return max_over(x, uniform_windows(x, size));
  if (size.size() == 3) return std::get<0>(at::adaptive_max_pool3d(x, size));
  if (size.size() == 2) return std::get<0>(at::adaptive_max_pool2d(x, size));
  return std::get<0>(at::adaptive_max_pool2d(x.unsqueeze(-2), Shape{1, size[0]})).squeeze(-2);
}

Tensor adaptive_mean(const Tensor& x, const Shape& size, AdaptiveWindows windows) {
  if (x.is_meta()) return x.new_empty(adaptive_shape(x, size));
  if (windows == AdaptiveWindows::Uniform) return mean_over(x, uniform_windows(x, size), true);
  if (size.size() == 3) return at::adaptive_avg_pool3d(x, size);
  return size.size() == 2 ? at::adaptive_avg_pool2d(x, size) : at::adaptive_avg_pool1d(x, size);
}

Tensor adaptive_norm(const Tensor& x, const Shape& size, AdaptiveWindows windows, double p) {
  if (x.is_meta()) return x.new_empty(adaptive_shape(x, size));
  if (windows == AdaptiveWindows::Uniform) return norm_over(x, uniform_windows(x, size), p);
  if (is_half(x)) return adaptive_norm(x.to(kFloat32), size, windows, p).to(x.scalar_type());
  const Tensor means = adaptive_mean(raised(x, p), size, windows);
  return root(means.mul(outer_product(torch_lengths(x, size), x)), p);
}

std::string global_mismatch(const Tensor& x) {
  const bool is_image = x.dim() >= 3 && x.is_floating_point();
  const auto sizes = x.sizes().slice(static_cast<size_t>(std::min<int64_t>(x.dim(), 2)));
  if (is_image && std::find(sizes.begin(), sizes.end(), 0) == sizes.end()) return "";
  return fmt::format(
      "expected floating-point x of shape (batch, channels, size, ...) with sizes of "
      "at least 1, got {} of shape {}.",
      dtype_text(x.scalar_type()), shape_text(x.sizes()));
}

Tensor global_max(const Tensor& x) {
  // Without the index, which takes ten times as long to find.
  if (!may_be_differentiated(x)) return x.amax(spatial_dims(x), /*keepdim=*/true);
  Tensor y =
      std::get<0>(x.flatten(2).max(-1));  // with its index, so that one element gets the gradient
  for (int64_t d = 2; d < x.dim(); ++d) y = y.unsqueeze(-1);
  return y;
}

Tensor global_mean(const Tensor& x) { return x.mean(spatial_dims(x), /*keepdim=*/true); }

Tensor global_norm(const Tensor& x, double p) {
  if (x.is_meta()) return global_mean(x);  // of the same shape
  if (is_half(x)) return global_norm(x.to(kFloat32), p).to(x.scalar_type());
  return root(raised(x, p).sum(spatial_dims(x), /*keepdim=*/true), p);
}

Tensor adaptive_maxpool(const Tensor& x, const Shape& size, const AdaptivePoolOptions& options) {
  check_adaptive("adaptive_maxpool", x, size, options.windows);
  return adaptive_max(x, size, options.windows);
}

Tensor adaptive_meanpool(const Tensor& x, const Shape& size, const AdaptivePoolOptions& options) {
  check_adaptive("adaptive_meanpool", x, size, options.windows);
  return adaptive_mean(x, size, options.windows);
}

Tensor adaptive_lppool(const Tensor& x, const Shape& size, const AdaptiveLPPoolOptions& options) {
  check_p("adaptive_lppool", options.p);
  check_adaptive("adaptive_lppool", x, size, options.windows);
  return adaptive_norm(x, size, options.windows, options.p);
}

Tensor global_maxpool(const Tensor& x) {
  check_global("global_maxpool", x);
  return global_max(x);
}

Tensor global_meanpool(const Tensor& x) {
  check_global("global_meanpool", x);
  return global_mean(x);
}

Tensor global_lppool(const Tensor& x, double p) {
  check_p("global_lppool", p);
  check_global("global_lppool", x);
  return global_norm(x, p);
}

}  // namespace luxtorch::ops
