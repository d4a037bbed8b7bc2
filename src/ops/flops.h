// Floating-point operations, counted while someone in this thread asks for it.
//
//     FlopCounter counter;
//     model(x, ps, st);
//     int64_t flops = counter.taken();
//
// Level 1.5. Operators tell what they take: products of matrices, 2 for each multiply-add. Everything
// else counts 0.
#pragma once

#include <cstdint>

namespace luxtorch::ops {

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
  int64_t taken();

 private:
  friend void count_product(int64_t rows, int64_t in, int64_t out);
  int64_t count_ = 0;
  FlopCounter* before_;
};

/// (rows, in) times (in, out).
void count_product(int64_t rows, int64_t in, int64_t out);

}  // namespace luxtorch::ops
