#include "mismatches.h"

#include "text.h"

namespace luxtorch::detail {

void Mismatches::missing(const std::string& path) { found_.push_back("missing " + path); }
void Mismatches::unexpected(const std::string& path) { found_.push_back("unexpected " + path); }
void Mismatches::shape(const std::string& path, ShapeView expected, ShapeView got) {
  found_.push_back(path + " of shape " + shape_text(got) + " in place of " + shape_text(expected));
}
void Mismatches::kind(const std::string& path, const std::string& expected, const Tree& got) {
  found_.push_back(path + " is " + describe_kind(got) + " in place of " + expected);
}

std::string Mismatches::listed(size_t limit) const {
  std::string text;
  for (size_t i = 0; i < found_.size() && i < limit; ++i) text += (i ? ", " : "") + found_[i];
  if (found_.size() > limit) text += ", and " + std::to_string(found_.size() - limit) + " more";
  return text;
}

}  // namespace luxtorch::detail
