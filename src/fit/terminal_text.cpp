#include "fit/terminal_text.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "utf8.h"

namespace luxtorch::detail {
namespace {

struct Range {
  uint32_t first, last;
};

template <size_t n>
bool in(const std::array<Range, n>& ranges, uint32_t code) {
  return std::ranges::any_of(ranges, [&](Range r) { return code >= r.first && code <= r.last; });
}

// C0 and C1 controls, separators of lines, marks of direction (UAX #9), tags, private use.
constexpr std::array<Range, 9> kNotShown = {{{0, 0x1f},
                                             {0x7f, 0x9f},
                                             {0x061c, 0x061c},
                                             {0x200b, 0x200f},
                                             {0x2028, 0x202e},
                                             {0x2060, 0x206f},
                                             {0xfeff, 0xfeff},
                                             {0xfff9, 0xfffb},
                                             {0xe0000, 0x10ffff}}};
// Combining marks of the most used scripts, and selectors of variants.
constexpr size_t kMostMarks = 4;  // that combine with one character
constexpr std::array<Range, 5> kCombining = {
    {{0x0300, 0x036f}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}}};
// East Asian wide characters and emoji (UAX #11).
constexpr std::array<Range, 9> kWide = {{{0x1100, 0x115f},
                                         {0x2e80, 0x303e},
                                         {0x3041, 0xa4cf},
                                         {0xac00, 0xd7a3},
                                         {0xf900, 0xfaff},
                                         {0xfe30, 0xfe6f},
                                         {0xff00, 0xff60},
                                         {0x1f300, 0x1faff},
                                         {0x20000, 0x3fffd}}};

size_t width(uint32_t code) { return in(kCombining, code) ? 0 : in(kWide, code) ? 2 : 1; }

}  // namespace

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (!value || !*value) continue;
    std::string letters;
    for (const char* c = value; *c; ++c)
      if (*c != '-') letters += static_cast<char>(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    return letters.find("utf8") != letters.npos;
  }
  return false;
}

bool color_is_wanted(bool terminal) {
  const char* none = std::getenv("NO_COLOR");
  const char* kind = std::getenv("TERM");
  return terminal && !(none && *none) && kind && *kind && std::string_view(kind) != "dumb";
}

std::string shown_text(std::string_view text, bool unicode) {
  std::string shown;
  size_t marks = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t from = at;
    const uint32_t code = next_code_point(text, at);
    if (code == kInvalid) {
      at = from + 1;
      // One mark for a damaged character, whose further bytes follow.
      while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U) ++at;
    }
    marks = in(kCombining, code) ? marks + 1 : 0;
    if (marks > kMostMarks) continue;
    if (code == kInvalid || in(kNotShown, code) || (!unicode && code >= 0x80)) {
      shown += '?';
    } else {
      shown += text.substr(from, at - from);
    }
  }
  return shown;
}

size_t columns_of(std::string_view text) {
  size_t all = 0;
  for (size_t at = 0; at < text.size();) {
    const uint32_t code = next_code_point(text, at);
    if (code == kInvalid) ++at;
    all += width(code);
  }
  return all;
}

std::string cut_to_columns(std::string_view text, size_t columns, bool unicode) {
  if (columns_of(text) <= columns) return std::string(text);
  if (columns == 0) return "";
  std::string cut;
  size_t taken = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t from = at;
    const uint32_t code = next_code_point(text, at);
    if (code == kInvalid || taken + width(code) > columns - 1) break;
    taken += width(code);
    cut += text.substr(from, at - from);
  }
  return cut + (unicode ? "…" : "~");
}

std::string in_columns(std::string_view text, size_t columns, bool unicode) {
  auto cut = cut_to_columns(text, columns, unicode);
  const size_t taken = columns_of(cut);
  return cut + std::string(columns - std::min(taken, columns), ' ');
}

}  // namespace luxtorch::detail
