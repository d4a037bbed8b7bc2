#include "interop/seeded_generator.h"

#include <ATen/Context.h>

namespace luxtorch::detail {

namespace {
// Recursive, since a module may have a functional one inside.
std::recursive_mutex& turn() {
  static std::recursive_mutex mutex;
  return mutex;
}
}  // namespace

SeededGenerator::SeededGenerator(uint64_t seed, Device device)
    : turn_(turn()), generator_(at::globalContext().defaultGenerator(device)) {
  std::lock_guard lock(generator_.mutex());
  state_ = generator_.get_state();
  generator_.set_current_seed(seed);
}
SeededGenerator::~SeededGenerator() {
  std::lock_guard lock(generator_.mutex());
  generator_.set_state(state_);
}

}  // namespace luxtorch::detail
