// One group of rows through all its steps.
#if defined(LUXTORCH_KERNELS_FORWARD_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LUXTORCH_KERNELS_FORWARD_INL_H
#undef LUXTORCH_KERNELS_FORWARD_INL_H
#else
#define LUXTORCH_KERNELS_FORWARD_INL_H
#endif

#include <algorithm>

#include "kernels/recurrent/cells-inl.h"
#include "kernels/recurrent/group.h"
#include "kernels/recurrent/products-inl.h"
#include "kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace luxtorch::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class Cell, class D>
class ForwardGroup {
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;
  static constexpr D d{};
  static constexpr int64_t kLanes = hn::MaxLanes(D());
  static constexpr int kVectors = Cell::kGates * Cell::kUnits;
  static constexpr int kRows = RowsOfTile(kVectors + Cell::kTwoSums);
  static constexpr int64_t kWidth = kVectors * kLanes;
  static constexpr int64_t kBias = kWidth + (Cell::kTwoSums ? kLanes : 0);

 public:
  ForwardGroup(const RecurrentCall<T>& call, const RecurrentLayout& layout,
               const PackedWeights<T>& weights, const RecurrentOutput<T>& out, int64_t g,
               T* scratch, const RecurrentTeam& team)
      : call_(call),
        layout_(layout),
        weights_(weights),
        out_(out),
        team_(team),
        rows_(call, layout, g),
        saves_(out.saved != nullptr),
        hoists_(Hoists(call, layout)),
        first_(layout.panels * team.rank / team.size),
        last_(layout.panels * (team.rank + 1) / team.size) {
    const SavedGroup<T> saved(layout, saves_ ? out.saved : scratch, saves_ ? g : 0,
                              saves_ ? call.time : 1);
    h_ = saved.h, c_ = saved.c, gates_ = saves_ ? saved.gates : nullptr;
    z_ = saves_ ? scratch : saved.gates;
    const int64_t direction = call.reverse ? -1 : 1;
    x_step_ = direction * call.x_time, y_step_ = direction * out.y_time;
    for (int64_t r = 0; r < rows_.count; ++r) {
      const int64_t b = rows_.batch[r];
      const int64_t t = call.reverse ? std::max<int64_t>(rows_.length[r] - 1, 0) : 0;
      if (call.tokens)
        token_[r] = call.tokens + b * call.x_batch + t * call.x_time;
      else
        x_[r] = call.x + b * call.x_batch + t * call.x_time;
      y_[r] = out.y ? out.y + b * out.y_batch + t * out.y_time : nullptr;
    }
  }

  void Run() {
    Begin();
    team_.meet();
    const int64_t steps = rows_.steps();
    int64_t chunk_end = 0;
    for (int64_t s = 0; s < steps; ++s) {
      const int64_t active = rows_.active(s);
      if (hoists_ && s == chunk_end) {
        chunk_end = std::min(steps, s + ChunkSteps(layout_.rows));
        InputProducts(s, chunk_end);
      }
      for (int64_t p = first_; p < last_; ++p) {
        ForBlocks<kRows>(active, [&](auto rows, int64_t row)
                                     HWY_ATTR { Tile<decltype(rows)::value>(s, p, row); });
      }
      Advance(active);
      z_first_ += active;
      team_.meet();
    }
    if (team_.rank == 0) End();
  }

 private:
  T* h(int64_t s) const { return h_ + (saves_ ? s : s & 1) * layout_.rows * layout_.h_stride; }
  T* c(int64_t s) const { return c_ + (saves_ ? s : 0) * layout_.rows * layout_.padded; }

  void Begin() {
    if (team_.rank != 0) return;
    rows_.gather(call_.h, call_.out, h(0), layout_.h_stride, layout_.padded);
    if constexpr (Cell::kMemory)
      rows_.gather(call_.c, call_.out, c(0), layout_.padded, layout_.padded);
  }

  void End() const {
    auto copy = [&](auto state, int64_t stride, T* to) {
      if (rows_.all_full && stride == call_.out) {
        std::copy_n(state(call_.time), rows_.count * call_.out, to + rows_.batch[0] * call_.out);
        return;
      }
      for (int64_t r = 0; r < rows_.count; ++r)
        std::copy_n(state(rows_.length[r]) + r * stride, call_.out,
                    to + rows_.batch[r] * call_.out);
    };
    copy([this](int64_t s) { return h(s); }, layout_.h_stride, out_.h);
    if constexpr (Cell::kMemory) copy([this](int64_t s) { return c(s); }, layout_.padded, out_.c);
  }

  void Advance(int64_t active) {
    for (int64_t r = 0; r < active; ++r) {
      if (call_.tokens)
        token_[r] += x_step_;
      else
        x_[r] += x_step_;
      if (out_.y) y_[r] += y_step_;
    }
  }

