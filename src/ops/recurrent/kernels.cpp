#include "ops/recurrent/kernels.h"

#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/parallel.h"
#include "ops/forks.h"
#include "ops/if_defined.h"
#include "ops/recurrent/threads.h"
#include "ops/recycled_memory.h"

namespace luxtorch::ops {

namespace {

using kernels::RecurrentLayout;
using kernels::RecurrentTeam;

[[maybe_unused]] const bool kForksAreSafe = end_threads_before_forks();

Tensor with_dense_rows(const Tensor& t) {
  return t.defined() && t.stride(-1) != 1 && t.size(-1) != 1 ? t.contiguous() : t;
}
Tensor dense(const Tensor& t) { return t.defined() ? t.contiguous() : t; }

template <class T>
T* mutable_data(const Tensor& t) {
  return t.defined() ? t.mutable_data_ptr<T>() : nullptr;
}

// Strides between rows of the batch and between steps, of x, y and their gradients.
struct Strides {
  int64_t batch = 0, time = 0;
  Strides(const Tensor& t, const RecurrentCall& in) {
    if (!t.defined()) return;
    batch = t.stride(in.options.time_first && !in.step ? 1 : 0);
    if (!in.step) time = t.stride(in.options.time_first ? 0 : 1);
  }
};

template <class T>
kernels::RecurrentCall<T> call_of(const RecurrentCall& in) {
  kernels::RecurrentCall<T> call;
  const int64_t batch = in.options.time_first && !in.step ? 1 : 0;
  call.cell = in.cell;
  call.batch = in.x.size(batch), call.time = in.step ? 1 : in.x.size(1 - batch);
  call.in = in.w.weight_ih.size(1), call.out = in.w.weight_hh.size(1);
  call.reverse = in.options.reverse;
  if (in.x.is_floating_point()) {
    call.x = data_or_null<T>(in.x);
  } else {
    call.tokens = data_or_null<int64_t>(in.x);
  }
  const Strides x(in.x, in);
  call.x_batch = x.batch, call.x_time = x.time;
  call.lengths = data_or_null<int64_t>(in.options.lengths);
  call.weight_ih = data_or_null<T>(in.w.weight_ih),
  call.weight_hh = data_or_null<T>(in.w.weight_hh);
  call.bias_ih = data_or_null<T>(in.w.bias_ih), call.bias_hh = data_or_null<T>(in.w.bias_hh);
  call.h = data_or_null<T>(in.h), call.c = data_or_null<T>(in.c);
  return call;
}

// Whole cache lines, so that threads do not write into each other's.
int64_t padded(int64_t elements) { return (elements + 31) / 32 * 32; }

template <class T>
PreparedForward prepare(const RecurrentCall& in) {
  const auto call = call_of<T>(in);
  PreparedForward p{kernels::recurrent_layout(call, at::get_num_threads()), {}};
  const int64_t size = kernels::packed_weights_size(call, p.layout);
  p.packed = recycled({size}, in.w.weight_hh.scalar_type());
  T* to = p.packed.mutable_data_ptr<T>();
  for_panels(p.layout, size, [&](int64_t first, int64_t last) {
    kernels::pack_weights(call, p.layout, to, first, last);
  });
  return p;
}

template <class T>
SequenceOutput new_output(const RecurrentCall& in, const kernels::RecurrentCall<T>& call) {
  const Dtype dtype = in.w.weight_hh.scalar_type();
  SequenceOutput out;
  out.h = recycled({call.batch, call.out}, dtype);
  if (in.c.defined()) out.c = recycled({call.batch, call.out}, dtype);
  if (in.options.sequence && !in.step) {
    std::array<int64_t, 3> shape{call.batch, call.time, call.out};
    if (in.options.time_first) std::swap(shape[0], shape[1]);
    out.y = call.lengths ? at::zeros(shape, dtype) : recycled(shape, dtype);
  }
  return out;
}

template <class T>
kernels::RecurrentOutput<T> output_of(const SequenceOutput& out, const RecurrentCall& in,
                                      const Tensor& saved) {
  const Strides y(out.y, in);
  return {mutable_data<T>(out.y), y.batch, y.time, mutable_data<T>(out.h), mutable_data<T>(out.c),
          mutable_data<T>(saved)};
}

template <class T>
SequenceOutput single_step(const RecurrentCall& in) {
  const auto call = call_of<T>(in);
  auto out = new_output(in, call);
  const Tensor scratch =
      recycled({kernels::single_step_scratch_size(call)}, in.w.weight_hh.scalar_type());
  kernels::recurrent_single_step(call, output_of<T>(out, in, {}), scratch.mutable_data_ptr<T>());
  return out;
}

template <class T>
ForwardRun forward(const RecurrentCall& in, const PreparedForward& prepared, bool keep) {
  const auto call = call_of<T>(in);
  const auto& layout = prepared.layout;
  const Dtype dtype = in.w.weight_hh.scalar_type();
  ForwardRun run{new_output(in, call), {}};
  if (keep) run.saved = recycled({kernels::recurrent_saved_size(call, layout)}, dtype);

  const int64_t scratch_size = padded(kernels::forward_scratch_size(call, layout, keep));
  Tensor scratch;
  if (scratch_size > 0) scratch = recycled({layout.slices * scratch_size}, dtype);
  T* const memory = mutable_data<T>(scratch);
  const auto weights =
      kernels::pack_weights(call, layout, prepared.packed.mutable_data_ptr<T>(), 0, 0);
  const auto out = output_of<T>(run.out, in, run.saved);
  on_threads(layout, [&](int64_t i, const RecurrentTeam& team) {
    for (int64_t g = layout.first_group(i); g < layout.first_group(i + 1); ++g)
      kernels::recurrent_forward(call, layout, weights, out, g,
                                 memory ? memory + i * scratch_size : nullptr, team);
  });
  return run;
}

template <class T>
Tensor prepare_back(const RecurrentCall& in, const RecurrentLayout& layout, bool by_x) {
  const auto call = call_of<T>(in);
  const int64_t size = kernels::packed_for_backward_size(call, layout, by_x);
  const Tensor packed = recycled({size}, in.w.weight_hh.scalar_type());
  T* to = packed.mutable_data_ptr<T>();
  for_panels(layout, size, [&](int64_t first, int64_t last) {
    kernels::pack_for_backward(call, layout, by_x, to, first, last);
  });
  return packed;
}

template <class T>
std::array<Tensor, 3> backward(const RecurrentCall& in, const RecurrentLayout& layout,
                               const BackwardCall& back) {
  const auto call = call_of<T>(in);
  const Dtype dtype = in.w.weight_hh.scalar_type();
  std::array<Tensor, 3> grads;
  auto& [x, h, c] = grads;
  if (back.x) x = call.lengths ? at::zeros(in.x.sizes(), dtype) : recycled(in.x.sizes(), dtype);
  if (back.h) h = recycled({call.batch, call.out}, dtype);
  if (back.c) c = recycled({call.batch, call.out}, dtype);

  const int64_t scratch_size = padded(kernels::backward_scratch_size(call, layout)),
                sums_size = padded(kernels::accumulators_size(call, layout));
  const Tensor scratch = recycled({layout.slices * scratch_size}, dtype);
  T* const memory = scratch.mutable_data_ptr<T>();
  T* const sums = mutable_data<T>(back.sums);
  const auto weights =
      kernels::pack_for_backward(call, layout, back.x, back.packed.mutable_data_ptr<T>(), 0, 0);
  const Strides y(back.by.y, in), to_x(x, in);
  const kernels::RecurrentGradients<T> gradients{data_or_null<T>(back.by.y),
                                                 y.batch,
                                                 y.time,
                                                 data_or_null<T>(back.by.h),
                                                 data_or_null<T>(back.by.c),
                                                 mutable_data<T>(x),
                                                 to_x.batch,
                                                 to_x.time,
                                                 mutable_data<T>(h),
                                                 mutable_data<T>(c),
                                                 sums != nullptr};
  on_threads(layout, [&](int64_t i, const RecurrentTeam& team) {
    for (int64_t g = layout.first_group(i); g < layout.first_group(i + 1); ++g)
      kernels::recurrent_backward(call, layout, weights, back.saved.const_data_ptr<T>(), gradients,
                                  g, sums ? sums + i * sums_size : nullptr,
                                  memory + i * scratch_size, team);
  });
  return grads;
}

template <class T>
Tensor zero(const RecurrentCall& in, const RecurrentLayout& layout) {
  const int64_t size = padded(kernels::accumulators_size(call_of<T>(in), layout));
  Tensor sums = recycled({layout.slices * size}, in.w.weight_hh.scalar_type());
  T* const to = sums.mutable_data_ptr<T>();
  detail::parallel_for(0, layout.slices, 1, [&](int64_t first, int64_t last) {
    std::fill_n(to + first * size, (last - first) * size, T(0));
  });
  return sums;
}

template <class T>
std::array<Tensor, 4> gradients_of_weights(const RecurrentCall& in, const RecurrentLayout& layout,
                                           const Tensor& sums) {
  const auto call = call_of<T>(in);
  std::array<Tensor, 4> grads;
  auto& [weight_ih, weight_hh, bias_ih, bias_hh] = grads;
  auto like = [](const Tensor& t) { return recycled(t.sizes(), t.scalar_type()); };
  weight_ih = like(in.w.weight_ih), weight_hh = like(in.w.weight_hh);
  if (in.w.bias_ih.defined()) bias_ih = like(in.w.bias_ih), bias_hh = like(in.w.bias_hh);
  const kernels::WeightGradients<T> to{mutable_data<T>(weight_ih), mutable_data<T>(weight_hh),
                                       mutable_data<T>(bias_ih), mutable_data<T>(bias_hh)};
  const int64_t size = padded(kernels::accumulators_size(call, layout));
  for_panels(layout, size, [&](int64_t first, int64_t last) {
    kernels::sum_accumulators(call, layout, sums.mutable_data_ptr<T>(), size, layout.slices, to,
                              first, last);
  });
  return grads;
}

// f(T()), T being the call's dtype.
template <class F>
auto by_dtype(const RecurrentCall& in, const F& f) {
  return in.w.weight_hh.scalar_type() == kFloat32 ? f(float()) : f(double());
}

}  // namespace

RecurrentCall dense_call(const RecurrentCall& in) {
  RecurrentCall d = in;
  if (in.x.is_floating_point()) d.x = with_dense_rows(in.x);
  d.h = dense(in.h), d.c = dense(in.c);
  d.w = {dense(in.w.weight_ih), dense(in.w.weight_hh), dense(in.w.bias_ih), dense(in.w.bias_hh)};
  d.options.lengths = dense(in.options.lengths);
  return d;
}

PreparedForward prepare_forward(const RecurrentCall& in) {
  return by_dtype(in, [&]<class T>(T) { return prepare<T>(in); });
}

bool reads_unpacked_weights(const RecurrentCall& in) {
  // Reading the weights again for each row takes as long as packing them for so many.
  constexpr int64_t kFewRows = 4;
  const int64_t elements = in.x.is_floating_point() ? in.w.weight_ih.size(1) : 1;
  const bool one_step = in.step || in.x.size(in.options.time_first ? 0 : 1) == 1;
  return one_step && !in.options.lengths.defined() && in.x.numel() <= kFewRows * elements;
}

SequenceOutput run_forward(const RecurrentCall& in) {
  if (reads_unpacked_weights(in))
    return by_dtype(in, [&]<class T>(T) { return single_step<T>(in); });
  return run_forward(in, prepare_forward(in), /*keep=*/false).out;
}

ForwardRun run_forward(const RecurrentCall& in, const PreparedForward& prepared, bool keep) {
  return by_dtype(in, [&]<class T>(T) { return forward<T>(in, prepared, keep); });
}

Tensor prepare_backward(const RecurrentCall& in, const RecurrentLayout& layout, bool by_x) {
  return by_dtype(in, [&]<class T>(T) { return prepare_back<T>(in, layout, by_x); });
}

Tensor zero_sums(const RecurrentCall& in, const RecurrentLayout& layout) {
  return by_dtype(in, [&]<class T>(T) { return zero<T>(in, layout); });
}

std::array<Tensor, 4> weight_gradients(const RecurrentCall& in, const RecurrentLayout& layout,
                                       const Tensor& sums) {
  return by_dtype(in, [&]<class T>(T) { return gradients_of_weights<T>(in, layout, sums); });
}

std::array<Tensor, 3> run_backward(const RecurrentCall& in, const RecurrentLayout& layout,
                                   const BackwardCall& call) {
  const SequenceOutput by{with_dense_rows(call.by.y), dense(call.by.h), dense(call.by.c)};
  const BackwardCall d{call.saved, call.packed, by, call.x, call.h, call.c, call.sums};
  return by_dtype(in, [&]<class T>(T) { return backward<T>(in, layout, d); });
}

}  // namespace luxtorch::ops
