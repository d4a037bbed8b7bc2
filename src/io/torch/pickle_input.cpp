#include "io/torch/pickle_input.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>

#include "io/base/fault.h"
#include "io/torch/pickle_numbers.h"
#include "utf8.h"

namespace luxtorch::io {
namespace {

[[noreturn]] void fail(std::string expected, std::string_view got) {
  throw Fault("", std::move(expected), std::string(got));
}

template <class T>
T parsed(const std::string& text, const char* expected) {
  T value{};
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) fail(expected, "something else");
  return value;
}

PickleValue text_or_bytes(std::string_view bytes) {
  if (detail::is_utf8(bytes)) return std::string(bytes);
  return PickleBytes{std::string(bytes)};
}

}  // namespace

uint8_t PickleInput::instruction() {
  start_ = at_;
  return number<uint8_t>();
}

std::string PickleInput::place() const { return fmt::format("byte {}", start_); }

std::string_view PickleInput::take(uint64_t count) {
  if (count > text_.size() - at_)
    fail(fmt::format("{} bytes", count), fmt::format("the end after {}", text_.size() - at_));
  auto bytes = text_.substr(at_, count);
  at_ += count;
  return bytes;
}

double PickleInput::big_endian_double() {
  uint64_t bits = 0;
  for (unsigned char byte : take(sizeof bits)) bits = bits << 8U | byte;
  return std::bit_cast<double>(bits);
}

std::string PickleInput::text(uint64_t size) {
  std::string result(take(size));
  if (!detail::is_utf8(result)) fail("a text in UTF-8", "other bytes");
  return result;
}

PickleValue PickleInput::old_text(uint64_t size) { return text_or_bytes(take(size)); }

PickleValue PickleInput::long_integer(uint32_t size) {
  auto bytes = take(size);
  if (bytes.size() > sizeof(int64_t)) {
    if (bytes.size() > kLongestInteger)
      throw Fault::unsupported(place(),
                               fmt::format("expected integers of at most {} bytes, got one of {}.",
                                           kLongestInteger, bytes.size()));
    return decimal_of(bytes);
  }
  int64_t value = !bytes.empty() && (bytes.back() & 0x80) != 0 ? -1 : 0;
  if (!bytes.empty()) std::memcpy(&value, bytes.data(), bytes.size());
  return value;
}

std::string PickleInput::line() {
  auto end = text_.find('\n', at_);
  if (end == text_.npos) fail("a line", "the end");
  auto bytes = take(end - at_);
  ++at_;
  return std::string(bytes);
}

PickleValue PickleInput::integer_line() {
  auto text = line();
  if (!text.empty() && text.back() == 'L') text.pop_back();
  int64_t value = 0;
  auto error = std::from_chars(text.data(), text.data() + text.size(), value).ec;
  auto digits = std::string_view(text).substr(text.starts_with('-') ? 1 : 0);
  bool is_number = !digits.empty() && digits.find_first_not_of("0123456789") == digits.npos;
  if (!is_number || digits.size() > 3 * kLongestInteger) fail("an integer's digits", "others");
  if (error == std::errc()) return value;
  return text;
}

PickleValue PickleInput::int_line() {
  auto rest = text_.substr(at_);
  bool is_true = rest.starts_with("01\n");
  if (!is_true && !rest.starts_with("00\n")) return integer_line();
  line();
  return is_true;
}

double PickleInput::float_line() { return parsed<double>(line(), "a float's digits"); }

uint32_t PickleInput::key_line() { return parsed<uint32_t>(line(), "a number of the memo"); }

std::string PickleInput::escaped_line() {
  auto text = python_text(line());
  if (!text) fail("a text with Python's escapes", "something else");
  return *text;
}

PickleValue PickleInput::quoted_line() {
  auto text = line();
  if (text.size() < 2 || text.front() != text.back() ||
      (text.front() != '\'' && text.front() != '"'))
    fail("a text in quotes", "something else");
  auto bytes = python_bytes(std::string_view(text).substr(1, text.size() - 2));
  if (!bytes) fail("a text with Python's escapes", "something else");
  return text_or_bytes(*bytes);
}

}  // namespace luxtorch::io
