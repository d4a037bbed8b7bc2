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
#include "kernels/recurrent/group.h"
#include "kernels/recurrent/products-inl.h"
#include "kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// kVectors: of hidden units in a tile of the product with W_hh.
template <class Cell, class D, int kVectors>
class BackwardGroup {
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;
  static constexpr D d{};
  static constexpr int64_t kLanes = hn::MaxLanes(D());
  static constexpr int64_t kWidth = Cell::kGates * Cell::kUnits * kLanes;
  static constexpr int64_t kColumns = kVectors * kLanes;

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
        chunk_(layout, call.in, scratch, Cell::kMemory, Cell::kTwoSums),
        accumulators_(call.in, call.out, layout, accumulators),
        tiles_((layout.padded + kColumns - 1) / kColumns),
        first_(tiles_ * team.rank / team.size),
        last_(tiles_ * (team.rank + 1) / team.size) {}

  void Run() {
    Begin();
    team_.meet();
    const int64_t steps = rows_.steps();
    for (int64_t end = steps; end > 0;) {
      const int64_t begin = std::max<int64_t>(0, end - chunk_.steps());
      for (int64_t s = end - 1; s >= begin; --s) {
        Step(s, s + 1 < steps);
        team_.meet();
      }
      FromChunk(begin, end);
      end = begin;
      team_.meet();
    }
    if (gradients_.h || gradients_.c) Step(-1, steps > 0);
  }

 private:
  void Begin() {
    if (team_.rank != 0) return;
    rows_.gather(gradients_.h_out, call_.out, chunk_.by_h, layout_.padded, layout_.padded);
    if constexpr (Cell::kMemory)
      rows_.gather(gradients_.c_out, call_.out, chunk_.by_c, layout_.padded, layout_.padded);
  }

  // Rows whose last step was s have no gates after it.
  void ClearGatesAfter(int64_t s) {
    if (rows_.all_full) return;
    const int64_t from = rows_.active(s + 1), to = s < 0 ? rows_.count : rows_.active(s);
    const int64_t first = first_ * kColumns / (Cell::kUnits * kLanes),
                  last = std::min(layout_.panels, last_ * kColumns / (Cell::kUnits * kLanes));
    if (from == to) return;
    for (int64_t p = first; p < last; ++p)
      std::fill_n(chunk_.hidden_gates(p, chunk_.slot(s + 1)) + from * kWidth, (to - from) * kWidth,
                  T(0));
  }

