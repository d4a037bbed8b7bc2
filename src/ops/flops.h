// Floating-point operations, counted while someone in this thread asks for it.
//
//     FlopCounter counter;
//     model(x, ps, st);
//     Flops flops = counter.taken();
//
// Level 1.5. Operators tell what they take: products of matrices, 2 for each multiply-add. Everything
// else counts 0.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "luxtorch/core/types.h"

namespace luxtorch::ops {

/// Of operators: of their outputs, and of the gradients that the pass backward will compute.
struct Flops {
  int64_t forward = 0, backward = 0;

  Flops& operator+=(const Flops& more);
};

/// Counts while it lives, in its thread; one that was there before counts on afterwards.
class FlopCounter {
 public:
  FlopCounter();
  ~FlopCounter();
  FlopCounter(const FlopCounter&) = delete;
  FlopCounter& operator=(const FlopCounter&) = delete;

  /// Does this thread count?
  static bool active();
  /// What was counted since the last call.
  Flops taken();

 private:
  friend void count(const Flops& flops);
  Flops count_;
  FlopCounter* before_;
};

/// What an operator with a formula of its own takes.
void count(const Flops& flops);

/// A product of (rows, in) and (in, out). `factors` are the tensors that both were made of: for each one
/// that a recorded graph needs a gradient of, the pass backward has a product of the same size.
void count_product(int64_t rows, int64_t in, int64_t out,
                   std::initializer_list<const Tensor*> factors);

}  // namespace luxtorch::ops
