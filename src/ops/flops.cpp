#include "ops/flops.h"

#include <algorithm>
#include <utility>

#include "ops/fast_path.h"

namespace luxtorch::ops {

namespace {
thread_local FlopCounter* counter = nullptr;
}  // namespace

Flops& Flops::operator+=(const Flops& more) {
  forward += more.forward, backward += more.backward;
  return *this;
}

FlopCounter::FlopCounter() : before_(std::exchange(counter, this)) {}
FlopCounter::~FlopCounter() { counter = before_; }

bool FlopCounter::active() { return counter != nullptr; }

Flops FlopCounter::taken() { return std::exchange(count_, {}); }

void count(const Flops& flops) {
  if (counter) counter->count_ += flops;
}

void count_product(int64_t rows, int64_t in, int64_t out,
                   std::initializer_list<const Tensor*> factors) {
  if (!counter) return;
  const int64_t flops = 2 * rows * in * out;
  count({flops,
         flops * std::ranges::count_if(factors, [](const Tensor* t) { return is_recorded(*t); })});
}

}  // namespace luxtorch::ops
