// What keeps one tree from having the structure of another, collected and told in one sentence.
//
// Level 1.
#pragma once

#include <string>
#include <vector>

#include "luxtorch/core/types.h"
#include "luxtorch/tree.h"

namespace luxtorch::detail {

class Mismatches {
 public:
  void missing(const std::string& path);
  void unexpected(const std::string& path);
  void shape(const std::string& path, ShapeView expected, ShapeView got);
  /// `expected` in words: "a tensor".
  void kind(const std::string& path, const std::string& expected, const Tree& got);

  bool empty() const { return found_.empty(); }
  /// At most `limit` of them with commas between, then how many more there are; "" without any.
  std::string listed(size_t limit) const;

 private:
  std::vector<std::string> found_;
};

}  // namespace luxtorch::detail
