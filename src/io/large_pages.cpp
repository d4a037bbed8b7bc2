#include "io/large_pages.h"

#include <sys/mman.h>

#include <cstdint>

namespace luxtorch::io {

void want_large_pages(void* begin, size_t bytes) {
  constexpr uintptr_t kLargePage = 2 << 20;
  auto first = (reinterpret_cast<uintptr_t>(begin) + kLargePage - 1) / kLargePage * kLargePage;
  auto end = (reinterpret_cast<uintptr_t>(begin) + bytes) / kLargePage * kLargePage;
  if (first < end) ::madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
}

}  // namespace luxtorch::io
