// Memory that is about to be filled.
#pragma once

#include <cstddef>

namespace luxtorch::io {

/// Asks for large pages below `bytes` bytes of fresh memory, where there are any: it comes page by
/// page as it is written to, which costs more than the writing. Never more memory than was asked for.
void want_large_pages(void* begin, size_t bytes);

}  // namespace luxtorch::io
