// How a group of rows lies in memory; the same for every kind of vector.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include "kernels/recurrent.h"

namespace luxtorch::kernels {

constexpr int64_t kMostRows = 128;   // of a group
constexpr int64_t kChunkRows = 256;  // rows and steps whose products are made at once

inline int64_t ChunkSteps(int64_t rows) { return std::max<int64_t>(1, kChunkRows / rows); }

// Whether W_ih x is made for many steps at once: where a step's few rows do not repay the reading of
// W_ih, or where both weights together leave the processor's second cache.
template <class T>
bool Hoists(const RecurrentCall<T>& call, const RecurrentLayout& layout) {
  constexpr int64_t kCache = 512 << 10;
  const int64_t bytes =
      layout.panels * layout.width * (call.in + call.out) * static_cast<int64_t>(sizeof(T));
  return !call.tokens && (layout.rows < 4 || bytes > kCache);
}

// A row of inputs that is copied: not a multiple of the cache's period, or all rows meet in one place.
template <class T>
int64_t InputStride(int64_t in) {
  constexpr int64_t kLine = 64 / sizeof(T);
  return (in * sizeof(T)) % 1024 == 0 ? in + kLine : in;
}

// Vectors of columns of a tile of the gradients by h and by the input.
inline int64_t HiddenVectors(const RecurrentLayout& layout) {
  const int64_t vectors = layout.padded / layout.lanes;
  return vectors == 1 ? 1 : 4;
}
inline int64_t InputVectors(int64_t in, int64_t lanes) { return in <= lanes ? 1 : 4; }

// One thread's sums of the weights' gradient, panel by panel, each (in or out, width); the GRU has a
// second bias, whose gradient is another one.
template <class T>
struct Accumulators {
  Accumulators(int64_t in, int64_t out, const RecurrentLayout& layout, T* at)
      : at_(at), in_(in), out_(out), width_(layout.width), panel_(panel(in, out, layout)) {}
  static int64_t panel(int64_t in, int64_t out, const RecurrentLayout& layout) {
    return layout.width * (in + out + 2);
  }
  T* ih(int64_t p) const { return at_ + p * panel_; }
  T* hh(int64_t p) const { return ih(p) + in_ * width_; }
  T* bias(int64_t p) const { return hh(p) + out_ * width_; }
  T* bias_hh(int64_t p) const { return bias(p) + width_; }

 private:
  T* at_;
  int64_t in_, out_, width_, panel_;
};

// The rows of a group, the longest first.
struct GroupRows {
  template <class T>
  GroupRows(const RecurrentCall<T>& call, const RecurrentLayout& layout, int64_t g)
      : count(layout.rows_of(g, call.batch)), time(call.time), all_full(!call.lengths) {
    for (int64_t r = 0; r < count; ++r) {
      batch[r] = layout.row(g, r);
      length[r] = call.lengths ? call.lengths[batch[r]] : call.time;
    }
  }
  int64_t steps() const { return count ? length[0] : 0; }
  // Rows that have a step s: the first ones.
  int64_t active(int64_t s) const {
    if (all_full) return s < time ? count : 0;
    return std::lower_bound(length, length + count, s, std::greater<>()) - length;
  }

  // Their rows of a state (batch, out) to rows `stride` apart, from out to padded zero; all zero where
  // there is no state.
  template <class T>
  void gather(const T* from, int64_t out, T* to, int64_t stride, int64_t padded) const {
    if (!from) {
      std::fill_n(to, count * stride, T(0));
    } else if (all_full && stride == out) {
      std::copy_n(from + batch[0] * out, count * out, to);
    } else {
      for (int64_t r = 0; r < count; ++r, to += stride) {
        std::copy_n(from + batch[r] * out, out, to);
        std::fill(to + out, to + padded, T(0));
      }
    }
  }

  // The states after their last steps to rows of (batch, out): state(s) has all rows before step s.
  template <class T, class F>
  void scatter(const F& state, int64_t stride, int64_t out, T* to) const {
    if (all_full && stride == out) {
      std::copy_n(state(time), count * out, to + batch[0] * out);
      return;
    }
    for (int64_t r = 0; r < count; ++r)
      std::copy_n(state(length[r]) + r * stride, out, to + batch[r] * out);
  }

  int64_t count, time;
  bool all_full;  // every row has all steps, and they lie one after the other
  int64_t batch[kMostRows], length[kMostRows];
};

// What forward saves of a group: h of steps 0 to time, then c, then the gates of steps 0 to time - 1.
template <class T>
struct SavedGroup {
  SavedGroup(const RecurrentLayout& layout, T* all, int64_t g, int64_t time)
      : h(all + g * size(layout, time)),
        c(h + (time + 1) * layout.rows * layout.h_stride),
        gates(c + (layout.memory ? (time + 1) * layout.rows * layout.padded : 0)) {}
  static int64_t size(const RecurrentLayout& layout, int64_t time) {
    const int64_t states = layout.h_stride + (layout.memory ? layout.padded : 0);
    return layout.rows * ((time + 1) * states + time * layout.saved_gates * layout.padded);
  }

  T *h, *c, *gates;
};

// Scratch of one thread or team: the gates' gradients of some steps and of the one after them, panel
// by panel, so that a panel's rows of many steps are one block; what flows to the step before; and
// the same steps' inputs.
template <class T>
class GateChunk {
 public:
  GateChunk(const RecurrentLayout& layout, int64_t in, T* scratch, bool two_sums)
      : rows(layout.rows),
        width(layout.width),
        slots(ChunkSteps(layout.rows) + 1),
        x_stride(InputStride<T>(in)) {
    auto take = [&](int64_t n) { return std::exchange(scratch, scratch + n); };
    x = take(inputs(layout, in));
    tokens = reinterpret_cast<int64_t*>(x);
    gates_ = take(layout.panels * slots * rows * width);
    hidden_ = two_sums ? take(layout.panels * slots * rows * width) : gates_;
    by_h = take(rows * layout.padded);
    by_c = take(rows * layout.padded);
  }
  static int64_t size(const RecurrentLayout& layout, int64_t in, bool two_sums) {
    const int64_t gates =
        (ChunkSteps(layout.rows) + 1) * layout.rows * layout.panels * layout.width;
    return inputs(layout, in) + gates * (two_sums ? 2 : 1) + 2 * layout.rows * layout.padded;
  }

  int64_t steps() const { return slots - 1; }
  int64_t slot(int64_t s) const { return s % slots; }
  T* gates(int64_t p, int64_t slot) const { return gates_ + (p * slots + slot) * rows * width; }
  T* hidden_gates(int64_t p, int64_t slot) const {
    return hidden_ + (p * slots + slot) * rows * width;
  }

  int64_t rows, width, slots, x_stride;
  T *by_h, *by_c, *x;
  int64_t* tokens;

 private:
  // A number of whole vectors, so that what follows is as aligned as this.
  static int64_t inputs(const RecurrentLayout& layout, int64_t in) {
    const int64_t stride = std::max<int64_t>(InputStride<T>(in), sizeof(int64_t) / sizeof(T));
    return ((ChunkSteps(layout.rows) + 1) * layout.rows * stride + 15) / 16 * 16;
  }

  T *gates_, *hidden_;
};

}  // namespace luxtorch::kernels
