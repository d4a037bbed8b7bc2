#include "io/torch/pickle_numbers.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <vector>

#include "utf8.h"

namespace luxtorch::io {
std::string decimal_of(std::string_view bytes) {
  bool negative = !bytes.empty() && (bytes.back() & 0x80) != 0;
  constexpr uint64_t kBase = 1'000'000'000;
  std::vector<uint64_t> digits;  // the lowest first
  // Of a negative number the digits of -1 - x, of which one is added at the end.
  for (size_t i = bytes.size(); i-- > 0;) {
    uint64_t carry = static_cast<uint8_t>(negative ? ~bytes[i] : bytes[i]);
    for (auto& digit : digits) {
      carry += digit * 256;
      digit = carry % kBase;
      carry /= kBase;
    }
    if (carry > 0) digits.push_back(carry);
  }
  if (negative) {
    uint64_t carry = 1;
    for (auto& digit : digits) {
      carry += digit;
      digit = carry % kBase;
      carry /= kBase;
    }
    if (carry > 0) digits.push_back(carry);
  }
  if (digits.empty()) return "0";
  std::string text = (negative ? "-" : "") + std::to_string(digits.back());
  for (size_t i = digits.size() - 1; i-- > 0;) {
    auto part = std::to_string(digits[i]);
    text.append(9 - part.size(), '0');
    text += part;
  }
  return text;
}

std::optional<std::string> python_text(std::string_view line) {
  std::string text;
  for (size_t i = 0; i < line.size(); ++i) {
    bool escaped =
        line[i] == '\\' && i + 1 < line.size() && (line[i + 1] == 'u' || line[i + 1] == 'U');
    if (!escaped) {
      detail::append_code_point(text, static_cast<uint8_t>(line[i]));
      continue;
    }
    size_t length = line[i + 1] == 'u' ? 4 : 8;
    auto digits = line.substr(i + 2, length);
    uint32_t c = 0;
    auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), c, 16);
    bool is_character = digits.size() == length && error == std::errc() &&
                        stop == digits.data() + length && c <= 0x10ffff &&
                        (c < 0xd800 || c > 0xdfff);
    if (!is_character) return std::nullopt;
    detail::append_code_point(text, c);
    i += length + 1;
  }
  return text;
}

std::optional<std::string> python_bytes(std::string_view quoted) {
  constexpr std::string_view kLetters = "\\'\"abfnrtv", kMeant = "\\'\"\a\b\f\n\r\t\v";
  std::string bytes;
  for (size_t i = 0; i < quoted.size(); ++i) {
    if (quoted[i] != '\\') {
      bytes += quoted[i];
      continue;
    }
    if (++i == quoted.size()) return std::nullopt;
    bool is_hex = quoted[i] == 'x';
    auto digits = quoted.substr(is_hex ? i + 1 : i, is_hex ? 2 : 3);
    uint32_t value = 0;
    auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, is_hex ? 16 : 8);
    auto count = static_cast<size_t>(stop - digits.data());
    if (auto letter = kLetters.find(quoted[i]); letter != kLetters.npos) {
      bytes += kMeant[letter];
    } else if (is_hex && count != 2) {
      return std::nullopt;
    } else if (count > 0) {
      bytes += static_cast<char>(value);
      i += is_hex ? 2 : count - 1;
    } else {  // Python keeps what it does not know.
      bytes += '\\';
      bytes += quoted[i];
    }
  }
  return bytes;
}

std::optional<std::string> latin1_bytes(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    auto first = static_cast<uint8_t>(text[i]);
    if (first < 0x80) {
      bytes += text[i];
    } else if ((first == 0xc2 || first == 0xc3) && i + 1 < text.size()) {
      bytes += static_cast<char>((first & 3U) << 6U | (static_cast<uint8_t>(text[++i]) & 0x3fU));
    } else {
      return std::nullopt;
    }
  }
  return bytes;
}

}  // namespace luxtorch::io
