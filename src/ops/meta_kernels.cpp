#include "ops/meta_kernels.h"

#include <ATen/ExpandUtils.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/result_type.h>
#include <c10/core/WrapDimMinimal.h>
#include <torch/library.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "luxtorch/core/types.h"
#include "ops/pool_windows.h"

namespace luxtorch::ops {

namespace {

// Signatures are those of torch's schemas. What a kernel checks is what torch's own would: with the
// shapes that it refuses there is none to give.

template <class... Options>
Tensor same_shape(const Tensor& x, Options...) {
  return at::empty_like(x);
}
std::tuple<Tensor, Tensor> log_sigmoid_forward(const Tensor& x) {
  return {at::empty_like(x), x.new_empty({0})};
}
Tensor is_nan(const Tensor& x) { return at::empty_like(x, x.options().dtype(kBool)); }
Tensor& unary_out(const Tensor& x, Tensor& out) { return out.resize_(x.sizes()), out; }

// Broadcast, of the dtype that both promote to.
template <class... Options>
Tensor binary(const Tensor& a, const Tensor& b, Options...) {
  const Tensor& there = a.is_meta() ? a : b;
  return there.new_empty(at::infer_size(a.sizes(), b.sizes()),
                         there.options().dtype(at::result_type(a, b)));
}
Tensor& binary_out(const Tensor& a, const Tensor& b, Tensor& out) {
  return out.resize_(at::infer_size(a.sizes(), b.sizes())), out;
}

template <class... Options>
Tensor scalar(const Tensor& x, Options...) {
  return x.new_empty({});
}
Tensor product(const Tensor& x, std::optional<Dtype> dtype) {
  const bool integers = !x.is_floating_point() && !x.is_complex();
  return x.new_empty({}, x.options().dtype(dtype.value_or(integers ? kInt64 : x.scalar_type())));
}

Tensor chosen(const Tensor& condition, const Tensor& a, const Tensor& b) {
  auto shape = at::infer_size(at::infer_size(condition.sizes(), a.sizes()), ShapeView(b.sizes()));
  const Tensor& there = condition.is_meta() ? condition : a.is_meta() ? a : b;
  return there.new_empty(shape, there.options().dtype(at::result_type(a, b)));
}
Tensor& chosen_out(const Tensor& condition, const Tensor& a, const Tensor& b, Tensor& out) {
  return out.resize_(chosen(condition, a, b).sizes()), out;
}

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index) {
  auto shape = x.sizes().vec();
  if (!shape.empty()) {
    TORCH_CHECK_INDEX(index.dim() <= 1, "index_select(): Index is supposed to be a vector");
    shape[static_cast<size_t>(c10::maybe_wrap_dim(dim, x.dim()))] = index.numel();
  }
  return x.new_empty(shape);
}

Tensor reduced(const Tensor& x, at::OptionalIntArrayRef dims, bool keepdim) {
  const bool all = !dims || dims->empty();
  std::vector<bool> gone(static_cast<size_t>(x.dim()), all);
  if (!all)
    for (auto d : *dims) gone[static_cast<size_t>(c10::maybe_wrap_dim(d, x.dim()))] = true;
  std::vector<int64_t> shape;
  for (size_t d = 0; d < gone.size(); ++d) {
    if (!gone[d]) shape.push_back(x.sizes()[d]);
    if (gone[d] && keepdim) shape.push_back(1);
  }
  return x.new_empty(shape);
}
Tensor variance(const Tensor& x, at::OptionalIntArrayRef dims, const std::optional<at::Scalar>&,
                bool keepdim) {
  return reduced(x, dims, keepdim);
}
std::tuple<Tensor, Tensor> variance_and_mean(const Tensor& x, at::OptionalIntArrayRef dims,
                                             const std::optional<at::Scalar>&, bool keepdim) {
  return {reduced(x, dims, keepdim), reduced(x, dims, keepdim)};
}

std::tuple<Tensor, Tensor, Tensor> native_batch_norm(const Tensor& x, const std::optional<Tensor>&,
                                                     const std::optional<Tensor>&,
                                                     const std::optional<Tensor>&,
                                                     const std::optional<Tensor>&, bool training,
                                                     double, double) {
  auto statistics = [&] { return x.new_empty({training ? x.size(1) : 0}); };
  return {at::empty_like(x), statistics(), statistics()};
}

// Torch has checked the shapes before it asks for this one.
Tensor convolution(const Tensor& x, const Tensor& weight, const std::optional<Tensor>&,
                   ShapeView stride, ShapeView padding, ShapeView dilation, bool transposed,
                   ShapeView output_padding, int64_t groups) {
  std::vector<int64_t> shape{x.size(0), transposed ? weight.size(1) * groups : weight.size(0)};
  for (size_t i = 0; i + 2 < x.sizes().size(); ++i) {
    const int64_t in = x.sizes()[i + 2], length = reach(weight.sizes()[i + 2], dilation[i]);
    shape.push_back(transposed ? (in - 1) * stride[i] - 2 * padding[i] + length + output_padding[i]
                               : (in + 2 * padding[i] - length) / stride[i] + 1);
  }
  return x.new_empty(shape);
}

Tensor adaptive_pool(const Tensor& x, ShapeView sizes) {
  auto shape = x.sizes().vec();
  TORCH_CHECK(shape.size() > sizes.size(), "adaptive_avg_pool: expected more than ", sizes.size(),
              " dimensions, got ", shape);
  std::copy(sizes.begin(), sizes.end(), shape.end() - static_cast<int64_t>(sizes.size()));
  return x.new_empty(shape);
}

std::tuple<Tensor, Tensor> max_pool3d(const Tensor& x, ShapeView window, ShapeView stride,
                                      ShapeView padding, ShapeView dilation, bool ceil_mode) {
  auto three = [](ShapeView v) { return v.size() == 1 ? Shape{v[0], v[0], v[0]} : Shape(v); };
  const Shape pad = three(padding);
  const PoolWindows windows{.window = three(window),
                            .stride = three(stride.empty() ? window : stride),
                            .dilation = three(dilation),
                            .pads = {pad, pad},
                            .ceil_mode = ceil_mode};
  const std::string mismatch = pool_mismatch(x, windows);
  TORCH_CHECK(mismatch.empty(), "max_pool3d: ", mismatch);
  const Shape shape = pooled_shape(x.sizes(), windows);
  return {x.new_empty(shape), x.new_empty(shape, x.options().dtype(kInt64))};
}

// Of (..., channels r^2, height, width) to (..., channels, height r, width r), or the reverse.
template <bool Apart>
Tensor pixels_moved(const Tensor& x, int64_t r) {
  auto shape = x.sizes().vec();
  TORCH_CHECK(shape.size() >= 3, "pixel_shuffle: expected 3 dimensions or more, got ", shape);
  auto *size = &shape[shape.size() - 3], *height = size + 1, *width = size + 2;
  TORCH_CHECK(r > 0, "pixel_shuffle: expected a factor of at least 1, got ", r);
  const bool fits = Apart ? *size % (r * r) == 0 : *height % r == 0 && *width % r == 0;
  TORCH_CHECK(fits, "pixel_shuffle: expected sizes divisible by ", r, ", got ", shape);
  *size = Apart ? *size / (r * r) : *size * r * r;
  for (auto* s : {height, width}) *s = Apart ? *s * r : *s / r;
  return x.new_empty(shape);
}

Tensor reflection_pad2d(const Tensor& x, ShapeView padding) {
  auto shape = x.sizes().vec();
  TORCH_CHECK(shape.size() >= 3, "reflection_pad2d: expected 3 or 4 dimensions, got ", shape);
  for (size_t i = 0; i < 2; ++i) {  // from the last dimension on
    auto& size = shape[shape.size() - 1 - i];
    const auto low = padding[2 * i], high = padding[2 * i + 1];
    TORCH_CHECK(low < size && high < size, "reflection_pad2d: expected padding below the size ",
                size, ", got ", low, " and ", high);
    size += low + high;
  }
  return x.new_empty(shape);
}

// An operator, as its schema is named, and its kernel.
struct MetaKernel {
  const char* op;
  const char* overload;
  torch::CppFunction (*kernel)();
};
#define LUXTORCH_META(op, overload, function)                             \
  MetaKernel {                                                            \
    op, overload, [] { return torch::CppFunction(TORCH_FN((function))); } \
  }

const std::array kKernels{
    LUXTORCH_META("relu", "", same_shape<>),
    LUXTORCH_META("abs", "out", unary_out),
    LUXTORCH_META("isnan", "", is_nan),
    LUXTORCH_META("logical_not", "out", unary_out),
    LUXTORCH_META("logical_and", "out", binary_out),
    LUXTORCH_META("logical_or", "out", binary_out),
    LUXTORCH_META("logical_xor", "out", binary_out),
    LUXTORCH_META("floor_divide", "", binary<>),
    LUXTORCH_META("rsub", "Tensor", binary<const at::Scalar&>),
    LUXTORCH_META("hardtanh", "", (same_shape<const at::Scalar&, const at::Scalar&>)),
    LUXTORCH_META("hardswish", "", same_shape<>),
    LUXTORCH_META("log_sigmoid_forward", "", log_sigmoid_forward),
    LUXTORCH_META("flip", "", same_shape<ShapeView>),
    LUXTORCH_META("roll", "", (same_shape<ShapeView, ShapeView>)),
    LUXTORCH_META("where", "self", chosen),
    LUXTORCH_META("where", "self_out", chosen_out),
    LUXTORCH_META("index_select", "", index_select),
    LUXTORCH_META("max", "", scalar<>),
    LUXTORCH_META("min", "", scalar<>),
    LUXTORCH_META("prod", "", product),
    LUXTORCH_META("dot", "", scalar<const Tensor&>),
    LUXTORCH_META("var", "correction", variance),
    LUXTORCH_META("std", "correction", variance),
    LUXTORCH_META("var_mean", "correction", variance_and_mean),
    LUXTORCH_META("std_mean", "correction", variance_and_mean),
    LUXTORCH_META("native_batch_norm", "", native_batch_norm),
    LUXTORCH_META("convolution_overrideable", "", convolution),
    LUXTORCH_META("_adaptive_avg_pool2d", "", adaptive_pool),
    LUXTORCH_META("_adaptive_avg_pool3d", "", adaptive_pool),
    LUXTORCH_META("max_pool3d_with_indices", "", max_pool3d),
    LUXTORCH_META("pixel_shuffle", "", pixels_moved<true>),
    LUXTORCH_META("pixel_unshuffle", "", pixels_moved<false>),
    LUXTORCH_META("reflection_pad2d", "", reflection_pad2d),
};
#undef LUXTORCH_META

}  // namespace

void register_meta_kernels() {
  // Never taken back: a tensor may meet an operator in another thread, and while the process ends.
  static auto* const library = [] {
    constexpr auto key = c10::DispatchKey::Meta;
    auto* ours =
        new torch::Library(torch::Library::IMPL, "aten", key, __FILE__, uint32_t{__LINE__});
    for (const auto& [op, overload, kernel] : kKernels) {
      const auto there =
          c10::Dispatcher::singleton().findSchema({std::string("aten::") + op, overload});
      if (!there || there->hasKernelForDispatchKey(key)) continue;
      const auto name = *overload ? std::string(op) + "." + overload : std::string(op);
      ours->impl(name.c_str(), kernel());
    }
    return ours;
  }();
  (void)library;
}

}  // namespace luxtorch::ops
