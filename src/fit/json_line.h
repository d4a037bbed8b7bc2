// One line of JSON, for logs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "luxtorch/core/types.h"
#include "luxtorch/tree.h"

namespace luxtorch::detail {

/// An object, member by member.
class JsonLine {
 public:
  JsonLine& text(std::string_view key, std::string_view value);
  /// The fewest digits that read back as the same double; "NaN", "Infinity", "-Infinity" as texts.
  JsonLine& number(std::string_view key, double value);
  JsonLine& integer(std::string_view key, int64_t value);
  JsonLine& boolean(std::string_view key, bool value);
  /// Nested arrays of numbers. values: float64 on the CPU, contiguous.
  JsonLine& array(std::string_view key, const Tensor& values);
  /// JSON itself: an object, a list. Line breaks between its tokens become spaces.
  JsonLine& json(std::string_view key, std::string_view value);

  std::string object() const { return "{" + members_ + "}"; }
  /// The object and '\n'.
  std::string line() const { return object() + "\n"; }

 private:
  std::string& member(std::string_view key);
  std::string members_;
};

/// The leaves of a tree in one object, by their paths: numbers and texts, bools as "true" and "false". Other leaves
/// are left out.
std::string flat_json(const Tree& tree);

}  // namespace luxtorch::detail
