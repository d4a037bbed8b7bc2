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

template <class D>
class ForwardGroup {
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;
  static constexpr D d{};
  static constexpr Whole<T> wide{};
  static constexpr int64_t kLanes = hn::MaxLanes(D()), kTogether = RowsOfVector<D>(),
                           kWide = kTogether * kLanes;

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
        last_(layout.panels * (team.rank + 1) / team.size),
        stored_(layout.width + (call.cell == RecurrentCell::gru ? kLanes : 0)) {
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

  template <class Cell>
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
        Panel<Cell>(s, p, active);
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

  HWY_NOINLINE void Begin() {
    if (team_.rank != 0) return;
    rows_.gather(call_.h, call_.out, h(0), layout_.h_stride, layout_.padded);
    if (layout_.memory) rows_.gather(call_.c, call_.out, c(0), layout_.padded, layout_.padded);
  }

  HWY_NOINLINE void End() const {
    rows_.scatter([this](int64_t s) { return h(s); }, layout_.h_stride, call_.out, out_.h);
    if (layout_.memory)
      rows_.scatter([this](int64_t s) { return c(s); }, layout_.padded, call_.out, out_.c);
  }

  void Advance(int64_t active) {
    auto advance = [active](auto* pointers, int64_t step) {
      for (int64_t r = 0; r < active; ++r) pointers[r] += step;
    };
    call_.tokens ? advance(token_, x_step_) : advance(x_, x_step_);
    if (out_.y) advance(y_, y_step_);
  }

  // W_ih x + b for all rows and the steps s to end - 1: one long product instead of many short ones.
  HWY_NOINLINE void InputProducts(int64_t s, int64_t end) {
    const T* x[kChunkRows];
    int64_t n = 0;
    for (int64_t i = 0; s + i < end; ++i) {
      for (int64_t r = 0, active = rows_.active(s + i); r < active; ++r)
        x[n++] = x_[r] + i * x_step_;
    }
    GateSums<T> g{.x = x, .in = call_.in};
    for (int64_t p = first_; p < last_; ++p) {
      g.start = weights_.bias + p * stored_;
      g.ih = weights_.ih + p * call_.in * layout_.width;
      g.to = z_ + p * kChunkRows * layout_.width;
      ForVectors(layout_.width / kLanes, [&](auto vectors) HWY_ATTR {
        SumGates<decltype(vectors)::value, false>(d, g, n);
      });
    }
    z_first_ = 0;
  }

  // Functions that cost next to nothing, and those of one or two rows, which wait for each other in any
  // case, take the sums from registers.
  template <class Cell>
  HWY_INLINE void Panel(int64_t s, int64_t p, int64_t active) const {
    int64_t row = 0;
    if constexpr (!Cell::kCheap) {
      for (; active - row > 2; row += kStrip)
        Strip<Cell>(s, p, row, std::min(kStrip, active - row));
    }
    if (row >= active) return;
    WithVectors<Cell>([&](auto vectors) HWY_ATTR {
      constexpr int kVectors = decltype(vectors)::value, kRows = RowsOfTile(kVectors);
      ForBlocks<Cell::kCheap ? kRows : std::min(2, kRows)>(
          active - row, [&](auto rows, int64_t r) HWY_ATTR {
            Tile<Cell, kVectors, decltype(rows)::value>(s, p, row + r);
          });
    });
  }

  // Calls f(integral_constant<int, vectors>) of a panel.
  template <class Cell, class F>
  HWY_INLINE void WithVectors(const F& f) const {
    if (Cell::kGates > 1 || layout_.units == 1)
      return f(std::integral_constant<int, Cell::kGates>());
    if constexpr (Cell::kGates == 1) f(std::integral_constant<int, 4>());
  }

  // What the gates' sums of a panel are made of, from a row on.
  HWY_INLINE GateSums<T> Operands(int64_t s, int64_t p, int64_t row) const {
    const int64_t width = layout_.width;
    const T* bias = weights_.bias + p * stored_;
    GateSums<T> g{.start = bias,
                  .ih = weights_.ih + p * call_.in * width,
                  .in = call_.in,
                  .h = h(s) + row * layout_.h_stride,
                  .h_stride = layout_.h_stride,
                  .out = call_.out,
                  .hh = weights_.hh + p * call_.out * width,
                  .hidden_start = bias + width};
    if (hoists_) {
      g.start = z_ + (p * kChunkRows + z_first_ + row) * width, g.start_stride = width;
      g.ih = nullptr;
    } else if (call_.tokens) {
      g.tokens = token_ + row;
    } else {
      g.x = x_ + row;
    }
    return g;
  }

  // R rows of a panel through one step.
  template <class Cell, int kVectors, int R>
  HWY_INLINE void Tile(int64_t s, int64_t p, int64_t row) const {
    constexpr int kUnits = kVectors / Cell::kGates, kSums = Cell::kGates + Cell::kTwoSums;
    Sums<D, R, kVectors> sums;
    V by_input[R];
    SumTile<Cell::kTwoSums>(d, Operands(s, p, row), 0, sums, by_input);
    // Copies: a store of a vector may change what a pointer leads to.
    const int64_t first = p * kUnits * kLanes, left = call_.out - first,
                  h_stride = layout_.h_stride, c_stride = layout_.padded,
                  h_at = row * h_stride + first, c_at = row * c_stride + first;
    ForwardUnit<T> at{h(s) + h_at, c(s) + c_at, h(s + 1) + h_at, c(s + 1) + c_at};
    T* saved = GatesAt(s, p, row);
    T* const* y = out_.y ? y_ + row : nullptr;
    HWY_UNROLL(8)
    for (int r = 0; r < R; ++r) {
      HWY_UNROLL(4)
      for (int u = 0; u < kUnits; ++u) {
        HWY_ALIGN T gates[kSums * kLanes];
        HWY_UNROLL(4)
        for (int q = 0; q < Cell::kGates; ++q)
          hn::StoreU(sums.at[r][u * Cell::kGates + q], d, gates + q * kLanes);
        if constexpr (Cell::kTwoSums) {
          hn::StoreU(sums.at[r][kVectors - 1], d, gates + Cell::kGates * kLanes);
          hn::StoreU(by_input[r], d, gates + (Cell::kGates - 1) * kLanes);
        }
        const int64_t n = u * kLanes;
        Cell::Gates(d, gates);
        const V z = Cell::Forward(
            d, gates, kLanes, ForwardUnit<T>{at.h_in + n, at.c_in + n, at.h_out + n, at.c_out + n});
        hn::StoreU(z, d, at.h_out + n);
        if (y) StoreFirst(d, z, y[r] + first + n, left - n);
        if (!Cell::kSaved || !saved) continue;
        HWY_UNROLL(4)
        for (int q = 0; q < Cell::kSaved; ++q, saved += kLanes)
          hn::StoreU(hn::LoadU(d, gates + q * kLanes), d, saved);
      }
      at.h_in += h_stride, at.h_out += h_stride;
      at.c_in += c_stride, at.c_out += c_stride;
    }
  }

  // Where backward's gates of a row lie, or nullptr.
  HWY_INLINE T* GatesAt(int64_t s, int64_t p, int64_t row) const {
    const int64_t stride = layout_.saved_gates * kLanes;
    return gates_ && stride ? gates_ + ((s * layout_.panels + p) * layout_.rows + row) * stride
                            : nullptr;
  }

  // The gates of so many rows of a panel, before their functions.
  template <class Cell>
  HWY_INLINE void SumsOfStrip(int64_t s, int64_t p, int64_t row, int64_t rows, T* to) const {
    GateSums<T> g = Operands(s, p, row);
    g.to = to, g.together = true;
    WithVectors<Cell>([&](auto vectors) HWY_ATTR {
      SumGates<decltype(vectors)::value, Cell::kTwoSums>(d, g, rows);
    });
  }

  // Rows of a panel through one step. Narrow vectors' rows are taken together, a whole vector at a time:
  // such a panel is the only one, so that its rows of h and c follow each other.
  template <class Cell>
  HWY_INLINE void Strip(int64_t s, int64_t p, int64_t row, int64_t rows) const {
    constexpr int64_t kSums = Cell::kGates + Cell::kTwoSums;
    T* const saved = GatesAt(s, p, row);
    HWY_ALIGN T buffer[kStrip * kMostVectors * kLanes];
    T* const gates = saved && kTogether == 1 ? saved : buffer;
    SumsOfStrip<Cell>(s, p, row, rows, gates);
    HWY_UNROLL(1)
    for (int64_t i = 0; i < rows * layout_.units; i += kTogether)
      Cell::Gates(wide, gates + i * kSums * kLanes);
    for (int64_t u = 0; u < layout_.units; ++u) {
      const int64_t unit = (p * layout_.units + u) * kLanes, left = call_.out - unit;
      const int64_t h_at = row * layout_.h_stride + unit, c_at = row * layout_.padded + unit;
      ForwardUnit<T> at{h(s) + h_at, c(s) + c_at, h(s + 1) + h_at, c(s + 1) + c_at};
      T* from = gates + u * kSums * kLanes;
      int64_t r = 0;
      HWY_UNROLL(1)
      for (; r + kTogether <= rows; r += kTogether, from += kTogether * stored_) {
        const auto y = Cell::Forward(wide, from, kWide, at);
        hn::StoreU(y, wide, at.h_out);
        if constexpr (kTogether == 1) {
          if (out_.y) StoreFirst(d, y, y_[row + r] + unit, left);
        }
        at.h_in += kTogether * layout_.h_stride, at.h_out += kTogether * layout_.h_stride;
        at.c_in += kTogether * layout_.padded, at.c_out += kTogether * layout_.padded;
      }
      if (r < rows) hn::StoreU(Cell::Forward(d, from, kWide, at), d, at.h_out);
    }
    if constexpr (kTogether > 1) CopyOut(buffer, saved, s, row, rows);
  }

  // Of rows that lie together: the gates to one row after the other, and y.
  HWY_NOINLINE void CopyOut(const T* from, T* to, int64_t s, int64_t row, int64_t rows) const {
    const T* h_out = h(s + 1) + row * layout_.h_stride;
    for (int64_t r = 0; out_.y && r < rows; ++r, h_out += layout_.h_stride)
      StoreFirst(d, hn::LoadU(d, h_out), y_[row + r], call_.out);
    const int64_t gates = layout_.saved_gates;
    for (int64_t r = 0; to && r < rows; ++r) {
      const T* row = from + (r - r % kTogether) * gates * kLanes + r % kTogether * kLanes;
      for (int64_t q = 0; q < gates; ++q, to += kLanes)
        hn::StoreU(hn::LoadU(d, row + q * kWide), d, to);
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
  const int64_t stored_;  // sums of a row of a panel
  const T* x_[kMostRows];
  const int64_t* token_[kMostRows];
  T* y_[kMostRows];
  int64_t x_step_, y_step_, z_first_ = 0;
  T *h_, *c_, *gates_, *z_;
};

}  // namespace luxtorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
