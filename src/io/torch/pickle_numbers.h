// How pickles spell integers of any size, and texts in protocol 0.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace luxtorch::io {

/// The digits of an integer in two's complement, its lowest byte first.
std::string decimal_of(std::string_view bytes);

/// A text in Latin-1 with Python's escapes \uXXXX and \UXXXXXXXX as UTF-8; none for what is no text.
std::optional<std::string> python_text(std::string_view line);

/// The bytes of a str of Python 2 between its quotes, with the escapes \n, \x41, \101 and so on; none
/// where the line ends within one.
std::optional<std::string> python_bytes(std::string_view quoted);

/// The bytes whose Latin-1 text this is, in UTF-8; none where a character has none.
std::optional<std::string> latin1_bytes(std::string_view text);

}  // namespace luxtorch::io
