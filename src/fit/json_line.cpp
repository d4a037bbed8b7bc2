#include "fit/json_line.h"

#include <ATen/core/Tensor.h>

#include <cmath>

#include "fit/epoch_values.h"
#include "io/base/json.h"
#include "utf8.h"

namespace luxtorch::detail {

namespace {

// What is not UTF-8, such as an argument in another encoding, becomes U+FFFD.
std::string as_utf8(std::string_view text) {
  std::string all;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const auto code = next_code_point(text, at);
    if (code == kInvalid) {
      at = begin + 1;
      append_code_point(all, 0xFFFD);
    } else {
      all += text.substr(begin, at - begin);
    }
  }
  return all;
}

void append_number(std::string& out, double x) {
  out += std::isfinite(x) ? exact_text(x) : '"' + exact_text(x) + '"';
}

void append_array(std::string& out, const Tensor& values, int64_t dimension, const double*& next) {
  if (dimension == values.dim()) return append_number(out, *next++);
  out += '[';
  for (int64_t i = 0; i < values.size(dimension); ++i) {
    if (i > 0) out += ',';
    append_array(out, values, dimension + 1, next);
  }
  out += ']';
}

}  // namespace

std::string& JsonLine::member(std::string_view key) {
  if (!members_.empty()) members_ += ',';
  io::append_json(members_, as_utf8(key));
  return members_ += ':';
}

JsonLine& JsonLine::text(std::string_view key, std::string_view value) {
  io::append_json(member(key), as_utf8(value));
  return *this;
}

JsonLine& JsonLine::number(std::string_view key, double value) {
  append_number(member(key), value);
  return *this;
}

JsonLine& JsonLine::integer(std::string_view key, int64_t value) {
  member(key) += std::to_string(value);
  return *this;
}

JsonLine& JsonLine::boolean(std::string_view key, bool value) {
  member(key) += value ? "true" : "false";
  return *this;
}

JsonLine& JsonLine::array(std::string_view key, const Tensor& values) {
  const double* next = values.const_data_ptr<double>();
  append_array(member(key), values, 0, next);
  return *this;
}

JsonLine& JsonLine::json(std::string_view key, std::string_view value) {
  for (std::string& all = member(key); const char c : value)
    all += c == '\n' || c == '\r' ? ' ' : c;
  return *this;
}

std::string flat_json(const Tree& tree) {
  JsonLine line;
  tree::for_each(
      [&](const std::string& path, const Tree& leaf) {
        if (leaf.is_string()) line.text(path, leaf.scalar<std::string>());
        if (leaf.is<bool>()) line.text(path, leaf.scalar<bool>() ? "true" : "false");
        if (leaf.is<int64_t>()) line.integer(path, leaf.scalar<int64_t>());
        if (leaf.is<double>()) line.number(path, leaf.scalar<double>());
      },
      tree);
  return line.object();
}

}  // namespace luxtorch::detail
