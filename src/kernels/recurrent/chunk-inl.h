// What follows from the gates' gradients of some steps at once: by the weights and by x.
#if defined(LUXTORCH_KERNELS_CHUNK_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LUXTORCH_KERNELS_CHUNK_INL_H
#undef LUXTORCH_KERNELS_CHUNK_INL_H
#else
#define LUXTORCH_KERNELS_CHUNK_INL_H
#endif

#include <algorithm>

#include "kernels/recurrent/group.h"
#include "kernels/recurrent/products-inl.h"
#include "kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class D>
class ChunkProducts {
  using T = hn::TFromD<D>;
  static constexpr D d{};
  static constexpr int64_t kLanes = hn::MaxLanes(D());

 public:
  ChunkProducts(const RecurrentCall<T>& call, const RecurrentLayout& layout, const T* weight_ih,
                const RecurrentGradients<T>& gradients, const RecurrentTeam& team,
                const GroupRows& rows, const SavedGroup<T>& saved, const GateChunk<T>& chunk,
                const Accumulators<T>& accumulators)
      : call_(call),
        layout_(layout),
        weight_ih_(weight_ih),
        gradients_(gradients),
        team_(team),
        rows_(rows),
        saved_(saved),
        chunk_(chunk),
        accumulators_(accumulators) {}

  // By the weights: each thread its panels. By x: each thread its rows.
  HWY_NOINLINE void Run(int64_t begin, int64_t end) const {
    if (gradients_.weights) {
      if (team_.rank == 0) CopyInputs(begin, end);
      team_.meet();
      Segments(begin, end, [&](int64_t s, int64_t rows) HWY_ATTR { Accumulate(s, rows); });
    }
    if (gradients_.x) {
      Segments(begin, end, [&](int64_t s, int64_t rows) HWY_ATTR { ByInput(s, rows); });
    }
  }

 private:
  HWY_NOINLINE void CopyInputs(int64_t begin, int64_t end) const {
    for (int64_t s = begin; s < end; ++s) {
      const int64_t row = chunk_.slot(s) * layout_.rows, active = rows_.active(s);
      auto from = [&](int64_t r) {
        const int64_t t = call_.reverse ? rows_.length[r] - 1 - s : s;
        return rows_.batch[r] * call_.x_batch + t * call_.x_time;
      };
      if (call_.tokens) {
        int64_t* to = chunk_.tokens + row;
        for (int64_t r = 0; r < active; ++r) to[r] = call_.tokens[from(r)];
        continue;
      }
      const int64_t in = call_.in, stride = chunk_.x_stride;
      T* to = chunk_.x + row * stride;
      if (in > kLanes) {
        for (int64_t r = 0; r < active; ++r, to += stride) std::copy_n(call_.x + from(r), in, to);
        continue;
      }
      // Shorter than the call of a function that copies memory.
      for (int64_t r = 0; r < active; ++r, to += stride) {
        const T* x = call_.x + from(r);
        HWY_UNROLL(1)
        for (int64_t i = 0; i < in; ++i) to[i] = x[i];
      }
    }
  }

  // Calls f(s, n) for runs of n rows that lie one after the other, from the first row of step s on.
  template <class F>
  void Segments(int64_t begin, int64_t end, const F& f) const {
    for (int64_t s = begin; s < end;) {
      int64_t rows = rows_.active(s), next = s + 1;
      while (next < end && rows_.active(next) == layout_.rows && chunk_.slot(next) != 0 &&
             rows == (next - s) * layout_.rows) {
        rows += layout_.rows, ++next;
      }
      f(s, rows);
      s = next;
    }
  }

  void Accumulate(int64_t s, int64_t rows) const {
    const int64_t row = chunk_.slot(s) * layout_.rows;
    const T* h = saved_.h + s * layout_.rows * layout_.h_stride;
    for (int64_t p = layout_.panels * team_.rank / team_.size,
                 last = layout_.panels * (team_.rank + 1) / team_.size;
         p < last; ++p) {
      const T* gates = chunk_.gates(p, 0) + row * layout_.width;
      const T* hidden = chunk_.hidden_gates(p, 0) + row * layout_.width;
      ForVectors(layout_.width / kLanes, [&](auto vectors) HWY_ATTR {
        constexpr int kGates = decltype(vectors)::value;
        AddProduct<kGates>(d, h, layout_.h_stride, hidden, rows, call_.out, accumulators_.hh(p));
        AddSum<kGates>(d, gates, rows, accumulators_.bias(p));
        if (call_.cell == RecurrentCell::gru)
          AddSum<kGates>(d, hidden, rows, accumulators_.bias_hh(p));
        if (call_.tokens) {
          AddRows<kGates>(d, chunk_.tokens + row, gates, rows, accumulators_.ih(p));
        } else {
          AddProduct<kGates>(d, chunk_.x + row * chunk_.x_stride, chunk_.x_stride, gates, rows,
                             call_.in, accumulators_.ih(p));
        }
      });
    }
  }

  void ByInput(int64_t s, int64_t rows) const {
    T* to[kChunkRows];
    for (int64_t i = 0; i < rows; ++i) {
      const int64_t r = i % layout_.rows, step = s + i / layout_.rows;
      const int64_t t = call_.reverse ? rows_.length[r] - 1 - step : step;
      to[i] = gradients_.x + rows_.batch[r] * gradients_.x_batch + t * gradients_.x_time;
    }
    const int64_t first = rows * team_.rank / team_.size,
                  count = rows * (team_.rank + 1) / team_.size - first,
                  vectors = InputVectors(call_.in, kLanes);
    RowsOfProduct<T> product{
        .block = chunk_.gates(0, 0) + (chunk_.slot(s) * layout_.rows + first) * layout_.width,
        .part = chunk_.gates(1, 0) - chunk_.gates(0, 0),
        .parts = layout_.panels,
        .n = layout_.width,
        .weight = weight_ih_,
        .to = to + first};
    for (int64_t i = 0; i < call_.in; i += vectors * kLanes) {
      product.column = i, product.columns = call_.in - i;
      if (vectors == 1)
        MultiplyInto<1>(d, product, count);
      else
        MultiplyInto<4>(d, product, count);
      product.weight += layout_.panels * layout_.width * vectors * kLanes;
    }
  }

  const RecurrentCall<T>& call_;
  const RecurrentLayout& layout_;
  const T* const weight_ih_;
  const RecurrentGradients<T>& gradients_;
  const RecurrentTeam& team_;
  const GroupRows& rows_;
  const SavedGroup<T>& saved_;
  const GateChunk<T>& chunk_;
  const Accumulators<T>& accumulators_;
};

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
