#include "ops/flops.h"

#include <utility>

namespace luxtorch::ops {

namespace {
thread_local FlopCounter* counter = nullptr;
}  // namespace

FlopCounter::FlopCounter() : before_(std::exchange(counter, this)) {}
FlopCounter::~FlopCounter() { counter = before_; }

bool FlopCounter::active() { return counter != nullptr; }

int64_t FlopCounter::taken() { return std::exchange(count_, 0); }

void count_product(int64_t rows, int64_t in, int64_t out) {
  if (counter) counter->count_ += 2 * rows * in * out;
}

}  // namespace luxtorch::ops
