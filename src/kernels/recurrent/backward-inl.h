// One group of rows back through all its steps, some steps at a time: first the gates' gradients of
// these steps, then what follows from all of them at once, by x and by the weights.
#if defined(LUXTORCH_KERNELS_BACKWARD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LUXTORCH_KERNELS_BACKWARD_INL_H
#undef LUXTORCH_KERNELS_BACKWARD_INL_H
#else
#define LUXTORCH_KERNELS_BACKWARD_INL_H
#endif

#include <algorithm>

#include "kernels/recurrent/cells-inl.h"
#include "kernels/recurrent/chunk-inl.h"
#include "kernels/recurrent/group.h"
#include "kernels/recurrent/products-inl.h"
#include "kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class D>
class BackwardGroup {
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;
  static constexpr D d{};
  static constexpr int64_t kLanes = hn::MaxLanes(D());

 public:
  BackwardGroup(const RecurrentCall<T>& call, const RecurrentLayout& layout,
                const PackedForBackward<T>& weights, const T* saved,
                const RecurrentGradients<T>& gradients, int64_t g, T* accumulators, T* scratch,
                const RecurrentTeam& team)
      : call_(call),
        layout_(layout),
        weights_(weights),
        gradients_(gradients),
        team_(team),
        rows_(call, layout, g),
        saved_(layout, const_cast<T*>(saved), g, call.time),
        chunk_(layout, call.in, scratch, call.cell == RecurrentCell::gru),
        accumulators_(call.in, call.out, layout, accumulators),
        products_(call, layout, weights.ih, gradients, team, rows_, saved_, chunk_, accumulators_),
        vectors_(HiddenVectors(layout)),
        columns_(vectors_ * kLanes),
        tiles_((layout.padded + columns_ - 1) / columns_),
        first_(tiles_ * team.rank / team.size),
        last_(tiles_ * (team.rank + 1) / team.size) {}

  template <class Cell>
  void Run() {
    Begin();
    team_.meet();
    const int64_t steps = rows_.steps();
    for (int64_t end = steps; end > 0;) {
      const int64_t begin = std::max<int64_t>(0, end - chunk_.steps());
      for (int64_t s = end - 1; s >= begin; --s) {
        Step(s, s + 1 < steps, [&](const Strip& strip) HWY_ATTR { Units<Cell>(strip); });
        team_.meet();
      }
      products_.Run(begin, end);
      end = begin;
      team_.meet();
    }
    if (gradients_.h || gradients_.c)
      Step(-1, steps > 0, [&](const Strip& strip) HWY_ATTR { ToStart(strip); });
  }

 private:
  // The gradient by h of some rows, and by the units of a tile.
  struct Strip {
    int64_t step, tile, row, rows;
    const T* by_h;
    int64_t stride;
  };

  HWY_NOINLINE void Begin() {
    if (team_.rank != 0) return;
    rows_.gather(gradients_.h_out, call_.out, chunk_.by_h, layout_.padded, layout_.padded);
    if (layout_.memory)
      rows_.gather(gradients_.c_out, call_.out, chunk_.by_c, layout_.padded, layout_.padded);
  }

  // Rows whose last step was s have no gates after it.
  HWY_NOINLINE void ClearGatesAfter(int64_t s) {
    if (rows_.all_full) return;
    const int64_t from = rows_.active(s + 1), to = s < 0 ? rows_.count : rows_.active(s);
    const int64_t panel = layout_.units * kLanes, width = layout_.width;
    const int64_t first = first_ * columns_ / panel,
                  last = std::min(layout_.panels, last_ * columns_ / panel);
    if (from == to) return;
    for (int64_t p = first; p < last; ++p)
      std::fill_n(chunk_.hidden_gates(p, chunk_.slot(s + 1)) + from * width, (to - from) * width,
                  T(0));
  }

  // Step s, or -1: what is before the first. use(strip) for all of its rows and units.
  template <class F>
  HWY_INLINE void Step(int64_t s, bool more, const F& use) {
    if (!rows_.all_full && more) {
      ClearGatesAfter(s);
      team_.meet();
    }
    const int64_t rows = s < 0 ? rows_.count : rows_.active(s);
    for (int64_t tile = first_; tile < last_; ++tile) {
      const T* by_h = chunk_.by_h + tile * columns_;
      for (int64_t row = 0; row < rows; row += kStrip) {
        Strip strip{s,
                    tile,
                    row,
                    std::min(kStrip, rows - row),
                    by_h + row * layout_.padded,
                    layout_.padded};
        HWY_ALIGN T sums[kStrip * kMostVectors * kLanes];
        if (more) {
          ByHidden(strip, sums);
          strip.by_h = sums, strip.stride = columns_;
        }
        use(strip);
      }
    }
  }

  // What comes from the step after, by its gates.
  HWY_INLINE void ByHidden(const Strip& strip, T* to) const {
    const RowsOfProduct<T> product{
        .start = strip.by_h,
        .start_stride = strip.stride,
        .block = chunk_.hidden_gates(0, chunk_.slot(strip.step + 1)) + strip.row * layout_.width,
        .part = chunk_.hidden_gates(1, 0) - chunk_.hidden_gates(0, 0),
        .parts = layout_.panels,
        .n = layout_.width,
        .weight = weights_.hh + strip.tile * layout_.panels * layout_.width * columns_,
        .dense = to,
        .columns = layout_.padded - strip.tile * columns_};
    if (vectors_ == 1)
      MultiplyInto<1>(d, product, strip.rows);
    else
      MultiplyInto<4>(d, product, strip.rows);
  }

