// How the recurrent operators compute: to ask which way they took, and to choose the plain one.
//
//     auto out = ops::lstm_sequence(x, h, c, weights, {});
//     std::cout << ops::last_recurrent_run();              // fused, or plain and the reason
//
//     ops::PlainRecurrence guard;                          // plain operators in this thread
//
// All ways give the same values and gradients, except for rounding.
#pragma once

#include <iosfwd>

#include "luxtorch/core/api.h"

namespace luxtorch::ops {

/// The ways to compute a recurrent operator.
enum class RecurrentPath {
  none,   ///< No recurrent operator has run in this thread.
  fused,  ///< One kernel and one autograd node: dense float32 or float64 on the CPU.
  torch,  ///< at::lstm, at::gru, at::rnn_*, with cuDNN on CUDA; and at::lstm_cell, at::gru_cell.
  plain,  ///< A loop of torch's operators, for everything else.
};

/// How a recurrent operator ran.
struct RecurrentRun {
  RecurrentPath path = RecurrentPath::none;  ///< The way that it took.
  const char* reason = "";  ///< Why it was not fused, a literal; "" if it was, or if none has run.
};
/// Prints `fused`, or `plain (reason)`.
LUXTORCH_API std::ostream& operator<<(std::ostream& out, const RecurrentRun& run);

/// How the last recurrent operator of this thread ran. (A second derivative of a fused sequence
/// runs the sequence again, in plain operators; that is not recorded here.)
LUXTORCH_API RecurrentRun last_recurrent_run();

/// While an object of this class exists, the recurrent operators of its thread are plain loops, on
/// CUDA too. The environment variable LUXTORCH_PLAIN_RECURRENCE=1 does it for a whole program.
class LUXTORCH_API PlainRecurrence {
 public:
  PlainRecurrence();   ///< From here on, in this thread.
  ~PlainRecurrence();  ///< Destroy it in the thread that made it.
  PlainRecurrence(const PlainRecurrence&) = delete;
  PlainRecurrence& operator=(const PlainRecurrence&) = delete;
};

}  // namespace luxtorch::ops
