#include "ops/recurrent_run.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "ops/recycled_memory.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace luxtorch::ops {

namespace {

using kernels::RecurrentCall;
using kernels::RecurrentLayout;
using kernels::RecurrentTeam;

Tensor with_dense_rows(const Tensor& t) {
  return t.defined() && t.stride(-1) != 1 && t.size(-1) != 1 ? t.contiguous() : t;
}
Tensor dense(const Tensor& t) { return t.defined() ? t.contiguous() : t; }

template <class T>
const T* data(const Tensor& t) {
  return t.defined() ? t.const_data_ptr<T>() : nullptr;
}
template <class T>
T* mutable_data(const Tensor& t) {
  return t.defined() ? t.mutable_data_ptr<T>() : nullptr;
}

// Strides of a sequence between rows of the batch and between steps.
struct Strides {
  int64_t batch, time;
  Strides(const Tensor& t, const SequenceOptions& options)
      : batch(t.defined() ? t.stride(options.time_first ? 1 : 0) : 0),
        time(t.defined() ? t.stride(options.time_first ? 0 : 1) : 0) {}
};

template <class T>
RecurrentCall<T> call_of(const SequenceInputs& in) {
  RecurrentCall<T> call;
  const int64_t batch = in.options.time_first ? 1 : 0;
  call.cell = in.cell;
  call.batch = in.x.size(batch), call.time = in.x.size(1 - batch);
  call.in = in.w.weight_ih.size(1), call.out = in.w.weight_hh.size(1);
  call.reverse = in.options.reverse;
  if (in.x.is_floating_point())
    call.x = data<T>(in.x);
  else
    call.tokens = data<int64_t>(in.x);
  const Strides x(in.x, in.options);
  call.x_batch = x.batch, call.x_time = x.time;
  call.lengths = data<int64_t>(in.options.lengths);
  call.weight_ih = data<T>(in.w.weight_ih), call.weight_hh = data<T>(in.w.weight_hh);
  call.bias_ih = data<T>(in.w.bias_ih), call.bias_hh = data<T>(in.w.bias_hh);
  call.h = data<T>(in.h), call.c = data<T>(in.c);
  return call;
}

// Whole cache lines, so that threads do not write into each other's.
int64_t padded(int64_t elements) { return (elements + 31) / 32 * 32; }

int64_t slices_of(const RecurrentLayout& layout) {
  return std::min<int64_t>(at::get_num_threads(), layout.groups);
}

// Calls f(i, team) for slices of the groups on a thread each, or on every thread of a team.
template <class F>
void on_threads(const RecurrentLayout& layout, int64_t slices, const F& f) {
#ifdef _OPENMP
  if (layout.team > 1) {
#pragma omp parallel num_threads(static_cast<int>(layout.team))
    {
      RecurrentTeam team{omp_get_thread_num(), omp_get_num_threads(),
                         [](void*) {
#pragma omp barrier
                         },
                         nullptr};
      f(0, team);
    }
    return;
  }
#endif
  at::parallel_for(0, slices, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i, RecurrentTeam{});
  });
}

// Panels of large weights are packed by all threads.
template <class F>
void for_panels(const RecurrentLayout& layout, int64_t elements, const F& f) {
  constexpr int64_t kWorthAThread = 1 << 16;
  const int64_t grain =
      std::max<int64_t>(1, kWorthAThread * layout.panels / std::max<int64_t>(1, elements));
  at::parallel_for(0, layout.panels, grain, f);
}

template <class T>
SequenceRun forward(const SequenceInputs& in, bool keep) {
  const auto call = call_of<T>(in);
  SequenceRun run;
  auto& layout = run.layout = kernels::recurrent_layout(call, at::get_num_threads());
  const auto options = in.w.weight_hh.options();
  const Dtype dtype = in.w.weight_hh.scalar_type();
  const std::vector<int64_t> state{call.batch, call.out};

  run.out.h = at::empty(state, options);
  if (in.c.defined()) run.out.c = at::empty(state, options);
  if (in.options.sequence) {
    const auto shape = in.options.time_first
                           ? std::vector<int64_t>{call.time, call.batch, call.out}
                           : std::vector<int64_t>{call.batch, call.time, call.out};
    run.out.y = call.lengths ? at::zeros(shape, options) : at::empty(shape, options);
  }
  if (keep) run.saved = recycled_memory(kernels::recurrent_saved_size(call, layout), dtype);

  const int64_t slices = slices_of(layout),
                packed_size = padded(kernels::packed_weights_size(call, layout)),
                scratch_size = padded(kernels::forward_scratch_size(call, layout, keep));
  const Tensor memory = recycled_memory(packed_size + slices * scratch_size, dtype);
  T* packed = memory.mutable_data_ptr<T>();
  kernels::PackedWeights<T> weights{};
  for_panels(layout, packed_size, [&](int64_t first, int64_t last) {
    const auto w = kernels::pack_weights(call, layout, packed, first, last);
    if (first == 0) weights = w;
  });

  const Strides y(run.out.y, in.options);
  const kernels::RecurrentOutput<T> out{mutable_data<T>(run.out.y),
                                        y.batch,
                                        y.time,
                                        mutable_data<T>(run.out.h),
                                        mutable_data<T>(run.out.c),
                                        mutable_data<T>(run.saved)};
  on_threads(layout, slices, [&](int64_t i, const RecurrentTeam& team) {
    for (int64_t g = layout.groups * i / slices; g < layout.groups * (i + 1) / slices; ++g)
      kernels::recurrent_forward(call, layout, weights, out, g,
                                 packed + packed_size + i * scratch_size, team);
  });
  return run;
}

