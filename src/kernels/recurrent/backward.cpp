#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/recurrent/backward.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/recurrent/backward-inl.h"
#include "kernels/recurrent/tags-inl.h"

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

template <class T>
HWY_INLINE void RunBackward(const RecurrentCall<T>& call, const RecurrentLayout& layout,
                            const PackedForBackward<T>& weights, const T* saved,
                            const RecurrentGradients<T>& gradients, int64_t g, T* accumulators,
                            T* scratch, const RecurrentTeam& team) {
  WithTag<T>(layout.lanes, [&](auto d) HWY_ATTR {
    BackwardGroup<decltype(d)> group(call, layout, weights, saved, gradients, g, accumulators,
                                     scratch, team);
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

void BackwardFloat(const RecurrentCall<float>& call, const RecurrentLayout& layout,
                   const PackedForBackward<float>& weights, const float* saved,
                   const RecurrentGradients<float>& gradients, int64_t g, float* accumulators,
                   float* scratch, const RecurrentTeam& team) {
  RunBackward(call, layout, weights, saved, gradients, g, accumulators, scratch, team);
}
void BackwardDouble(const RecurrentCall<double>& call, const RecurrentLayout& layout,
                    const PackedForBackward<double>& weights, const double* saved,
                    const RecurrentGradients<double>& gradients, int64_t g, double* accumulators,
                    double* scratch, const RecurrentTeam& team) {
  RunBackward(call, layout, weights, saved, gradients, g, accumulators, scratch, team);
}

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace luxtorch::kernels {

HWY_EXPORT(BackwardFloat);
HWY_EXPORT(BackwardDouble);

template <>
void recurrent_backward(const RecurrentCall<float>& call, const RecurrentLayout& layout,
                        const PackedForBackward<float>& weights, const float* saved,
                        const RecurrentGradients<float>& gradients, int64_t g, float* accumulators,
                        float* scratch, const RecurrentTeam& team) {
  HWY_DYNAMIC_DISPATCH(BackwardFloat)
  (call, layout, weights, saved, gradients, g, accumulators, scratch, team);
}
template <>
void recurrent_backward(const RecurrentCall<double>& call, const RecurrentLayout& layout,
                        const PackedForBackward<double>& weights, const double* saved,
                        const RecurrentGradients<double>& gradients, int64_t g,
                        double* accumulators, double* scratch, const RecurrentTeam& team) {
  HWY_DYNAMIC_DISPATCH(BackwardDouble)
  (call, layout, weights, saved, gradients, g, accumulators, scratch, team);
}

}  // namespace luxtorch::kernels
#endif