  // W_ih x + b for all rows and the steps s to end - 1: one long product instead of many short ones.
  void InputProducts(int64_t s, int64_t end) {
    const T* x[kChunkRows];
    int64_t n = 0;
    for (int64_t i = 0; s + i < end; ++i) {
      for (int64_t r = 0, active = rows_.active(s + i); r < active; ++r)
        x[n++] = x_[r] + i * x_step_;
    }
    RowsOfProduct<T> product{.from = x, .n = call_.in, .columns = kWidth};
    for (int64_t p = first_; p < last_; ++p) {
      product.start = weights_.bias + p * kBias;
      product.weight = weights_.ih + p * call_.in * kWidth;
      product.dense = z_ + p * kChunkRows * kWidth;
      MultiplyInto<kVectors>(d, product, n);
    }
    z_first_ = 0;
  }

  template <int R>
  HWY_INLINE void Start(int64_t p, int64_t row, Sums<D, R, kVectors>& sums) const {
    if (hoists_) {
      const T* z = z_ + (p * kChunkRows + z_first_ + row) * kWidth;
      HWY_UNROLL(8)
      for (int r = 0; r < R; ++r) {
        HWY_UNROLL(8)
        for (int v = 0; v < kVectors; ++v)
          sums.at[r][v] = hn::LoadU(d, z + r * kWidth + v * kLanes);
      }
      return;
    }
    const T* bias = weights_.bias + p * kBias;
    HWY_UNROLL(8)
    for (int v = 0; v < kVectors; ++v) {
      const V b = hn::LoadU(d, bias + v * kLanes);
      HWY_UNROLL(8)
      for (int r = 0; r < R; ++r) sums.at[r][v] = b;
    }
    if (!call_.tokens) {
      const T* rows[R];
      HWY_UNROLL(8)
      for (int r = 0; r < R; ++r) rows[r] = x_[row + r];
      MultiplyRows(d, rows, weights_.ih + p * call_.in * kWidth, kWidth, call_.in, sums);
      return;
    }
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      const T* weight = weights_.ih + (p * call_.in + *token_[row + r]) * kWidth;
      HWY_UNROLL(8)
      for (int v = 0; v < kVectors; ++v)
        sums.at[r][v] = hn::Add(sums.at[r][v], hn::LoadU(d, weight + v * kLanes));
    }
  }

  template <int R>
  HWY_INLINE void Tile(int64_t s, int64_t p, int64_t row) const {
    Sums<D, R, kVectors> sums;
    Start(p, row, sums);
    V by_input[R];
    if constexpr (Cell::kTwoSums) {
      const V b = hn::LoadU(d, weights_.bias + p * kBias + kWidth);
      HWY_UNROLL(8)
      for (int r = 0; r < R; ++r) {
        by_input[r] = sums.at[r][kVectors - 1];
        sums.at[r][kVectors - 1] = b;
      }
    }
    const T* h_in = h(s) + row * layout_.h_stride;
    const T* rows[R];
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) rows[r] = h_in + r * layout_.h_stride;
    MultiplyRows(d, rows, weights_.hh + p * call_.out * kWidth, kWidth, call_.out, sums);

    T* h_out = h(s + 1) + row * layout_.h_stride;
    const T* c_in = Cell::kMemory ? c(s) + row * layout_.padded : nullptr;
    T* c_out = Cell::kMemory ? c(s + 1) + row * layout_.padded : nullptr;
    constexpr int64_t kSaved = Cell::kSaved * Cell::kUnits * kLanes;
    T* saved = gates_ ? gates_ + ((s * layout_.panels + p) * layout_.rows + row) * kSaved : nullptr;
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      HWY_UNROLL(4)
      for (int u = 0; u < Cell::kUnits; ++u) {
        const int64_t unit = (p * Cell::kUnits + u) * kLanes;
        V gates[Cell::kGates + 1];
        HWY_UNROLL(4)
        for (int q = 0; q < Cell::kGates; ++q) gates[q] = sums.at[r][u * Cell::kGates + q];
        if constexpr (Cell::kTwoSums) {
          gates[Cell::kGates] = gates[Cell::kGates - 1];
          gates[Cell::kGates - 1] = by_input[r];
        }
        const int64_t h_at = r * layout_.h_stride + unit, c_at = r * layout_.padded + unit;
        const ForwardUnit<T> at{h_in + h_at, Cell::kMemory ? c_in + c_at : nullptr, h_out + h_at,
                                Cell::kMemory ? c_out + c_at : nullptr,
                                saved ? saved + r * kSaved : nullptr};
        const V y = Cell::Forward(d, gates, at);
        hn::StoreU(y, d, h_out + h_at);
        if (out_.y) StoreFirst(d, y, y_[row + r] + unit, call_.out - unit);
      }
    }
  }

  const RecurrentCall<T>& call_;
  const RecurrentLayout& layout_;
  const PackedWeights<T>& weights_;
  const RecurrentOutput<T>& out_;
  const RecurrentTeam& team_;
  const GroupRows rows_;
  const bool saves_, hoists_;
  const int64_t first_, last_;
  const T* x_[kMostRows];
  const int64_t* token_[kMostRows];
  T* y_[kMostRows];
  int64_t x_step_, y_step_, z_first_ = 0;
  T *h_, *c_, *gates_, *z_;
};

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
