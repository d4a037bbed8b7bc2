#include "luxtorch/ops/pooling.h"

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/avg_pool3d.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/max_pool2d_with_indices.h>
#include <ATen/ops/max_pool3d_with_indices.h>
#include <ATen/ops/ones.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "luxtorch/core/error.h"
#include "luxtorch/core/ops.h"
#include "ops/fast_path.h"
#include "ops/half_precision.h"
#include "ops/pool_windows.h"

namespace luxtorch::ops {

namespace {

// Of one spatial dimension, as torch's pools do it: with a first one of size 1.
PoolWindows with_height(const PoolWindows& w) {
  auto before = [](int64_t first, const Shape& rest) { return Shape{first, rest[0]}; };
  return {.window = before(1, w.window),
          .stride = before(1, w.stride),
          .dilation = before(1, w.dilation),
          .pads = {before(0, w.pads.low), before(0, w.pads.high)},
          .ceil_mode = w.ceil_mode};
}

// f(x, windows) with 2 or 3 spatial dimensions.
template <class F>
Tensor in_space(const Tensor& x, const PoolWindows& windows, F f) {
  if (windows.window.size() > 1) return f(x, windows);
  return f(x.unsqueeze(-2), with_height(windows)).squeeze(-2);
}

// Torch's pools pad alike on both sides, by half of the window's elements at most, however far apart.
bool torch_pads(const PoolWindows& w) {
  for (size_t i = 0; i < w.window.size(); ++i) {
    if (w.pads.low[i] != w.pads.high[i] || w.pads.low[i] > w.window[i] / 2) return false;
  }
  return true;
}

bool is_dilated(const PoolWindows& w) {
  return std::any_of(w.dilation.begin(), w.dilation.end(), [](int64_t d) { return d != 1; });
}

// x as far as the windows reach, no farther and no less; the rest of `windows` holds without padding and
// ceil_mode then.
Tensor reached(const Tensor& x, const PoolWindows& w, double value) {
  const Shape y = pooled_shape(x.sizes(), w);
  const size_t dims = w.window.size(), first = y.size() - dims;
  Pads pads = w.pads;
  for (size_t i = 0; i < dims; ++i) {
    const int64_t length = (y[first + i] - 1) * w.stride[i] + reach(w.window[i], w.dilation[i]);
    pads.high[i] = length - w.pads.low[i] - x.sizes()[first + i];
  }
  return at::constant_pad_nd(x, in_torch_order(pads), value);
}

int64_t elements_of(const Shape& numbers) {
  int64_t n = 1;
  for (int64_t k : numbers) n *= k;
  return n;
}

// The mean of all elements of each window, whole windows without padding.
Tensor whole_means(const Tensor& x, const PoolWindows& w) {
  const bool is_flat = w.window.size() == 2;
  if (!is_dilated(w))
    return is_flat ? at::avg_pool2d(x, w.window, w.stride) : at::avg_pool3d(x, w.window, w.stride);
  // Each channel by itself is an image of one channel under a constant kernel.
  const auto first = static_cast<size_t>(x.dim()) - w.window.size();
  std::vector<int64_t> kernel{1, 1}, image{1, 1}, shape;
  for (size_t d = 0; d < first; ++d) image[0] *= x.sizes()[d], shape.push_back(x.sizes()[d]);
  kernel.insert(kernel.end(), w.window.begin(), w.window.end());
  for (auto size : x.sizes().slice(first)) image.push_back(size);
  const Shape none(std::vector<int64_t>(w.window.size(), 0));
  const Tensor mean = at::ones(kernel, x.options()).div(static_cast<double>(elements_of(w.window)));
  const Tensor y = at::convolution(x.reshape(image), mean, {}, w.stride, none, w.dilation,
                                   /*transposed=*/false, none, /*groups=*/1);
  for (auto size : y.sizes().slice(2)) shape.push_back(size);
  return y.reshape(shape);
}

// How many elements a whole window has for each that counts; along each dimension, at each of y's places.
std::vector<std::vector<double>> shares(ShapeView x, const PoolWindows& w, bool count_include_pad) {
  const Shape y = pooled_shape(x, w);
  const size_t dims = w.window.size(), first = y.size() - dims;
  std::vector<std::vector<double>> all(dims);
  for (size_t i = 0; i < dims; ++i) {
    const int64_t low = w.pads.low[i], size = x[first + i];
    const int64_t begin = count_include_pad ? 0 : low,
                  end = low + size + (count_include_pad ? w.pads.high[i] : 0);
    for (int64_t o = 0; o < y[first + i]; ++o) {
      int64_t counted = 0;
      for (int64_t k = 0; k < w.window[i]; ++k) {
        const int64_t place = o * w.stride[i] + k * w.dilation[i];
        counted += place >= begin && place < end;
      }
      all[i].push_back(static_cast<double>(w.window[i]) /
                       static_cast<double>(std::max<int64_t>(counted, 1)));
    }
  }
  return all;
}

bool are_ones(const std::vector<std::vector<double>>& all) {
  return std::all_of(all.begin(), all.end(), [](const auto& of_one) {
    return std::all_of(of_one.begin(), of_one.end(), [](double share) { return share == 1; });
  });
}

template <class Options>
PoolWindows checked(const char* who, const Tensor& x, const Shape& window, const Options& options) {
  PoolWindows windows = pool_windows(who, window, options);
  if (auto mismatch = pool_mismatch(x, windows); !mismatch.empty()) throw ShapeError(who, mismatch);
  return windows;
}

}  // namespace

Tensor max_over(const Tensor& given, const PoolWindows& windows) {
  if (given.is_meta()) return given.new_empty(pooled_shape(given.sizes(), windows));
  return in_space(given, windows, [](Tensor x, const PoolWindows& w) {
    Shape pad = w.pads.low;
    bool ceil_mode = w.ceil_mode;
    if (!torch_pads(w)) {
      x = reached(x, w, -std::numeric_limits<double>::infinity());
      pad = Shape(std::vector<int64_t>(pad.size(), 0)), ceil_mode = false;
    }
    return w.window.size() == 2 ? std::get<0>(at::max_pool2d_with_indices(
                                      x, w.window, w.stride, pad, w.dilation, ceil_mode))
                                : std::get<0>(at::max_pool3d_with_indices(
                                      x, w.window, w.stride, pad, w.dilation, ceil_mode));
  });
}

Tensor mean_over(const Tensor& given, const PoolWindows& windows, bool count_include_pad) {
  if (given.is_meta()) return given.new_empty(pooled_shape(given.sizes(), windows));
  if (is_half(given) && windows.window.size() == 3) {  // of which torch has none on the CPU
    return mean_over(given.to(kFloat32), windows, count_include_pad).to(given.scalar_type());
  }
  return in_space(given, windows, [&](const Tensor& x, const PoolWindows& w) {
    if (torch_pads(w) && !is_dilated(w)) {
      return w.window.size() == 2
                 ? at::avg_pool2d(x, w.window, w.stride, w.pads.low, w.ceil_mode, count_include_pad)
                 : at::avg_pool3d(x, w.window, w.stride, w.pads.low, w.ceil_mode,
                                  count_include_pad);
    }
    const Tensor means = whole_means(reached(x, w, 0), w);
    const auto all = shares(x.sizes(), w, count_include_pad);
    return are_ones(all) ? means : means.mul(outer_product(all, x));
  });
}

Tensor norm_over(const Tensor& x, const PoolWindows& windows, double p) {
  if (x.is_meta()) return x.new_empty(pooled_shape(x.sizes(), windows));
  if (is_half(x)) return norm_over(x.to(kFloat32), windows, p).to(x.scalar_type());
  const Tensor means = mean_over(raised(x, p), windows, /*count_include_pad=*/true);
  return root(means.mul(static_cast<double>(elements_of(windows.window))), p);
}

Tensor raised(const Tensor& x, double p) {
  if (p == 2) return x.square();
  if (std::fmod(p, 2) == 0) return x.pow(p);
  if (std::trunc(p) == p) return x.abs().pow(p);
  const Tensor none = x.eq(0);  // where a derivative of some order is infinite
  return x.masked_fill(none, 1).abs().pow(p).masked_fill(none, 0);
}

Tensor root(const Tensor& sums, double p) {
  if (!may_be_differentiated(sums)) return sums.pow(1 / p);
  const Tensor none = sums.eq(0);  // where the derivative of a root is infinite
  return sums.masked_fill(none, 1).pow(1 / p).masked_fill(none, 0);
}

Tensor outer_product(const std::vector<std::vector<double>>& factors, const Tensor& x) {
  Tensor all;
  for (size_t i = 0; i < factors.size(); ++i) {
    std::vector<int64_t> shape(factors.size(), 1);
    shape[i] = -1;
    const Tensor one =
        tensor(factors[i], {.dtype = x.scalar_type(), .device = x.device()}).reshape(shape);
    all = i == 0 ? one : all.mul(one);
  }
  return all;
}

Tensor maxpool(const Tensor& x, const Shape& window, const MaxPoolOptions& options) {
  return max_over(x, checked("maxpool", x, window, options));
}

Tensor meanpool(const Tensor& x, const Shape& window, const MeanPoolOptions& options) {
  return mean_over(x, checked("meanpool", x, window, options), options.count_include_pad);
}

Tensor lppool(const Tensor& x, const Shape& window, const LPPoolOptions& options) {
  check_p("lppool", options.p);
  return norm_over(x, checked("lppool", x, window, options), options.p);
}

}  // namespace luxtorch::ops
