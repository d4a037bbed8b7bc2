#include "ops/dropout_mask.h"

#include <ATen/Dispatch.h>
#include <ATen/EmptyTensor.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <bit>
#include <cmath>

#include "core/parallel.h"
#include "kernels/random/philox.h"
#include "ops/fast_path.h"
#include "transforms.h"

namespace luxtorch::ops {

namespace {

// f(first, last, stream) for the parts of n elements, on all threads.
template <class F>
void for_parts(const Kept& kept, int64_t n, const F& f) {
  constexpr int64_t kGrain = 16384;
  detail::parallel_for(0, n, kGrain, [&](int64_t first, int64_t last) {
    f(first, last - first,
      kernels::WordStream{.key = kept.rng().key(), .first = static_cast<uint64_t>(first)});
  });
}

// The mask of no transform.
Tensor drawn(const Kept& kept, ShapeView shape, const at::TensorOptions& options, bool scaled) {
  const auto dtype = c10::typeMetaToScalarType(options.dtype());
  const Tensor element = at::detail::empty_cpu({}, dtype);
  element.fill_(1);
  if (scaled && kept.p() < 1) element.div_(1 - kept.p());
  const Tensor mask = at::detail::empty_cpu(shape, dtype);
  const size_t size = mask.itemsize();
  auto* data = static_cast<char*>(mask.mutable_data_ptr());
  for_parts(kept, mask.numel(), [&](int64_t first, int64_t count, kernels::WordStream stream) {
    kernels::philox_mask(stream, count, kept.threshold(), size, element.const_data_ptr(),
                         data + size * static_cast<size_t>(first));
  });
  return mask.to(options);
}

// x times the scaled mask.
Tensor product(const Kept& kept, const Tensor& x) {
  const Tensor y = at::empty_like(x);
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "dropout", [&] {
    const auto* from = x.const_data_ptr<scalar_t>();
    auto* to = y.mutable_data_ptr<scalar_t>();
    const auto scale =
        kept.p() < 1 ? scalar_t(1) / static_cast<scalar_t>(1 - kept.p()) : scalar_t(1);
    for_parts(kept, x.numel(), [&](int64_t first, int64_t count, kernels::WordStream stream) {
      kernels::philox_drop(stream, count, kept.threshold(), scale, from + first, to + first);
    });
  });
  return y;
}

struct FusedDropout : torch::autograd::Function<FusedDropout> {
  using Context = torch::autograd::AutogradContext;
  using Tensors = torch::autograd::variable_list;

  static Tensor forward(Context* context, const Tensor& x, const Kept& kept) {
    context->saved_data["key"] = std::bit_cast<int64_t>(kept.rng().key());
    context->saved_data["p"] = kept.p();
    return product(kept, x);
  }

  // Linear in x: the gradient is dropped as x was, which is differentiable in turn.
  static Tensors backward(Context* context, const Tensors& by_y) {
    const Tensor& g = by_y[0];
    if (!g.defined()) return Tensors(2);
    const Kept kept(Rng(std::bit_cast<uint64_t>(context->saved_data["key"].toInt())),
                    context->saved_data["p"].toDouble());
    if (may_fuse_dropout(g)) return {fused_dropout(kept, g), Tensor()};
    const Tensor mask = [&] {
      const transforms::Outside no_draw_of_samples;
      return drawn(kept, g.sizes(), g.options().requires_grad(false), /*scaled=*/true);
    }();
    return {g.mul(mask), Tensor()};
  }
};

}  // namespace

uint32_t Kept::threshold() const {
  // As uniform.ge(p) compares: p in float32, where each of the uniforms k / 2^24 is exact.
  return static_cast<uint32_t>(std::ceil(static_cast<double>(static_cast<float>(p_)) * 0x1p24));
}

Tensor mask_of(const Kept& kept, ShapeView shape, const at::TensorOptions& options, bool scaled) {
  if (!transforms::active()) return drawn(kept, shape, options, scaled);
  return transforms::drawn(
      kept.rng(), [&](Rng rng) { return drawn(Kept(rng, kept.p()), shape, options, scaled); });
}

bool may_fuse_dropout(const Tensor& x) { return is_readable({&x}) && x.is_contiguous(); }

Tensor fused_dropout(const Kept& kept, const Tensor& x) {
  return is_recorded(x) ? FusedDropout::apply(x, kept) : product(kept, x);
}

}  // namespace luxtorch::ops
