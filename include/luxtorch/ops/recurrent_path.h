// Which of its ways the recurrent operators take, to ask and to choose.
//
//     auto out = ops::lstm_sequence(x, h, c, weights, {});
//     std::cout << ops::last_recurrent_run();              // fused, or: plain (dtype is not float32 or float64)
//
//     ops::PlainRecurrence guard;                          // this thread, while it lives: plain operators
//
// Level 1. All ways give the same values and gradients, but for rounding.
#pragma once

#include <iosfwd>

#include "luxtorch/core/api.h"

namespace luxtorch::ops {

enum class RecurrentPath {
  none,   // no recurrent operator has run in this thread
  fused,  // one kernel and one autograd node: dense float32 or float64 on the CPU
  torch,  // at::lstm, at::gru, at::rnn_*: cuDNN on CUDA
  plain,  // a loop of torch's operators, for everything else
};

/// reason: why it was not fused, "" if it was; a literal.
struct RecurrentRun {
  RecurrentPath path = RecurrentPath::none;
  const char* reason = "";
};
LUXTORCH_API std::ostream& operator<<(std::ostream& out, const RecurrentRun& run);

/// The last one of this thread. A second derivative of a fused sequence runs it again, in plain
/// operators.
LUXTORCH_API RecurrentRun last_recurrent_run();

/// As long as one of these lives, the recurrent operators of its thread are plain loops, those of
/// CUDA too. The variable LUXTORCH_PLAIN_RECURRENCE=1 of the environment does it for a whole program.
class LUXTORCH_API PlainRecurrence {
 public:
  PlainRecurrence();
  ~PlainRecurrence();
  PlainRecurrence(const PlainRecurrence&) = delete;
  PlainRecurrence& operator=(const PlainRecurrence&) = delete;
};

}  // namespace luxtorch::ops
