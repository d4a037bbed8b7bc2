// What the competitors compute, as tensors: a batch and the first parameters. The file is
// problem.py's, which describes it and the models.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace bench {

enum class Cell { lstm, gru, rnn };
enum class Loss { binary, next, squares };

struct LayerParameters {
  at::Tensor weight_ih, weight_hh;  // (gates * hidden, inputs), (gates * hidden, hidden)
  at::Tensor bias_ih, bias_hh;      // (gates * hidden)
};

/// Floating tensors are float32, symbols int64, all on the CPU. gates: 4 for an LSTM, 3 for a GRU, 1
/// for an RNN. outputs: the head's, 0 where there is none.
struct Problem {
  Cell cell;
  Loss loss;
  int64_t layers, batch, time, inputs, hidden, outputs, gates;
  double lr;
  at::Tensor x;  // (batch, time, inputs), or symbols (batch, time)
  at::Tensor y;  // (batch), (batch, time) of symbols or (batch, hidden), by the loss
  std::vector<LayerParameters> recurrent;
  at::Tensor weight, bias;  // the head's: (outputs, hidden), (outputs)

  /// Whether the loss looks at every step's output, not at the last one alone.
  bool every_step() const { return loss == Loss::next; }
};

/// std::runtime_error where it cannot be read or is not such a file.
Problem read_problem(const std::string& path);

/// x (batch, time, inputs) of floats, whatever x is.
at::Tensor dense_input(const Problem& p);

/// torch's version, as "2.13.0+cpu", and how many threads its operators use.
std::string torch_version();
int torch_threads();

}  // namespace bench
