// Weights into the order in which the tiles read them, and accumulated gradients back.
#include <algorithm>

#include "kernels/recurrent/group.h"
#include "kernels/transpose.h"

namespace luxtorch::kernels {

namespace {

// Calls f(column, row) for the lanes of panel p: a column of the panel, and the row of the weights that
// it stands for. Columns of padding are left out.
template <class F>
void for_columns(const RecurrentLayout& layout, int64_t out, int64_t p, const F& f) {
  const int64_t gates = layout.width / (layout.units * layout.lanes);
  for (int64_t u = 0; u < layout.units; ++u) {
    const int64_t unit = (p * layout.units + u) * layout.lanes;
    const int64_t lanes = std::min(layout.lanes, out - unit);
    for (int64_t g = 0; g < gates; ++g) {
      if (lanes > 0) f((u * gates + g) * layout.lanes, g * out + unit, lanes);
    }
  }
}

// (rows of gates, n) -> (n, width) of panel p.
template <class T>
void pack_columns(const RecurrentLayout& layout, int64_t out, const T* weight, int64_t n, int64_t p,
                  T* to) {
  if ((p + 1) * layout.units * layout.lanes > out) std::fill_n(to, n * layout.width, T(0));
  for_columns(layout, out, p, [&](int64_t column, int64_t row, int64_t lanes) {
    transpose(weight + row * n, n, lanes, n, to + column, layout.width);
  });
}

// (rows of gates, n) -> for each `columns` of n, each panel, each of its columns: these of n.
template <class T>
void pack_rows(const RecurrentLayout& layout, int64_t out, const T* weight, int64_t n,
               int64_t columns, int64_t p, T* to) {
  for (int64_t k = 0; k < n; k += columns, to += layout.panels * layout.width * columns) {
    T* panel = to + p * layout.width * columns;
    const int64_t count = std::min(columns, n - k);
    if ((p + 1) * layout.units * layout.lanes > out || count < columns)
      std::fill_n(panel, layout.width * columns, T(0));
    for_columns(layout, out, p, [&](int64_t column, int64_t row, int64_t lanes) {
      for (int64_t l = 0; l < lanes; ++l)
        std::copy_n(weight + (row + l) * n + k, count, panel + (column + l) * columns);
    });
  }
}

template <class T>
int64_t bias_width(const RecurrentCall<T>& call, const RecurrentLayout& layout) {
  return layout.width + (call.cell == RecurrentCell::gru ? layout.lanes : 0);
}

int64_t rounded_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

}  // namespace

template <class T>
int64_t packed_weights_size(const RecurrentCall<T>& call, const RecurrentLayout& layout) {
  return layout.panels * (layout.width * (call.in + call.out) + bias_width(call, layout));
}

template <class T>
PackedWeights<T> pack_weights(const RecurrentCall<T>& call, const RecurrentLayout& layout,
                              T* buffer, int64_t first, int64_t last) {
  PackedWeights<T> w;
  w.ih = buffer;
  w.hh = w.ih + layout.panels * layout.width * call.in;
  w.bias = w.hh + layout.panels * layout.width * call.out;
  const int64_t width = bias_width(call, layout);
  for (int64_t p = first; p < last; ++p) {
    pack_columns(layout, call.out, call.weight_ih, call.in, p, w.ih + p * call.in * layout.width);
    pack_columns(layout, call.out, call.weight_hh, call.out, p, w.hh + p * call.out * layout.width);
    T* bias = w.bias + p * width;
    std::fill_n(bias, width, T(0));
    if (!call.bias_ih) continue;
    for_columns(layout, call.out, p, [&](int64_t column, int64_t row, int64_t lanes) {
      const bool apart = call.cell == RecurrentCell::gru && row >= 2 * call.out;
      for (int64_t l = 0; l < lanes; ++l) {
        bias[column + l] = call.bias_ih[row + l];
        if (apart)
          bias[layout.width + l] = call.bias_hh[row + l];
        else
          bias[column + l] += call.bias_hh[row + l];
      }
    });
  }
  return w;
}

template <class T>
int64_t packed_for_backward_size(const RecurrentCall<T>& call, const RecurrentLayout& layout,
                                 bool by_x) {
  const int64_t hidden = rounded_up(layout.padded, HiddenVectors(layout) * layout.lanes);
  const int64_t in = rounded_up(call.in, InputVectors(call.in, layout.lanes) * layout.lanes);
  return layout.panels * layout.width * (hidden + (by_x ? in : 0));
}

template <class T>
PackedForBackward<T> pack_for_backward(const RecurrentCall<T>& call, const RecurrentLayout& layout,
                                       bool by_x, T* buffer, int64_t first, int64_t last) {
  const int64_t hidden_columns = HiddenVectors(layout) * layout.lanes;
  PackedForBackward<T> w;
  w.hh = buffer;
  w.ih = w.hh + layout.panels * layout.width * rounded_up(layout.padded, hidden_columns);
  for (int64_t p = first; p < last; ++p) {
    pack_rows(layout, call.out, call.weight_hh, call.out, hidden_columns, p, w.hh);
    if (by_x)
      pack_rows(layout, call.out, call.weight_ih, call.in,
                InputVectors(call.in, layout.lanes) * layout.lanes, p, w.ih);
  }
  return w;
}

namespace {

// One panel's sums of all slices, each (n, width), to its rows of (rows of gates, n). The first
// slice's become the sums of all.
template <class T>
void unpack(const RecurrentLayout& layout, int64_t out, T* sums, int64_t stride, int64_t count,
            int64_t n, int64_t p, T* to) {
  for (int64_t t = 1; t < count; ++t) {
    const T* more = sums + t * stride;
    for (int64_t i = 0; i < n * layout.width; ++i) sums[i] += more[i];
  }
  for_columns(layout, out, p, [&](int64_t column, int64_t row, int64_t lanes) {
    transpose(sums + column, layout.width, n, lanes, to + row * n, n);
  });
}

}  // namespace

template <class T>
void sum_accumulators(const RecurrentCall<T>& call, const RecurrentLayout& layout, T* accumulators,
                      int64_t stride, int64_t count, const WeightGradients<T>& gradients,
                      int64_t first, int64_t last) {
  const Accumulators<T> sums(call.in, call.out, layout, accumulators);
  for (int64_t p = first; p < last; ++p) {
    auto add = [&](T* from, int64_t n, T* to) {
      unpack(layout, call.out, from, stride, count, n, p, to);
    };
    add(sums.ih(p), call.in, gradients.weight_ih);
    add(sums.hh(p), call.out, gradients.weight_hh);
    if (!gradients.bias_ih) continue;
    add(sums.bias(p), 1, gradients.bias_ih);
    if (call.cell == RecurrentCell::gru) {
      add(sums.bias_hh(p), 1, gradients.bias_hh);
    } else {
      unpack(layout, call.out, sums.bias(p), stride, 1, 1, p, gradients.bias_hh);
    }
  }
}

#define LUXTORCH_INSTANTIATE(T)                                                                    \
  template int64_t packed_weights_size(const RecurrentCall<T>&, const RecurrentLayout&);           \
  template PackedWeights<T> pack_weights(const RecurrentCall<T>&, const RecurrentLayout&, T*,      \
                                         int64_t, int64_t);                                        \
  template int64_t packed_for_backward_size(const RecurrentCall<T>&, const RecurrentLayout&,       \
                                            bool);                                                 \
  template PackedForBackward<T> pack_for_backward(const RecurrentCall<T>&, const RecurrentLayout&, \
                                                  bool, T*, int64_t, int64_t);                     \
  template void sum_accumulators(const RecurrentCall<T>&, const RecurrentLayout&, T*, int64_t,     \
                                 int64_t, const WeightGradients<T>&, int64_t, int64_t);
LUXTORCH_INSTANTIATE(float)
LUXTORCH_INSTANTIATE(double)
#undef LUXTORCH_INSTANTIATE

}  // namespace luxtorch::kernels
