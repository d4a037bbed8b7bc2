#include "utf8.h"

#include <fmt/format.h>

namespace luxtorch::detail {

uint32_t next_code_point(std::string_view text, size_t& at) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const uint32_t lead = byte(at);
  if (lead < 0x80) return ++at, lead;
  const int more = lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : 3;
  if (lead < 0xc2 || lead > 0xf4) return kInvalid;
  // The second byte's range keeps overlong forms, surrogates and what is above U+10FFFF out.
  uint32_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  uint32_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  uint32_t code = lead & (0x3fu >> more);
  ++at;
  for (int i = 0; i < more; ++i, ++at, low = 0x80, high = 0xbf) {
    if (at == text.size() || byte(at) < low || byte(at) > high) return kInvalid;
    code = code << 6 | (byte(at) & 0x3f);
  }
  return code;
}

bool is_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();)
    if (next_code_point(text, at) == kInvalid) return false;
  return true;
}

void append_code_point(std::string& text, uint32_t code) {
  auto put = [&](uint32_t b) { text += static_cast<char>(b); };
  auto rest = [&](int shift) { put(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6), rest(0);
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12), rest(6), rest(0);
  } else {
    put(0xf0 | code >> 18), rest(12), rest(6), rest(0);
  }
}

std::string shown_code_point(uint32_t code) {
  std::string text;
  switch (code) {
    case '\n':
      text = "\\n";
      break;
    case '\r':
      text = "\\r";
      break;
    case '\t':
      text = "\\t";
      break;
    default:
      if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return fmt::format("U+{:04X}", code);
      append_code_point(text, code);
  }
  return fmt::format("\"{}\" (U+{:04X})", text, code);
}

}  // namespace luxtorch::detail