  template <class Cell>
  HWY_INLINE void Units(const Strip& strip) const {
    for (int64_t v = 0; v < vectors_; ++v) {
      const int64_t unit = strip.tile * columns_ + v * kLanes, left = call_.out - unit;
      if (unit >= layout_.padded) return;
      if (HWY_LIKELY(left >= kLanes)) {
        Rows<Cell>(strip, v, [](V x) HWY_ATTR { return x; });
      } else {
        // Beyond the last unit x may have left infinities times zero.
        const auto mask = hn::FirstN(d, std::max<int64_t>(left, 0));
        Rows<Cell>(strip, v, [mask](V x) HWY_ATTR { return hn::IfThenElseZero(mask, x); });
      }
    }
  }

  // The cell's derivatives in vector v of the tile's units.
  template <class Cell, class M>
  HWY_INLINE void Rows(const Strip& strip, int64_t v, const M& valid) const {
    const int64_t s = strip.step, unit = strip.tile * columns_ + v * kLanes,
                  left = call_.out - unit, slot = chunk_.slot(s);
    const int64_t u = unit / kLanes % layout_.units, p = unit / kLanes / layout_.units;
    const int64_t h_step = layout_.rows * layout_.h_stride, c_step = layout_.rows * layout_.padded,
                  h_at = strip.row * layout_.h_stride + unit,
                  c_at = strip.row * layout_.padded + unit,
                  saved_stride = layout_.saved_gates * kLanes,
                  gate = strip.row * layout_.width + u * Cell::kGates * kLanes;
    const T *h = saved_.h + s * h_step + h_at, *c = saved_.c + s * c_step + c_at;
    HWY_ALIGN T tanh_c[kStrip * kLanes];
    if constexpr (Cell::kMemory) TanhOf(c + c_step, strip.rows, tanh_c);
    BackwardUnit<T> at{
        h,
        h + h_step,
        c,
        c + c_step,
        saved_.gates + ((s * layout_.panels + p) * layout_.rows + strip.row) * saved_stride,
        tanh_c,
        chunk_.by_c + c_at,
        chunk_.by_h + c_at,
        chunk_.gates(p, slot) + gate,
        chunk_.hidden_gates(p, slot) + gate};
    const T* from = strip.by_h + v * kLanes;
    HWY_UNROLL(1)
    for (int64_t i = strip.row; i < strip.row + strip.rows; ++i, from += strip.stride) {
      V by_h = hn::LoadU(d, from);
      if (gradients_.y) {
        const int64_t t = call_.reverse ? rows_.length[i] - 1 - s : s;
        const T* by_y =
            gradients_.y + rows_.batch[i] * gradients_.y_batch + t * gradients_.y_time + unit;
        by_h = hn::Add(by_h, LoadFirst(d, by_y, left));
      }
      Cell::Backward(d, by_h, valid, at);
      at.h_in += layout_.h_stride, at.h_out += layout_.h_stride;
      at.c_in += layout_.padded, at.c_out += layout_.padded;
      at.saved += saved_stride, at.tanh_c += kLanes;
      at.by_c += layout_.padded, at.by_h += layout_.padded;
      at.by_gates += layout_.width, at.by_hidden_gates += layout_.width;
    }
  }

  // Of one vector of c of each row.
  HWY_INLINE void TanhOf(const T* c, int64_t rows, T* to) const {
    constexpr int64_t kTogether = RowsOfVector<D>();
    const Whole<T> wide;
    int64_t r = 0;
    HWY_UNROLL(1)
    for (; r + kTogether <= rows; r += kTogether)
      hn::StoreU(Tanh(wide, hn::LoadU(wide, c + r * layout_.padded)), wide, to + r * kLanes);
    if (r < rows) hn::StoreU(Tanh(d, hn::LoadU(d, c + r * layout_.padded)), d, to + r * kLanes);
  }

  // By the states that the sequence started from.
  HWY_NOINLINE void ToStart(const Strip& strip) const {
    const int64_t unit = strip.tile * columns_, count = std::min(columns_, call_.out - unit);
    for (int64_t r = 0; r < strip.rows && count > 0; ++r) {
      const int64_t row = strip.row + r, to = rows_.batch[row] * call_.out + unit;
      if (gradients_.h) std::copy_n(strip.by_h + r * strip.stride, count, gradients_.h + to);
      if (layout_.memory && gradients_.c)
        std::copy_n(chunk_.by_c + row * layout_.padded + unit, count, gradients_.c + to);
    }
  }

  const RecurrentCall<T>& call_;
  const RecurrentLayout& layout_;
  const PackedForBackward<T>& weights_;
  const RecurrentGradients<T>& gradients_;
  const RecurrentTeam& team_;
  const GroupRows rows_;
  const SavedGroup<T> saved_;
  const GateChunk<T> chunk_;
  const Accumulators<T> accumulators_;
  const ChunkProducts<D> products_;
  const int64_t vectors_, columns_;  // of hidden units in a tile of the product with W_hh
  const int64_t tiles_, first_, last_;
};

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
