// Code points in UTF-8 (RFC 3629).
//
// Level 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace luxtorch::detail {

/// The code point that starts at text[at]; `at` moves behind it. Where there is none: kInvalid, and
/// `at` is the first byte that does not fit (or the text's size, if it ends too early).
inline constexpr uint32_t kInvalid = ~uint32_t{0};
uint32_t next_code_point(std::string_view text, size_t& at);

bool is_utf8(std::string_view text);

void append_code_point(std::string& text, uint32_t code);

/// Every code point for the reader of an error: "\n" (U+000A), "é" (U+00E9).
std::string shown_code_point(uint32_t code);

}  // namespace luxtorch::detail