  // The gradient by h before step s + 1, of rows row to row + R - 1 and the units of a tile.
  template <int R>
  HWY_INLINE void ByHidden(int64_t s, bool more, int64_t tile, int64_t row,
                           Sums<D, R, kVectors>& sums) const {
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v) {
        const int64_t unit = tile * kColumns + v * kLanes;
        sums.at[r][v] = unit < layout_.padded
                            ? hn::LoadU(d, chunk_.by_h + (row + r) * layout_.padded + unit)
                            : hn::Zero(d);
      }
    }
    if (!more) return;
    const int64_t slot = chunk_.slot(s + 1);
    const T* weight = weights_.hh + tile * layout_.panels * kWidth * kColumns;
    for (int64_t p = 0; p < layout_.panels; ++p, weight += kWidth * kColumns) {
      const T* gates = chunk_.hidden_gates(p, slot) + row * kWidth;
      const T* rows[R];
      HWY_UNROLL(8)
      for (int r = 0; r < R; ++r) rows[r] = gates + r * kWidth;
      MultiplyRows(d, rows, weight, kColumns, kWidth, sums);
    }
  }

  // Step s, or -1: what is before the first.
  void Step(int64_t s, bool more) {
    if (!rows_.all_full && more) {
      ClearGatesAfter(s);
      team_.meet();
    }
    const int64_t rows = s < 0 ? rows_.count : rows_.active(s);
    for (int64_t tile = first_; tile < last_; ++tile) {
      ForBlocks<RowsOfTile(kVectors)>(rows, [&](auto block, int64_t row) HWY_ATTR {
        Tile<decltype(block)::value>(s, more, tile, row);
      });
    }
  }

  template <int R>
  HWY_INLINE void Tile(int64_t s, bool more, int64_t tile, int64_t row) const {
    Sums<D, R, kVectors> sums;
    ByHidden(s, more, tile, row, sums);
    if (HWY_UNLIKELY(s < 0)) {
      HWY_UNROLL(8)
      for (int r = 0; r < R; ++r) {
        HWY_UNROLL(8)
        for (int v = 0; v < kVectors; ++v)
          ToStart(row + r, tile * kColumns + v * kLanes, sums.at[r][v]);
      }
      return;
    }
    const int64_t slot = chunk_.slot(s);
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      const T* by_y = nullptr;
      if (gradients_.y) {
        const int64_t i = row + r, t = call_.reverse ? rows_.length[i] - 1 - s : s;
        by_y = gradients_.y + rows_.batch[i] * gradients_.y_batch + t * gradients_.y_time;
      }
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v) {
        const int64_t unit = tile * kColumns + v * kLanes, left = call_.out - unit;
        if (unit >= layout_.padded) continue;
        V by_h = sums.at[r][v];
        if (by_y) by_h = hn::Add(by_h, LoadFirst(d, by_y + unit, left));
        const int64_t p = unit / (Cell::kUnits * kLanes), u = unit / kLanes % Cell::kUnits;
        const auto at = Unit(s, slot, row + r, p, u);
        if (HWY_LIKELY(left >= kLanes)) {
          Cell::Backward(d, by_h, [](V x) HWY_ATTR { return x; }, at);
        } else {
          // Beyond the last unit x may have left infinities times zero.
          const auto mask = hn::FirstN(d, std::max<int64_t>(left, 0));
          Cell::Backward(d, by_h, [mask](V x) HWY_ATTR { return hn::IfThenElseZero(mask, x); }, at);
        }
      }
    }
  }

  HWY_INLINE BackwardUnit<T> Unit(int64_t s, int64_t slot, int64_t row, int64_t p,
                                  int64_t u) const {
    const int64_t unit = (p * Cell::kUnits + u) * kLanes;
    const int64_t h_step = layout_.rows * layout_.h_stride, c_step = layout_.rows * layout_.padded;
    const T* h = saved_.h + s * h_step + row * layout_.h_stride + unit;
    const T* c = Cell::kMemory ? saved_.c + s * c_step + row * layout_.padded + unit : nullptr;
    constexpr int64_t kSaved = Cell::kSaved * Cell::kUnits * kLanes;
    const int64_t gate = row * kWidth + u * Cell::kGates * kLanes;
    return {h,
            h + h_step,
            c,
            Cell::kMemory ? c + c_step : nullptr,
            saved_.gates + ((s * layout_.panels + p) * layout_.rows + row) * kSaved,
            Cell::kMemory ? chunk_.by_c + row * layout_.padded + unit : nullptr,
            chunk_.by_h + row * layout_.padded + unit,
            chunk_.gates(p, slot) + gate,
            chunk_.hidden_gates(p, slot) + gate};
  }

  // By the weights: each thread its panels. By x: each thread its rows.
  void FromChunk(int64_t begin, int64_t end) {
    if (gradients_.weights) {
      if (team_.rank == 0) CopyInputs(begin, end);
      team_.meet();
      Segments(begin, end, [&](int64_t s, int64_t rows) HWY_ATTR { Accumulate(s, rows); });
    }
    if (gradients_.x) {
      Segments(begin, end, [&](int64_t s, int64_t rows) HWY_ATTR { ByInput(s, rows); });
    }
  }

  void CopyInputs(int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      for (int64_t r = 0, active = rows_.active(s); r < active; ++r) {
        const int64_t t = call_.reverse ? rows_.length[r] - 1 - s : s;
        const int64_t from = rows_.batch[r] * call_.x_batch + t * call_.x_time,
                      to = chunk_.slot(s) * layout_.rows + r;
        if (call_.tokens) {
          chunk_.tokens[to] = call_.tokens[from];
        } else if (call_.in > kLanes) {
          std::copy_n(call_.x + from, call_.in, chunk_.x + to * chunk_.x_stride);
        } else {
          // Shorter than the call of a function that copies memory.
          HWY_UNROLL(1)
          for (int64_t i = 0; i < call_.in; ++i)
            chunk_.x[to * chunk_.x_stride + i] = call_.x[from + i];
        }
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

  void Accumulate(int64_t s, int64_t rows) {
    const int64_t row = chunk_.slot(s) * layout_.rows;
    const T* h = saved_.h + s * layout_.rows * layout_.h_stride;
    for (int64_t p = layout_.panels * team_.rank / team_.size,
                 last = layout_.panels * (team_.rank + 1) / team_.size;
         p < last; ++p) {
      const T* gates = chunk_.gates(p, 0) + row * kWidth;
      const T* hidden = chunk_.hidden_gates(p, 0) + row * kWidth;
      constexpr int kGates = Cell::kGates * Cell::kUnits;
      AddProduct<kGates>(d, h, layout_.h_stride, hidden, rows, call_.out, accumulators_.hh(p));
      AddSum<kGates>(d, gates, rows, accumulators_.bias(p));
      if constexpr (Cell::kTwoSums) AddSum<kGates>(d, hidden, rows, accumulators_.bias_hh(p));
      if (call_.tokens) {
        AddRows<kGates>(d, chunk_.tokens + row, gates, rows, accumulators_.ih(p));
      } else {
        AddProduct<kGates>(d, chunk_.x + row * chunk_.x_stride, chunk_.x_stride, gates, rows,
                           call_.in, accumulators_.ih(p));
      }
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
        .block = chunk_.gates(0, 0) + (chunk_.slot(s) * layout_.rows + first) * kWidth,
        .part = chunk_.gates(1, 0) - chunk_.gates(0, 0),
        .parts = layout_.panels,
        .n = kWidth,
        .weight = weights_.ih,
        .to = to + first};
    for (int64_t i = 0; i < call_.in; i += vectors * kLanes) {
      product.column = i, product.columns = call_.in - i;
      if (vectors == 1)
        MultiplyInto<1>(d, product, count);
      else
        MultiplyInto<4>(d, product, count);
      product.weight += layout_.panels * kWidth * vectors * kLanes;
    }
  }

  // By the states that the sequence started from.
  HWY_NOINLINE void ToStart(int64_t row, int64_t unit, V by_h) const {
    const int64_t left = call_.out - unit, to = rows_.batch[row] * call_.out + unit;
    if (left <= 0) return;
    if (gradients_.h) StoreFirst(d, by_h, gradients_.h + to, left);
    if (!Cell::kMemory || !gradients_.c) return;
    const T* by_c = chunk_.by_c + row * layout_.padded + unit;
    StoreFirst(d, hn::LoadU(d, by_c), gradients_.c + to, left);
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
  const int64_t tiles_, first_, last_;
};

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
