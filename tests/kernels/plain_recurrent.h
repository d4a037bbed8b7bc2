// A recurrent layer, forward and backward, in plain loops over doubles.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/recurrent.h"

namespace kernel_tests {

using Doubles = std::vector<double>;

struct PlainResult {
  Doubles y, h, c;
};
struct PlainGradients {
  Doubles x, h, c, weight_ih, weight_hh, bias_ih, bias_hh;
};

// One row of the batch. T: of what is read.
template <class T>
class PlainRow {
 public:
  using Call = luxtorch::kernels::RecurrentCall<T>;
  using Cell = luxtorch::kernels::RecurrentCell;

  PlainRow(const Call& call, int64_t row)
      : call_(call),
        b_(row),
        n_(call.out),
        rows_(luxtorch::kernels::gates_of(call.cell) * n_),
        steps_(call.lengths ? call.lengths[row] : call.time),
        h_(1, Doubles(call.h + row * n_, call.h + (row + 1) * n_)) {
    if (call.c) c_.emplace_back(call.c + row * n_, call.c + (row + 1) * n_);
  }

  void forward(PlainResult& to) {
    for (int64_t s = 0; s < steps_; ++s) {
      Doubles by_x(rows_), by_h(rows_), gates(rows_), h(n_), c(n_);
      for (int64_t j = 0; j < rows_; ++j) {
        for (int64_t i = 0; i < call_.in; ++i)
          by_x[j] += call_.weight_ih[j * call_.in + i] * x(s, i);
        for (int64_t k = 0; k < n_; ++k) by_h[j] += call_.weight_hh[j * n_ + k] * h_[s][k];
        if (call_.bias_ih) by_x[j] += call_.bias_ih[j], by_h[j] += call_.bias_hh[j];
        gates[j] = by_x[j] + by_h[j];
      }
      for (int64_t u = 0; u < n_; ++u) {
        double* gate[4];
        for (int64_t g = 0; g * n_ < rows_; ++g) gate[g] = &gates[g * n_ + u];
        if (call_.cell == Cell::rnn_tanh) {
          h[u] = *gate[0] = std::tanh(*gate[0]);
        } else if (call_.cell == Cell::rnn_relu) {
          h[u] = *gate[0] = *gate[0] < 0 ? 0 : *gate[0];
        } else if (call_.cell == Cell::gru) {
          *gate[0] = sigmoid(*gate[0]), *gate[1] = sigmoid(*gate[1]);
          *gate[2] = std::tanh(by_x[2 * n_ + u] + *gate[0] * by_h[2 * n_ + u]);
          h[u] = (1 - *gate[1]) * *gate[2] + *gate[1] * h_[s][u];
        } else {
          *gate[0] = sigmoid(*gate[0]), *gate[1] = sigmoid(*gate[1]);
          *gate[2] = std::tanh(*gate[2]), *gate[3] = sigmoid(*gate[3]);
          c[u] = *gate[1] * c_[s][u] + *gate[0] * *gate[2];
          h[u] = *gate[3] * std::tanh(c[u]);
        }
        to.y[(b_ * call_.time + time(s)) * n_ + u] = h[u];
      }
      h_.push_back(h), gates_.push_back(gates), by_h_.push_back(by_h);
      if (call_.c) c_.push_back(c);
    }
    for (int64_t u = 0; u < n_; ++u) {
      to.h[b_ * n_ + u] = h_.back()[u];
      if (call_.c) to.c[b_ * n_ + u] = c_.back()[u];
    }
  }

  // by_y: (batch, time, out); by_h, by_c: (batch, out).
  void backward(const std::vector<T>& by_y, const std::vector<T>& by_h, const std::vector<T>& by_c,
                PlainGradients& to) const {
    Doubles dh(by_h.begin() + b_ * n_, by_h.begin() + (b_ + 1) * n_), dc(n_);
    if (call_.c) dc.assign(by_c.begin() + b_ * n_, by_c.begin() + (b_ + 1) * n_);
    for (int64_t s = steps_ - 1; s >= 0; --s) {
      Doubles dx(rows_), dz(rows_),
          before(n_);  // by a gate's sum with x and with h, by the h before
      for (int64_t u = 0; u < n_; ++u) {
        const double d = dh[u] + by_y[(b_ * call_.time + time(s)) * n_ + u];
        auto gate = [&](int64_t g) { return gates_[s][g * n_ + u]; };
        auto by_gate = [&](int64_t g) -> double& { return dx[g * n_ + u]; };
        if (call_.cell == Cell::rnn_tanh) {
          by_gate(0) = d * (1 - gate(0) * gate(0));
        } else if (call_.cell == Cell::rnn_relu) {
          by_gate(0) = gate(0) > 0 ? d : 0;
        } else if (call_.cell == Cell::gru) {
          const double r = gate(0), z = gate(1), n = gate(2);
          by_gate(2) = d * (1 - z) * (1 - n * n);
          by_gate(1) = d * (h_[s][u] - n) * z * (1 - z);
          by_gate(0) = by_gate(2) * by_h_[s][2 * n_ + u] * r * (1 - r);
          before[u] = d * z;
        } else {
          const double i = gate(0), f = gate(1), g = gate(2), o = gate(3),
                       t = std::tanh(c_[s + 1][u]);
          dc[u] += d * o * (1 - t * t);
          by_gate(0) = dc[u] * g * i * (1 - i);
          by_gate(1) = dc[u] * c_[s][u] * f * (1 - f);
          by_gate(2) = dc[u] * i * (1 - g * g);
          by_gate(3) = d * t * o * (1 - o);
          dc[u] *= f;
        }
      }
      dz = dx;
      if (call_.cell == Cell::gru)
        for (int64_t u = 0; u < n_; ++u) dz[2 * n_ + u] *= gates_[s][u];
      for (int64_t j = 0; j < rows_; ++j) {
        for (int64_t i = 0; i < call_.in; ++i) {
          to.weight_ih[j * call_.in + i] += dx[j] * x(s, i);
          to.x[(b_ * call_.time + time(s)) * call_.in + i] +=
              dx[j] * call_.weight_ih[j * call_.in + i];
        }
        for (int64_t k = 0; k < n_; ++k) {
          to.weight_hh[j * n_ + k] += dz[j] * h_[s][k];
          before[k] += dz[j] * call_.weight_hh[j * n_ + k];
        }
        to.bias_ih[j] += dx[j], to.bias_hh[j] += dz[j];
      }
      dh = before;
    }
    for (int64_t u = 0; u < n_; ++u) {
      to.h[b_ * n_ + u] = dh[u];
      if (call_.c) to.c[b_ * n_ + u] = dc[u];
    }
  }

 private:
  static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
  int64_t time(int64_t s) const { return call_.reverse ? steps_ - 1 - s : s; }
  double x(int64_t s, int64_t i) const {
    const int64_t at = b_ * call_.x_batch + time(s) * call_.x_time;
    return call_.tokens ? call_.tokens[at] == i : call_.x[at + i];
  }

  const Call& call_;
  const int64_t b_, n_, rows_, steps_;
  std::vector<Doubles> h_, c_, gates_, by_h_;  // of every step; of h and c one more
};

}  // namespace kernel_tests
