// What the competitors compute, as tensors: one batch of spirals and the first parameters. The file
// is train_step.py's; problem.py describes it.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace bench {

enum class Cell { lstm, gru, rnn };

/// All tensors are float32 on the CPU. gates: 4 for an LSTM, 3 for a GRU, 1 for an RNN.
struct Problem {
  Cell cell;
  int64_t batch, time, inputs, hidden, gates;
  at::Tensor x;                     // (batch, time, inputs)
  at::Tensor y;                     // (batch), 0 or 1
  at::Tensor weight_ih, weight_hh;  // (gates * hidden, inputs), (gates * hidden, hidden)
  at::Tensor bias_ih, bias_hh;      // (gates * hidden)
  at::Tensor weight, bias;          // the classifier's: (1, hidden), (1)
};
constexpr double kAdamLr = 0.01;

/// std::runtime_error where it cannot be read or is not such a file.
Problem read_problem(const std::string& path);

/// torch's version, as "2.13.0+cpu", and how many threads its operators use.
std::string torch_version();
int torch_threads();

}  // namespace bench
