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
    auto run = [&]<class Cell, int kVectors>() HWY_ATTR {
      BackwardGroup<Cell, decltype(d), kVectors>(call, layout, weights, saved, gradients, g,
                                                 accumulators, scratch, team)
          .Run();
    };
    auto run_gated = [&]<class Cell>() HWY_ATTR {
      return HiddenVectors(layout) == 1 ? run.template operator()<Cell, 1>()
                                        : run.template operator()<Cell, 4>();
    };
    switch (call.cell) {
      case RecurrentCell::lstm:
        return run_gated.template operator()<Lstm>();
      case RecurrentCell::gru:
        return run_gated.template operator()<Gru>();
      case RecurrentCell::rnn_tanh:
        return layout.units == 1 ? run.template operator()<Rnn<1, false>, 1>()
                                 : run.template operator()<Rnn<4, false>, 4>();
      case RecurrentCell::rnn_relu:
        return layout.units == 1 ? run.template operator()<Rnn<1, true>, 1>()
                                 : run.template operator()<Rnn<4, true>, 4>();
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
