// Text on a terminal: how many columns it takes, and what of it may be sent there.
//
// Level 0.5: plain C++.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace luxtorch::detail {

/// Whether the environment's locale (LC_ALL, LC_CTYPE or LANG, the first that is set) has UTF-8.
bool locale_is_utf8();

/// Whether colours are welcome: `terminal` says that the output is one, NO_COLOR (no-color.org) is
/// not set, and TERM is set and not "dumb".
bool color_is_wanted(bool terminal);

/// The text with one '?' for everything that a terminal would obey or could not show: control
/// characters, marks that turn the direction of writing, and what is not UTF-8; without `unicode`
/// for everything that is not ASCII. Of the marks that combine with one character the first four stay.
std::string shown_text(std::string_view text, bool unicode = true);

/// The columns that a text (as shown_text returns it) takes: 2 for wide characters, 0 for those that
/// combine with the one before.
size_t columns_of(std::string_view text);

/// The text in exactly `columns` columns: with spaces behind, or cut off before "…" ("~" without
/// `unicode`).
std::string in_columns(std::string_view text, size_t columns, bool unicode = true);
/// The text in at most `columns` columns, cut off likewise.
std::string cut_to_columns(std::string_view text, size_t columns, bool unicode = true);

}  // namespace luxtorch::detail
