#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/recurrent/forward.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/recurrent/forward-inl.h"
#include "kernels/recurrent/tags-inl.h"

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

template <class T>
HWY_INLINE void RunForward(const RecurrentCall<T>& call, const RecurrentLayout& layout,
                           const PackedWeights<T>& weights, const RecurrentOutput<T>& out,
                           int64_t g, T* scratch, const RecurrentTeam& team) {
  WithTag<T>(layout.lanes, [&](auto d) HWY_ATTR {
    ForwardGroup<decltype(d)> group(call, layout, weights, out, g, scratch, team);
    switch (call.cell) {
      case RecurrentCell::lstm:
        return group.template Run<Lstm>();
      case RecurrentCell::gru:
        return group.template Run<Gru>();
      case RecurrentCell::rnn_tanh:
        return group.template Run<Rnn<false>>();
      case RecurrentCell::rnn_relu:
        return group.template Run<Rnn<true>>();
    }
  });
}

void ForwardFloat(const RecurrentCall<float>& call, const RecurrentLayout& layout,
                  const PackedWeights<float>& weights, const RecurrentOutput<float>& out, int64_t g,
                  float* scratch, const RecurrentTeam& team) {
  RunForward(call, layout, weights, out, g, scratch, team);
}
void ForwardDouble(const RecurrentCall<double>& call, const RecurrentLayout& layout,
                   const PackedWeights<double>& weights, const RecurrentOutput<double>& out,
                   int64_t g, double* scratch, const RecurrentTeam& team) {
  RunForward(call, layout, weights, out, g, scratch, team);
}

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace luxtorch::kernels {

HWY_EXPORT(ForwardFloat);
HWY_EXPORT(ForwardDouble);

template <>
void recurrent_forward(const RecurrentCall<float>& call, const RecurrentLayout& layout,
                       const PackedWeights<float>& weights, const RecurrentOutput<float>& out,
                       int64_t g, float* scratch, const RecurrentTeam& team) {
  HWY_DYNAMIC_DISPATCH(ForwardFloat)(call, layout, weights, out, g, scratch, team);
}
template <>
void recurrent_forward(const RecurrentCall<double>& call, const RecurrentLayout& layout,
                       const PackedWeights<double>& weights, const RecurrentOutput<double>& out,
                       int64_t g, double* scratch, const RecurrentTeam& team) {
  HWY_DYNAMIC_DISPATCH(ForwardDouble)(call, layout, weights, out, g, scratch, team);
}

}  // namespace luxtorch::kernels
#endif
