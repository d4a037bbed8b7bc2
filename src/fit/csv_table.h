// Tables of text in RFC 4180's form.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace luxtorch::detail {

using CsvRow = std::vector<std::string>;

/// One line with '\n': cells between commas, in quotes where they have a comma, a quote or a line break.
std::string csv_line(const CsvRow& row);

/// The rows of a text, the header first. A last line without '\n' is left out.
std::vector<CsvRow> read_csv(std::string_view text);

}  // namespace luxtorch::detail
