#include "io/base/large_pages.h"

#include <sys/mman.h>

#include <cstdint>

namespace luxtorch::io {

// On a virtual machine (Linux 6.18, 23 GB) copies of 512 MiB into fresh memory took 0.24 to 0.5 s with large
// pages and 1.0 to 1.5 s without. Where the host had not given the memory yet, both took 2 to 3 s; large pages
// meet such memory sooner, as whole free pages are those that nothing has used. Hence they stay: a first load
// may take 2 s longer, each later one is 2 to 4 times as fast.
void want_large_pages(void* begin, size_t bytes) {
  constexpr uintptr_t kLargePage = 2 << 20;
  auto first = (reinterpret_cast<uintptr_t>(begin) + kLargePage - 1) / kLargePage * kLargePage;
  auto end = (reinterpret_cast<uintptr_t>(begin) + bytes) / kLargePage * kLargePage;
  if (first < end) ::madvise(reinterpret_cast<void*>(first), end - first, MADV_HUGEPAGE);
}

}  // namespace luxtorch::io
