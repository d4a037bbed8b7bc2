// Which backend an operator with fused kernels used, to ask and to choose.
//
//     auto out = ops::lstm_sequence(x, h, c, weights, {});
//     std::cout << ops::last_backend(ops::FusedOp::recurrence);
//     // fused, or: reference (dtype is not float32 or float64)
//
//     ops::DisableFusedKernels guard;                      // this thread, while it lives
//
// Level 1. All backends give the same values and gradients, but for rounding.
#pragma once

#include <iosfwd>

#include "luxtorch/core/api.h"

namespace luxtorch::ops {

/// The operators that have fused kernels.
enum class FusedOp {
  recurrence,  // recurrent sequences and single steps
  loss,        // BinaryCrossEntropyLoss of probabilities, CrossEntropyLoss of few classes' logits
};

/// What such an operator runs on.
enum class Backend {
  none,       // no such operator has run in this thread
  fused,      // one kernel and one autograd node: dense float32 or float64 on the CPU
  torch,      // at::lstm, at::gru, at::rnn_*: cuDNN on CUDA
  reference,  // several of torch's operators, for everything else
};

/// What an operator ran on, and the reason where it was not fused: a literal, "" if it was.
struct BackendChoice {
  Backend backend = Backend::none;
  const char* reason = "";
};
/// "fused", or "reference (dtype is not float32 or float64)".
LUXTORCH_API std::ostream& operator<<(std::ostream& out, const BackendChoice& choice);

/// Of the last one of this thread. A second derivative of a fused operator uses torch's operators.
LUXTORCH_API BackendChoice last_backend(FusedOp op);

/// As long as one of these lives, the operators of its thread use the reference, on CUDA too. The
/// variable LUXTORCH_PLAIN_RECURRENCE=1 of the environment does it for the recurrent operators of a
/// whole program.
class LUXTORCH_API DisableFusedKernels {
 public:
  DisableFusedKernels();
  ~DisableFusedKernels();
  DisableFusedKernels(const DisableFusedKernels&) = delete;
  DisableFusedKernels& operator=(const DisableFusedKernels&) = delete;
};

}  // namespace luxtorch::ops