template <class T>
SequenceGradients backward(const SequenceInputs& in, const Tensor& saved,
                           const RecurrentLayout& layout, const SequenceOutput& by,
                           const WantedGradients& wanted) {
  const auto call = call_of<T>(in);
  SequenceGradients grads;
  auto& [x, h, c, weight_ih, weight_hh, bias_ih, bias_hh] = grads;
  auto like = [](const Tensor& t) { return at::empty(t.sizes(), t.options()); };
  if (wanted.x) x = call.lengths ? at::zeros(in.x.sizes(), in.x.options()) : like(in.x);
  if (wanted.h) h = like(in.h);
  if (wanted.c) c = like(in.c);
  if (wanted.weights) {
    weight_ih = like(in.w.weight_ih), weight_hh = like(in.w.weight_hh);
    if (in.w.bias_ih.defined()) bias_ih = like(in.w.bias_ih), bias_hh = like(in.w.bias_hh);
  }

  const int64_t slices = slices_of(layout),
                packed_size = padded(kernels::packed_for_backward_size(call, layout, wanted.x)),
                sums_size = wanted.weights ? kernels::accumulators_size(call, layout) : 0,
                scratch_size = padded(kernels::backward_scratch_size(call, layout));
  const Tensor memory =
      recycled_memory(packed_size + padded(slices * sums_size) + slices * scratch_size,
                      in.w.weight_hh.scalar_type());
  T* packed = memory.mutable_data_ptr<T>();
  T* sums = packed + packed_size;
  T* scratch = sums + padded(slices * sums_size);
  kernels::PackedForBackward<T> weights{};
  for_panels(layout, packed_size, [&](int64_t first, int64_t last) {
    const auto w = kernels::pack_for_backward(call, layout, wanted.x, packed, first, last);
    if (first == 0) weights = w;
  });

  const Strides y(by.y, in.options), to_x(x, in.options);
  const kernels::RecurrentGradients<T> gradients{
      data<T>(by.y),      y.batch,    y.time,    data<T>(by.h),      data<T>(by.c),
      mutable_data<T>(x), to_x.batch, to_x.time, mutable_data<T>(h), mutable_data<T>(c),
      wanted.weights};
  on_threads(layout, slices, [&](int64_t i, const RecurrentTeam& team) {
    T* own = sums + i * sums_size;
    if (team.rank == 0) std::fill_n(own, sums_size, T(0));
    team.meet();
    for (int64_t g = layout.groups * i / slices; g < layout.groups * (i + 1) / slices; ++g)
      kernels::recurrent_backward(call, layout, weights, saved.const_data_ptr<T>(), gradients, g,
                                  own, scratch + i * scratch_size, team);
  });
  if (wanted.weights) {
    for_panels(layout, sums_size, [&](int64_t first, int64_t last) {
      kernels::sum_accumulators(call, layout, sums, slices,
                                {mutable_data<T>(weight_ih), mutable_data<T>(weight_hh),
                                 mutable_data<T>(bias_ih), mutable_data<T>(bias_hh)},
                                first, last);
    });
  }
  return grads;
}

bool is_float(const SequenceInputs& in) { return in.w.weight_hh.scalar_type() == kFloat32; }

}  // namespace

SequenceInputs sequence_inputs(kernels::RecurrentCell cell, const Tensor& x, const Tensor& h,
                               const Tensor& c, const CellWeights& w,
                               const SequenceOptions& options) {
  SequenceInputs in{cell,
                    x.is_floating_point() ? with_dense_rows(x) : x,
                    dense(h),
                    dense(c),
                    {dense(w.weight_ih), dense(w.weight_hh), dense(w.bias_ih), dense(w.bias_hh)},
                    options};
  in.options.lengths = dense(options.lengths);
  return in;
}

SequenceRun run_forward(const SequenceInputs& in, bool keep) {
  return is_float(in) ? forward<float>(in, keep) : forward<double>(in, keep);
}

SequenceGradients run_backward(const SequenceInputs& in, const Tensor& saved,
                               const RecurrentLayout& layout, const SequenceOutput& by,
                               const WantedGradients& wanted) {
  const SequenceOutput dense_by{with_dense_rows(by.y), dense(by.h), dense(by.c)};
  return is_float(in) ? backward<float>(in, saved, layout, dense_by, wanted)
                      : backward<double>(in, saved, layout, dense_by, wanted);
}

}  // namespace luxtorch::ops
