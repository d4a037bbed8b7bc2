// Kinds of files that luxtorch does not read, and what to do with each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace luxtorch::io {

struct ForeignKind {
  std::string what, advice;  // "a gzip file", a sentence; "" where the bytes tell nothing
};
/// start: the file's first bytes, 4096 of them where it has so many. size: of the whole file.
ForeignKind foreign_kind(std::string_view start, uint64_t size);

}  // namespace luxtorch::io
