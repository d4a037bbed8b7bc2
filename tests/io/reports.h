// What a report says of one path.
#pragma once

#include <algorithm>
#include <string>

#include "luxtorch/io/io.h"

namespace luxtorch::test {

/// nullptr where it says nothing.
inline const io::Report::Entry* entry_of(const io::Report& report, const std::string& path) {
  auto found = std::ranges::find(report.entries, path, &io::Report::Entry::path);
  return found == report.entries.end() ? nullptr : &*found;
}

}  // namespace luxtorch::test
