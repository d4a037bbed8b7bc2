#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/recurrent/layout.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/recurrent/group.h"
#include "kernels/recurrent/tags-inl.h"

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

int64_t LanesOfFloat(int64_t out) { return LanesFor<float>(out); }
int64_t LanesOfDouble(int64_t out) { return LanesFor<double>(out); }
const char* TargetName() { return hwy::TargetName(HWY_TARGET); }

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <numeric>

namespace luxtorch::kernels {

HWY_EXPORT(LanesOfFloat);
HWY_EXPORT(LanesOfDouble);
HWY_EXPORT(TargetName);

const char* vector_target() { return HWY_DYNAMIC_DISPATCH(TargetName)(); }

std::vector<VectorTarget> vector_targets() {
  if constexpr (HWY_TARGETS == HWY_STATIC_TARGET) {  // there is nothing to ask the processor
    return {{hwy::TargetName(HWY_STATIC_TARGET), true}};
  } else {
    std::vector<VectorTarget> all;
    // A better target is a lower bit.
    for (int64_t left = HWY_TARGETS; left != 0; left &= left - 1) {
      const int64_t target = left & -left;
      all.push_back({hwy::TargetName(target), (hwy::SupportedTargets() & target) != 0});
    }
    return all;
  }
}

namespace {

int64_t lanes(float, int64_t out) { return HWY_DYNAMIC_DISPATCH(LanesOfFloat)(out); }
int64_t lanes(double, int64_t out) { return HWY_DYNAMIC_DISPATCH(LanesOfDouble)(out); }

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

template <class T>
RecurrentLayout recurrent_layout(const RecurrentCall<T>& call, int64_t threads) {
  // Less than this, in multiplications, is done sooner than a second thread has woken up. A gate's
  // function takes as long as about twenty.
  constexpr int64_t kWorthAThread = 50'000, kFunction = 20;
  // Weights that a step reads from far away, so that sharing them pays for a barrier per step.
  constexpr int64_t kWorthABarrier = 256 << 10;

  RecurrentLayout l{};
  const int64_t gates = gates_of(call.cell);
  const bool rnn = gates == 1;
  l.lanes = lanes(T(), call.out);
  l.units = rnn && call.out > l.lanes ? 4 : 1;
  l.panels = ceil_div(call.out, l.units * l.lanes);
  l.width = gates * l.units * l.lanes;
  l.padded = l.panels * l.units * l.lanes;
  l.h_stride = InputStride<T>(l.padded);
  l.saved_gates = rnn ? 0 : 4;
  l.memory = has_memory(call.cell);

  const int64_t step = gates * call.out * (call.in + call.out + kFunction);
  threads = std::clamp<int64_t>(call.batch * call.time * step / kWorthAThread, 1, threads);
  const int64_t weights = l.panels * l.width * call.out * static_cast<int64_t>(sizeof(T));
  l.team = 1;
  if (call.batch < 4 * threads && weights >= kWorthABarrier) l.team = threads, threads = 1;
  l.rows = std::max<int64_t>(
      1, ceil_div(call.batch,
                  threads * ceil_div(std::max<int64_t>(call.batch, 1), threads * kMostRows)));
  l.groups = ceil_div(call.batch, l.rows);
  l.slices = std::max<int64_t>(1, std::min(threads, l.groups));
  if (call.lengths) {
    l.order.resize(call.batch);
    std::iota(l.order.begin(), l.order.end(), 0);
    std::stable_sort(l.order.begin(), l.order.end(),
                     [&](int64_t a, int64_t b) { return call.lengths[a] > call.lengths[b]; });
  }
  return l;
}

template <class T>
int64_t recurrent_saved_size(const RecurrentCall<T>& call, const RecurrentLayout& layout) {
  return layout.groups * SavedGroup<T>::size(layout, call.time);
}

template <class T>
int64_t forward_scratch_size(const RecurrentCall<T>& call, const RecurrentLayout& layout,
                             bool saves) {
  const int64_t states = saves ? 0 : SavedGroup<T>::size(layout, 1);
  return states + (Hoists(call, layout) ? layout.panels * layout.width * kChunkRows : 0);
}

template <class T>
int64_t accumulators_size(const RecurrentCall<T>& call, const RecurrentLayout& layout) {
  return layout.panels * Accumulators<T>::panel(call.in, call.out, layout);
}

template <class T>
int64_t backward_scratch_size(const RecurrentCall<T>& call, const RecurrentLayout& layout) {
  return GateChunk<T>::size(layout, call.in, call.cell == RecurrentCell::gru);
}

#define LUXTORCH_INSTANTIATE(T)                                                                 \
  template RecurrentLayout recurrent_layout(const RecurrentCall<T>&, int64_t);                  \
  template int64_t recurrent_saved_size(const RecurrentCall<T>&, const RecurrentLayout&);       \
  template int64_t forward_scratch_size(const RecurrentCall<T>&, const RecurrentLayout&, bool); \
  template int64_t accumulators_size(const RecurrentCall<T>&, const RecurrentLayout&);          \
  template int64_t backward_scratch_size(const RecurrentCall<T>&, const RecurrentLayout&);
LUXTORCH_INSTANTIATE(float)
LUXTORCH_INSTANTIATE(double)
#undef LUXTORCH_INSTANTIATE

}  // namespace luxtorch::kernels
#endif
