// Connectionist temporal classification: labels of a sequence without their times.
//
//     auto lengths = tensor({50, 50, 32}), label_lengths = tensor({7, 3, 5});
//     auto labels = zeros({3, 7}, {.dtype = kInt64}) + 4;                  // padded to the longest
//     Tensor ctc = CTCLoss{}(y_hat, labels, lengths, label_lengths);       // y_hat (50, 3, classes)
#pragma once

#include "luxtorch/losses/loss.h"

namespace luxtorch {

/// agg(-log P(y | y_hat)): P is the sum of the probabilities of all ways to spread the labels over
/// the time steps, with repetitions and blanks between them (Graves et al. 2006).
///
/// It computes what PyTorch's CTCLoss does for log_softmax(y_hat), so y_hat may also be
/// log-probabilities; float16 and bfloat16 are computed in float32. It has every order of derivative, and those of transforms (PyTorch's has the
/// first alone).
struct LUXTORCH_API CTCLoss {
  int64_t blank = 0;  ///< The class that is no label.
  /// A sequence that is too short for its labels has the loss 0, not infinity. Its gradient is 0 in
  /// both cases (PyTorch: NaN where the loss is infinity).
  bool zero_infinity = false;
  /// The mean divides the loss of a sequence by the number of its labels (at least 1) first, as in
  /// PyTorch; everything else gets the losses (batch) as they are.
  Agg agg = Agg::mean;
  /// y_hat: (time, batch, classes), logits or log-probabilities; y: labels (batch, longest) of
  /// integers, what lies beyond their lengths does not matter; lengths: (batch) of integers, the time
  /// steps of each sequence, 1 to time; label_lengths: (batch) of integers, 0 to longest. All on one
  /// device. ShapeError: other shapes, dtypes or devices, or a mean of no sequences. ArgumentError: a
  /// blank or a label outside [0, classes), a label that is the blank, a length outside its range.
  Tensor operator()(const Tensor& y_hat, const Tensor& y, const Tensor& lengths,
                    const Tensor& label_lengths) const;
};

}  // namespace luxtorch
