// Which backend an operator with fused kernels used, to ask and to choose.
//
//     auto out = ops::lstm_sequence(x, h, c, weights, {});
//     std::cout << ops::last_backend(ops::FusedOp::recurrence);
//     // fused, or: reference (dtype is not float32 or float64)
//
//     ops::DisableFusedKernels guard;                      // this thread, while it lives
//
// All backends give the same values and gradients, but for rounding.
#pragma once

#include <iosfwd>

#include "luxtorch/core/api.h"

namespace luxtorch::ops {

/// The operators that have fused kernels.
enum class FusedOp {
  recurrence,  ///< Recurrent sequences and single steps
  loss,        ///< BinaryCrossEntropyLoss of probabilities, CrossEntropyLoss of logits
  attention,   ///< scaled_dot_product_attention
  dense,       ///< Dense, and runs of them in a Chain
};

/// What such an operator runs on.
enum class Backend {
  none,       ///< No such operator has run in this thread
  fused,      ///< One kernel and one autograd node: dense float32 or float64 on the CPU
  torch,      ///< at::lstm, at::gru, at::rnn_*: cuDNN on CUDA
  reference,  ///< Several of torch's operators, for everything else
};

/// How an operator ran.
struct BackendChoice {
  Backend backend = Backend::none;  ///< What it ran on.
  const char* reason = "";  ///< Why it was not fused, a literal; "" if it was or none has run.
};
/// "fused", or "reference (dtype is not float32 or float64)".
LUXTORCH_API std::ostream& operator<<(std::ostream& out, const BackendChoice& choice);

/// How the last such operator of this thread ran. (A second derivative of a fused sequence runs the
/// sequence again in torch's operators; that is not recorded.)
LUXTORCH_API BackendChoice last_backend(FusedOp op);

/// While an object of this class exists, the operators of its thread use the reference, on CUDA
/// too. The environment variable LUXTORCH_PLAIN_RECURRENCE=1 does it for the recurrent operators of
/// a whole program.
class LUXTORCH_API DisableFusedKernels {
 public:
  DisableFusedKernels();   ///< From here on, in this thread.
  ~DisableFusedKernels();  ///< Destroy it in the thread that made it.
  DisableFusedKernels(const DisableFusedKernels&) = delete;
  DisableFusedKernels& operator=(const DisableFusedKernels&) = delete;
};

}  // namespace luxtorch::ops
